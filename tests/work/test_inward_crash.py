"""Bringing a tree in can be killed, repeated and raced, and needs no more memory for more files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from mng.model.transport import Machine
from mng.work.inward import bring_in

from .workbench import Shell, a_machine, a_repository, make_dirty, quiet, sh, tree_of


def test_eight_at_once_make_one_tree(tmp_path: Path, local: bool) -> None:
    """The lock lets one work; the others find it done."""
    source = a_repository(tmp_path / "source")
    make_dirty(source)
    machine = a_machine(tmp_path / "home", local=local)
    failures: list[Exception] = []

    def bring() -> None:
        try:
            bring_in(machine, str(source), say=quiet)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=bring) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert tree_of(Path(machine.work_dir)) == tree_of(source)
    assert [path.name for path in (tmp_path / "home").glob("work.tmp*")] == []


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from workbench import a_machine
from pathlib import Path
from mng.work.inward import bring_in
bring_in(a_machine(Path(sys.argv[2]), local=sys.argv[4] == "local"), sys.argv[3], say=print)
"""


@pytest.mark.parametrize("everyone", [True, False], ids=["host and client", "client"])
def test_kill_at_any_time_then_again(tmp_path: Path, local: bool, everyone: bool) -> None:
    """SIGKILL leaves either nothing or leftovers that the next run clears away."""
    source = a_repository(tmp_path / "source")
    make_dirty(source)
    (source / "large").write_bytes(os.urandom(8 << 20))
    here = str(Path(__file__).parent)
    for number in range(12):
        home = tmp_path / f"home{number}"
        client = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, here, str(home), str(source), "local" if local else ""],
            start_new_session=True, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(0.02 * number)
        (os.killpg if everyone else os.kill)(client.pid, signal.SIGKILL)
        client.wait()

        machine = a_machine(home, local=local)
        bring_in(machine, str(source), say=quiet)

        assert tree_of(Path(machine.work_dir)) == tree_of(source)
        assert list(home.glob("work.tmp*")) == []


def test_killed_between_rename_and_record_the_tree_is_kept(tmp_path: Path) -> None:
    """It is whole, so it is recorded and not made again."""
    machine = a_machine(tmp_path / "home")
    bring_in(machine, None, say=quiet)
    (tmp_path / "home/work.done").rename(tmp_path / "home/work.next")
    (Path(machine.work_dir) / "agent").write_text("x")

    bring_in(machine, None, say=quiet)

    assert (tmp_path / "home/work.done").exists()
    assert (Path(machine.work_dir) / "agent").exists()


def test_memory_does_not_grow_with_the_tree(tmp_path: Path) -> None:
    """100 MB committed and 100 MB not: a few chunks at a time."""
    source = a_repository(tmp_path / "source")
    (source / "history").write_bytes(os.urandom(100_000_000))
    sh(source, "git -c core.compression=0 add history; git commit -qm large")
    (source / "untracked").write_bytes(os.urandom(100_000_000))
    machine = a_machine(tmp_path / "home", local=False)

    tracemalloc.start()
    bring_in(machine, str(source), say=quiet)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 20_000_000
    assert (Path(machine.work_dir) / "untracked").stat().st_size == 100_000_000


def test_without_flock_perl_takes_the_lock(tmp_path: Path) -> None:
    """Eight at once on a host that has no flock(1)."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for folder in ("/usr/bin", "/bin"):
        for program in Path(folder).iterdir():
            if program.name not in ("flock", "setsid") and not os.path.lexists(
                tools / program.name
            ):
                (tools / program.name).symlink_to(program)
    machine = a_machine(tmp_path / "home")
    transport = Shell(env={**os.environ, "PATH": str(tools)})
    machine = Machine(transport, machine.home, machine.work_dir, machine.mark, local=True)
    source = a_repository(tmp_path / "source")
    threads = [
        threading.Thread(target=bring_in, args=(machine, str(source)), kwargs={"say": quiet})
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert tree_of(Path(machine.work_dir)) == tree_of(source)
