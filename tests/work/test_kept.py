"""What a host keeps of its work by itself is as good as what a client saves."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from mng.errors import MngError
from mng.work.kept import kept_machine, scripts
from mng.work.save import Saved, save

from .workbench import HOST, MARK, NOW, Desk, everything, refs_of, run, sh, work_hard


@pytest.fixture
def keeper(tmp_path: Path, shell: str) -> Desk:
    """A host with the means to keep its work, and a place to keep it."""
    desk = Desk(tmp_path, shell=shell)
    home = Path(desk.machine.home)
    (home / "keep").mkdir()
    for name, text in {**scripts(), "glance": 'echo "the view of $1"'}.items():
        (home / "keep" / name).write_text(text)
    (tmp_path / "saves").mkdir()
    (home / "saves").symlink_to(tmp_path / "saves")
    (home / "agents" / "ada").mkdir(parents=True)
    (home / "agents" / "ada" / "journal").write_text("1 started i1 2\n")
    (home / "agents" / ".i1").symlink_to("ada")
    return desk


def keep(desk: Desk, why: str = "work") -> Path:
    """The archive of a save that the host makes."""
    home = desk.machine.home
    argv = ["sh", f"{home}/keep/keep", home, MARK, desk.machine.work_dir, why, "kept by itself"]
    done = desk.machine.transport.run(argv)
    assert done.status == 0, done.stderr
    name = done.stdout.decode().split()[1]
    assert f".{MARK}.{why}" in name
    return desk.base / "saves" / f"{name}.tar"


def changed(desk: Desk) -> str:
    home = desk.machine.home
    argv = ["sh", f"{home}/keep/changed", home, MARK, desk.machine.work_dir]
    return desk.machine.transport.run(argv).stdout.decode().strip()


def brought_home(desk: Desk, archive: Path) -> Saved:
    """As after the host's end: all that is left of it is the archive, and what that is built on."""
    folder = Path(tempfile.mkdtemp(dir=desk.base))
    shutil.copy(archive, folder / "kept.tar")
    head = archive.with_suffix(".view").read_text().splitlines()[0]
    if base := head.split(" ")[2]:
        shutil.copy(desk.base / "saves" / base, folder / "base")
    machine = kept_machine(folder, MARK)
    at = str(desk.source)
    return save(machine, HOST, at, desk.base / "archive", now=NOW, say=print)


def test_what_was_kept_becomes_the_same_save(keeper: Desk) -> None:
    """Ref by ref, and the host is left as it was."""
    work_hard(keeper.work)
    before = everything(keeper.work)
    archive = keep(keeper)
    assert everything(keeper.work) == before

    saved, home = keeper.save(), brought_home(keeper, archive)

    refs = refs_of(keeper.source, home.place)
    run(keeper.source, "git", "fsck", "--strict")
    direct = refs_of(keeper.source, saved.place)
    assert {ref.removeprefix(home.place) for ref in refs} == {
        ref.removeprefix(saved.place) for ref in direct
    }
    for name in ("heads/main", "heads/third", "tags/noted", "stash/0", "work-tree^{tree}"):
        one, other = (run(keeper.source, "git", "rev-parse", f"{place}/{name}")
                      for place in (home.place, saved.place))  # fmt: skip
        assert one == other
    assert (home.commits, home.dirty) == (saved.commits, saved.dirty)


def test_it_needs_nothing_of_the_source(keeper: Desk) -> None:
    """Not even the commits that the host began with: the user may have thrown them away."""
    work_hard(keeper.work)
    archive = keep(keeper)
    sh(keeper.source, "rm -rf .git; git init -q; git commit -q --allow-empty -m other")

    home = brought_home(keeper, archive)

    assert run(keeper.source, "git", "show", f"{home.place}/heads/main:on-main") == "1"


def test_a_repository_that_git_can_not_read_is_kept_as_files(keeper: Desk) -> None:
    """As when a client saves it."""
    (keeper.work / "f1").write_text("mine")
    sh(keeper.work, "rm .git/HEAD")

    home = brought_home(keeper, keep(keeper))

    assert home.place.endswith(".tar.gz")
    assert run(keeper.base, "tar", "-xzOf", home.place, "./f1") == "mine"


