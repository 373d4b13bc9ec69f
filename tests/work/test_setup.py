"""A host's setup runs once, to its end, and tells nobody its secrets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mng.errors import HostError, HostUnreachable, SetupFailed
from mng.model.transport import Machine
from mng.work.inward import bring_in
from mng.work.setup import run_setup

from .workbench import a_machine, a_repository, quiet


@pytest.fixture
def machine(tmp_path: Path, shell: str) -> Machine:
    machine = a_machine(tmp_path / "home", shell=shell)
    bring_in(machine, None, say=quiet)
    return machine


def eventually(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_setup_runs_once_per_host_and_text(machine: Machine) -> None:
    """In the work tree; another text is another setup."""
    run_setup(machine, "pwd >>$OLDPWD/../ran; echo $0", {"OLDPWD": machine.work_dir}, say=quiet)
    run_setup(machine, "pwd >>$OLDPWD/../ran; echo $0", {"OLDPWD": machine.work_dir}, say=quiet)
    ran = Path(machine.home, "ran")
    assert ran.read_text() == f"{machine.work_dir}\n"

    run_setup(machine, "pwd >>../ran", {}, say=quiet)
    assert ran.read_text() == f"{machine.work_dir}\n" * 2


def test_setup_runs_where_the_source_lies(tmp_path: Path) -> None:
    """A source within a repository has its own directory as the place of its setup."""
    source = a_repository(tmp_path / "source")
    machine = a_machine(tmp_path / "home")
    bring_in(machine, str(source / "src/deep"), say=quiet)

    run_setup(machine, "pwd >$HOME_DIR/ran", {"HOME_DIR": machine.home}, say=quiet)

    assert Path(machine.home, "ran").read_text() == f"{machine.work_dir}/src/deep\n"


@pytest.mark.parametrize("script", ["false\ntrue", "echo hi; exit 3", "f() {\n oops", "kill -9 $$"])
def test_a_failed_setup_is_tried_again(machine: Machine, script: str) -> None:
    """Any line that fails ends it; what is recorded is that it failed, and not that it ran."""
    for _ in range(2):
        with pytest.raises(SetupFailed, match="setup ended with status"):
            run_setup(machine, "echo run >>../runs\n" + script, {}, say=quiet)

    if "oops" not in script:
        assert Path(machine.home, "runs").read_text() == "run\n" * 2
    assert not Path(machine.home, "setup.done").exists()
    status, _, log = Path(machine.home, "setup.failed").read_text().rstrip().partition(" ")
    assert (status.isdecimal(), log) == (True, f"{machine.home}/setup.log")
    run_setup(machine, "true", {}, say=quiet)
    assert not Path(machine.home, "setup.failed").exists()


def test_the_error_has_the_end_of_the_output(machine: Machine) -> None:
    """Its status and its last 15 lines, whichever stream they were written to."""
    with pytest.raises(SetupFailed) as failed:
        run_setup(machine, "seq 100; echo bad >&2; exit 7", {}, say=quiet)

    lines = str(failed.value).splitlines()
    assert lines[0] == "setup ended with status 7:"
    assert lines[1:] == [*(str(n) for n in range(87, 101)), "bad"]
    assert "setup.log" in failed.value.hint


def test_a_setup_does_not_read_what_was_sent_nor_see_our_variables(machine: Machine) -> None:
    """Its stdin is empty, and its shell is as good as fresh."""
    run_setup(machine, "cat; set | grep ^mng_ && exit 1; test $# = 0", {}, say=quiet)

    assert Path(machine.home, "setup.log").read_text() == ""


def test_secrets_reach_the_setup_and_nothing_else(machine: Machine, tmp_path: Path) -> None:
    """Any text survives; none of it is on a command line or on the disk."""
    secret = "s3cr3t'\"$(touch hacked)\\ `x`\nsecond line é"
    script = f"""printf %s "$KEY" >{tmp_path}/got; ps -eo args >{tmp_path}/ps; echo fine"""

    run_setup(machine, script, {"KEY": secret}, say=quiet)

    assert (tmp_path / "got").read_text() == secret
    assert "s3cr3t" not in (tmp_path / "ps").read_text()
    for path in (tmp_path / "home").rglob("*"):
        assert not path.is_file() or b"s3cr3t" not in path.read_bytes()
    assert not Path(machine.work_dir, "hacked").exists()


def test_a_name_that_is_none_is_refused(machine: Machine) -> None:
    """It would be shell text."""
    with pytest.raises(HostError, match="can't be the name"):
        run_setup(machine, "true", {"A;B": "x"}, say=quiet)


def test_setup_needs_a_work_tree(tmp_path: Path) -> None:
    """Nothing runs before the tree is there."""
    with pytest.raises(HostError, match="no work tree"):
        run_setup(a_machine(tmp_path / "home"), "true", {}, say=quiet)


def test_eight_at_once_run_it_once(machine: Machine) -> None:
    """The others wait for the one, and find it done."""
    threads = [
        threading.Thread(
            target=run_setup, args=(machine, "echo run >>../runs; sleep 0.3", {}),
            kwargs={"say": quiet},
        )
        for _ in range(8)
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Path(machine.home, "runs").read_text() == "run\n"


def test_a_daemon_of_the_setup_does_not_hold_the_lock(machine: Machine) -> None:
    """Nor does it keep mng waiting: another setup can run while it lives."""
    run_setup(machine, "sleep 60 & echo $! >../daemon", {}, say=quiet, timeout=20)
    pid = int(Path(machine.home, "daemon").read_text())
    try:
        run_setup(machine, "true", {}, say=quiet, timeout=20)

        os.kill(pid, 0)
        held = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
        assert not any(link.endswith("/lock") or link.startswith("pipe:") for link in held)
    finally:
        os.kill(pid, signal.SIGKILL)


PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from workbench import a_machine
from pathlib import Path
from mng.work.setup import run_setup
run_setup(a_machine(Path(sys.argv[2])), "echo run >>../runs; sleep 1; echo end >>../runs", {},
          say=print)
"""


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_killed_client_does_not_stop_the_setup(tmp_path: Path, sign: signal.Signals) -> None:
    """It goes on to its end, though mng and its shell die; the next mng waits for it."""
    machine = a_machine(tmp_path / "home")
    bring_in(machine, None, say=quiet)
    client = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), machine.home],
        start_new_session=True, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    runs = Path(machine.home, "runs")
    eventually(runs.exists)
    os.killpg(client.pid, sign)
    client.wait()

    run_setup(machine, "echo run >>../runs; sleep 1; echo end >>../runs", {}, say=quiet)

    assert runs.read_text() == "run\nend\n"


def test_a_setup_that_takes_too_long_is_left_running(machine: Machine) -> None:
    """The wait has an end, the setup hasn't."""
    with pytest.raises(HostUnreachable):
        run_setup(machine, "sleep 1; echo end >../end", {}, say=quiet, timeout=0.4)

    eventually(Path(machine.home, "setup.done").exists)
    assert Path(machine.home, "end").exists()
