"""Where git or the source can't take the work, it is archived, or the host stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from mng.errors import SaveFailed
from mng.work.inward import bring_in
from mng.work.save import Saved, save

from .workbench import (
    HOST,
    NOW,
    Desk,
    a_machine,
    make_dirty,
    quiet,
    refs_of,
    run,
    sh,
    tree_of,
    work_hard,
)


@pytest.mark.parametrize("kind", ["none", "folder"])
def test_without_a_source_repository_a_bundle_holds_the_work(tmp_path: Path, kind: str) -> None:
    """It can be cloned, only the user can read it, and nothing half-made is ever seen."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source/a").write_text("a")
    at = str(tmp_path / "source") if kind == "folder" else None
    machine = a_machine(tmp_path / "home")
    bring_in(machine, at, say=quiet)
    work, archive = Path(machine.work_dir), tmp_path / "archive"
    assert save(machine, HOST, at, archive, now=NOW, say=quiet).refs == ()
    sh(work, "git checkout -q -b side; echo x >x; git add x; git commit -qm x; echo y >y")

    saved = save(machine, HOST, at, archive, now=NOW, say=quiet)
    again = save(machine, HOST, at, archive, now=NOW, say=quiet)

    bundle = archive / "h/20261123T204500Z.bundle"
    assert saved == Saved(str(bundle), saved.refs, 1, 1)
    assert again.place == str(archive / "h/20261123T204500Z-2.bundle")
    assert bundle.stat().st_mode & 0o777 == 0o600
    assert len(list((archive / "h").iterdir())) == 2
    run(tmp_path, "git", "clone", "-q", "-b", "side", str(bundle), "copy")
    assert (tmp_path / "copy/x").read_text() == "x\n"
    sh(tmp_path / "copy", "git fetch -q origin refs/mng/work-tree; git show FETCH_HEAD:y")


@pytest.mark.parametrize("damage", ["rm -rf .git", "rm .git/HEAD", "rm -rf .git/objects/*"])
def test_where_git_is_broken_the_files_are_saved(desk: Desk, damage: str) -> None:
    """All of them, in an archive, and said so."""
    make_dirty(desk.work)
    sh(desk.work, damage)
    expected = tree_of(desk.work)
    said: list[str] = []

    saved = save(
        desk.machine, HOST, str(desk.source), desk.base / "archive", now=NOW, say=said.append
    )

    assert saved.place == str(desk.base / "archive/h/20261123T204500Z.tar.gz")
    assert "saving all of its files instead" in said[-1]
    out = desk.base / "out"
    out.mkdir()
    run(out, "tar", "-xzf", saved.place)
    assert tree_of(out) == expected
    assert (out / "run.log").exists()
    with tarfile.open(saved.place) as tar:
        assert len(tar.getmembers()) == saved.dirty


def damage(desk: Desk, fault: str) -> None:
    match fault:
        case "moved away":
            desk.source.rename(desk.base / "elsewhere")
        case "no repository any more":
            sh(desk.source, "rm -rf .git")
        case "unreadable repository":
            sh(desk.source, "rm .git/HEAD")
        case "refs not writable":
            (desk.source / ".git/refs/mng").write_text("in the way")
        case "objects not writable":
            sh(desk.source, "mv .git/objects/pack .git/pack; echo >.git/objects/pack")
        case "host gone":
            Path(desk.machine.home, "id").write_text("another")


@pytest.mark.parametrize(
    "fault",
    [
        "moved away", "no repository any more", "unreadable repository", "refs not writable",
        "objects not writable", "host gone",
    ],
)  # fmt: skip
def test_what_cannot_be_saved_is_an_error(desk: Desk, fault: str) -> None:
    """One clear line and a hint; no other place is taken silently, and the host keeps its work."""
    work_hard(desk.work)
    before = tree_of(desk.work)
    damage(desk, fault)

    with pytest.raises(SaveFailed) as failed:
        desk.save()

    assert str(failed.value).startswith("the work on h.local can't be saved: ")
    assert "\n" not in str(failed.value)
    assert "--discard-work h" in failed.value.hint
    assert not (desk.base / "archive").exists()
    assert tree_of(desk.work) == before


def test_an_archive_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """The folder for it is a file."""
    machine = a_machine(tmp_path / "home")
    bring_in(machine, None, say=quiet)
    Path(machine.work_dir, "x").write_text("x")
    (tmp_path / "archive").write_text("in the way")

    with pytest.raises(SaveFailed):
        save(machine, HOST, None, tmp_path / "archive", now=NOW, say=quiet)


def test_files_alone_are_not_enough_for_a_linked_work_tree_elsewhere(desk: Desk) -> None:
    """What an archive of the work tree would not hold keeps the host alive."""
    run(desk.work, "git", "worktree", "add", "-q", "../outside")
    (desk.work / "../outside/only-here").write_text("x")
    run(desk.work, "rm", ".git/HEAD")

    with pytest.raises(SaveFailed, match="outside"):
        desk.save()


PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from workbench import HOST, NOW, a_machine, save
base = Path(sys.argv[2])
save(a_machine(base / "home"), HOST, sys.argv[3] or None, base / "archive", now=NOW, say=print)
"""


@pytest.mark.parametrize("archived", [False, True], ids=["repository", "bundle"])
def test_killed_at_any_time_a_save_can_be_made_again(desk: Desk, archived: bool) -> None:
    """SIGKILL leaves a sound repository, only bundles that verify, and the work on the host."""
    work_hard(desk.work)
    source = "" if archived else str(desk.source)
    expected = len(refs_of(desk.work, "refs/heads", "refs/tags", "refs/notes")) + 5
    for number in range(12):
        client = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(desk.base), source],
            start_new_session=True,
            cwd=Path(__file__).parents[2],
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.05 * number)
        os.killpg(client.pid, signal.SIGKILL)
        client.wait()

        for bundle in (desk.base / "archive").glob("h/*.bundle"):
            run(desk.source, "git", "bundle", "verify", str(bundle))
        run(desk.source, "git", "fsck", "--connectivity-only")

    archive = desk.base / "archive"
    saved = save(desk.machine, HOST, source or None, archive, now=NOW, say=quiet)
    # A client that was faster than its signal has saved it all, and then nothing is left to save.
    places = refs_of(desk.source, "refs/mng/saved")
    assert len(saved.refs or places) >= expected