def test_an_archive_that_was_cut_short_is_no_save(keeper: Desk) -> None:
    """And one line says so."""
    archive = keep(keeper)
    os.truncate(archive, 700)

    with pytest.raises(MngError, match="can't be read"):
        brought_home(keeper, archive)


def test_the_view_comes_last_and_names_what_it_is_of(keeper: Desk) -> None:
    """Its first line is the archive's size and digest; the rest is of the copy."""
    archive = keep(keeper)
    digest = run(keeper.base, "sha256sum", str(archive)).split()[0]

    view = archive.with_suffix(".view").read_text().splitlines()

    assert view[0].rpartition(" ")[0] == f"{archive.stat().st_size} {digest}"
    assert view[1].endswith("keep.tmp/home")
    members = run(keeper.base, "tar", "-tf", str(archive)).splitlines()
    assert {"./agents/ada/journal", "./agents/.i1", "./host.json"} - set(members) == {"./host.json"}


def test_a_change_is_told_until_it_is_kept(keeper: Desk) -> None:
    """Of a file, of a removal, of a commit, of an agent; not of git's own reading."""
    keep(keeper)
    assert changed(keeper) == ""
    for text in ("echo more >>f1", "rm f2", "git commit -qam more", "git branch new"):
        sh(keeper.work, text)
        assert changed(keeper) != "", text
        keep(keeper)
        assert changed(keeper) == "", text
    (Path(keeper.machine.home) / "agents" / "ada" / "log").write_text("said")
    assert changed(keeper).endswith("agents/ada") or changed(keeper).endswith("log")


def test_the_two_newest_saves_stay(keeper: Desk) -> None:
    """Of whatever host; halves of a save that was killed go."""
    saves = keeper.base / "saves"
    for name in ("20200101T000000Z.old.work", "20200102T000000Z.old.work"):
        for ending in ("tar", "view"):
            (saves / f"{name}.{ending}").write_text("")
    (saves / ".20200103T000000Z.old.work.tar.new").write_text("half")

    new = keep(keeper)

    left = sorted(path.name for path in saves.iterdir())
    assert left == [
        "20200102T000000Z.old.work.tar", "20200102T000000Z.old.work.view",
        new.name, new.with_suffix(".view").name, *(name for name in left if name[:5] == "base."),
    ]  # fmt: skip


def test_what_a_tree_began_with_is_written_once(keeper: Desk) -> None:
    """A save has only what is new since then, and a base that no save needs goes."""
    saves = keeper.base / "saves"
    sh(keeper.work, "head -c 200000 /dev/urandom >big; git add big; git commit -qm big")
    (saves / "base.0123456789abcdef.00").write_text("of a host before")
    run(keeper.work, "git", "rev-parse", "HEAD")
    refs = Path(keeper.machine.home) / "work.refs"
    refs.write_text(run(keeper.work, "git", "rev-parse", "HEAD") + "\n")
    sizes = []
    for text in ("one", "two"):
        (keeper.work / "f1").write_text(text)
        sizes.append(keep(keeper).stat().st_size)

    assert max(sizes) < 100_000
    assert [path.stat().st_size > 200_000 for path in saves.glob("base.*")] == [True]


def test_an_agent_that_is_just_being_told_something_is_copied_afterwards(keeper: Desk) -> None:
    """No message is half said in what is kept: who says one holds the agent's lock."""
    home = Path(keeper.machine.home)
    (home / "locks").mkdir()
    journal = home / "agents" / "ada" / "journal"
    text = 'exec 8>>"$1/locks/ada"; flock 8; echo held; read go; echo "2 begun k" >>"$2"'
    teller = subprocess.Popen(
        ["sh", "-c", text, "sh", str(home), str(journal)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert teller.stdout
    assert teller.stdout.readline() == b"held\n"
    argv = ["sh", f"{home}/keep/keep", str(home), MARK, keeper.machine.work_dir, "work", "label"]
    keeping = subprocess.Popen(argv, stdout=subprocess.PIPE)
    with pytest.raises(subprocess.TimeoutExpired):
        keeping.wait(1)

    teller.communicate(b"go\n")
    said, _ = keeping.communicate(timeout=30)

    archive = keeper.base / "saves" / f"{said.decode().split()[1]}.tar"
    kept = run(keeper.base, "tar", "-xOf", str(archive), "./agents/ada/journal")
    assert kept.endswith("2 begun k")
