"""No byte that an agent wrote is lost with its host."""

from __future__ import annotations

import os
import subprocess
import tarfile
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest
from workbench import (
    a_machine, a_repository, everything, make_dirty, refs_of, run, sh, tree_of,
)  # fmt: skip

from mng.errors import SaveFailed
from mng.model.name import HostName
from mng.model.transport import Machine
from mng.work.inward import bring_in
from mng.work.save import Saved, WorkState, save, summary

HOST = HostName("local", "h")
NOW = datetime(2026, 11, 23, 20, 45, tzinfo=UTC)
PREFIX = "refs/mng/saved/h/20261123T204500Z"


def quiet(words: str) -> None:
    pass


class Desk:
    """A source, a host with its work tree, and the save of it."""

    def __init__(self, base: Path, *, local: bool = True, shell: str = "dash") -> None:
        self.base = base
        self.source = a_repository(base / "source")
        self.machine = a_machine(base / "home", local=local, shell=shell)
        self.work = Path(self.machine.work_dir)
        bring_in(self.machine, str(self.source), say=quiet)

    def save(self, source: Path | None = None) -> Saved:
        at = str(source or self.source)
        return save(self.machine, HOST, at, self.base / "archive", now=NOW, say=print)

    def checked_out(self, ref: str, name: str = "out") -> Path:
        """A saved commit as files."""
        out = self.base / name
        run(self.source, "git", "worktree", "add", "-q", "--detach", str(out), ref)
        return out


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def work_hard(work: Path) -> None:
    """Two branches with new commits, a tag, two stash entries, and all sorts of changes."""
    sh(
        work,
        """
        echo 1 >on-main; git add .; git commit -qm 'on main'
        git checkout -q other; echo 2 >on-other; git add .; git commit -qm 'on other'
        git checkout -q -b third; git tag new-tag; git tag -a noted -m noted
        git notes add -m 'a note'
        echo stash1 >f1; git stash -q; echo stash2 >f2; echo u >untracked; git stash -qu
        git checkout -q main
        """,
    )
    make_dirty(work)


def test_all_work_can_be_read_back_from_the_source(tmp_path: Path, local: bool, shell: str) -> None:
    """Branches, tags, notes, stash, HEAD, staged, changed, deleted and untracked files."""
    desk = Desk(tmp_path, local=local, shell=shell)
    work_hard(desk.work)
    there = refs_of(desk.work, "refs/heads", "refs/tags", "refs/notes")
    stash = run(desk.work, "git", "reflog", "--format=%H", "refs/stash").splitlines()
    staged = run(desk.work, "git", "write-tree")

    saved = desk.save()

    refs = refs_of(desk.source, PREFIX)
    assert saved == Saved(PREFIX, tuple(saved.refs), 2, saved.dirty)
    assert sorted(saved.refs) == sorted(refs)
    for name, id_ in there.items():
        assert refs[f"{PREFIX}/{name.removeprefix('refs/')}"] == id_
    assert [refs[f"{PREFIX}/stash/{n}"] for n in range(2)] == stash
    assert refs[f"{PREFIX}/HEAD"] == there["refs/heads/main"]
    assert run(desk.source, "git", "rev-parse", f"{PREFIX}/index^{{tree}}") == staged
    assert tree_of(desk.checked_out(f"{PREFIX}/work-tree")) == {
        name: (mode if mode in ("link", "0o644") else "0o755", content)
        for name, (mode, content) in tree_of(desk.work).items()
    }
    parent = run(desk.source, "git", "rev-parse", f"{PREFIX}/work-tree^")
    assert parent == there["refs/heads/main"]
    author = run(desk.source, "git", "log", "-1", "--format=%an <%ae> %s", f"{PREFIX}/work-tree")
    assert author == (
        "mng <mng@mng.invalid> h.local at 2026-11-23 20:45:00 UTC: uncommitted work"
    )
    run(desk.source, "git", "fsck", "--strict")


def test_saving_leaves_the_host_and_the_users_branches_alone(desk: Desk) -> None:
    """Not a byte of the tree, its index or its repository; nor of the user's branches and files."""
    work_hard(desk.work)
    os.utime(desk.work / "on-main")
    before = everything(desk.work)
    status, index = (run(desk.source, "git", "status"), (desk.source / ".git/index").read_bytes())
    refs, config = refs_of(desk.source), (desk.source / ".git/config").read_bytes()

    desk.save()

    after = everything(desk.work)
    assert {name: content for name, (content, _) in after.items()} == {
        name: content for name, (content, _) in before.items()
    }
    # git itself renews the time of an object that it finds to be there already.
    moved = [name for name in after if after[name] != before[name]]
    assert [name for name in moved if not name.startswith(".git/objects/")] == []
    assert list(Path(desk.machine.home).glob("save.tmp*")) == []
    assert (desk.source / ".git/index").read_bytes() == index
    assert (desk.source / ".git/config").read_bytes() == config
    assert not (desk.source / ".git/FETCH_HEAD").exists()
    assert {k: v for k, v in refs_of(desk.source).items() if "mng" not in k} == refs
    assert run(desk.source, "git", "status") == status


def test_what_is_saved_outlives_the_users_gc(desk: Desk) -> None:
    """Refs hold it."""
    work_hard(desk.work)
    desk.save()
    sh(desk.work, "rm -rf .git *")

    run(desk.source, "git", "gc", "-q", "--prune=now")

    run(desk.source, "git", "fsck", "--strict")
    assert run(desk.source, "git", "show", f"{PREFIX}/heads/other:on-other") == "2"


def test_nothing_to_save_makes_nothing(desk: Desk, shell: str) -> None:
    """A host whose every commit and file the source has."""
    refs = refs_of(desk.source)

    saved = desk.save()

    assert saved == Saved("nothing to save", (), 0, 0)
    assert refs_of(desk.source) == refs


def test_a_second_save_gets_a_name_of_its_own(desk: Desk) -> None:
    """Also within the same second."""
    (desk.work / "a").write_text("a")
    first = desk.save()
    (desk.work / "a").write_text("b")
    second = desk.save()

    assert [first.place, second.place] == [PREFIX, f"{PREFIX}-2"]
    assert run(desk.source, "git", "show", f"{PREFIX}/work-tree:a") == "a"
    assert run(desk.source, "git", "show", f"{PREFIX}-2/work-tree:a") == "b"


def test_the_source_may_have_moved_on(desk: Desk) -> None:
    """Or have dropped what the host began with: what it lacks, travels."""
    sh(desk.work, "echo x >x; git add x; git commit -qm x")
    sh(
        desk.source,
        "git commit -q --amend -m rewritten; git reflog expire --expire=now --all;"
        "git gc -q --prune=now",
    )

    saved = desk.save()

    assert saved.commits == 2
    run(desk.source, "git", "fsck", "--strict")
    assert run(desk.source, "git", "show", f"{PREFIX}/heads/main:x") == "x"


def test_only_what_is_new_travels(desk: Desk, tmp_path: Path) -> None:
    """The base and all before it are not sent again."""
    (desk.source / "large").write_bytes(os.urandom(3_000_000))
    sh(desk.source, "git add .; git commit -qm large")
    machine = a_machine(tmp_path / "home2")
    bring_in(machine, str(desk.source), say=quiet)
    (Path(machine.work_dir) / "small").write_text("x")
    packs = set((desk.source / ".git/objects/pack").glob("*.pack"))

    save(machine, HOST, str(desk.source), tmp_path / "archive", now=NOW, say=quiet)

    (new,) = set((desk.source / ".git/objects/pack").glob("*.pack")) - packs
    assert new.stat().st_size < 10_000


def test_a_change_that_status_cannot_see_is_saved(desk: Desk) -> None:
    """Same size and time as what the index remembers; assume-unchanged; skip-worktree."""
    sh(
        desk.work,
        "git update-index --assume-unchanged f1; git update-index --skip-worktree f2;"
        "echo hidden >f1; echo hidden >f2; echo 'FILE 3' >f3; git status >../s; echo 'Xile 3' >f3",
    )

    desk.save()

    for name in ("f1", "f2", "f3"):
        shown = run(desk.source, "git", "show", f"{PREFIX}/work-tree:{name}")
        assert shown == (desk.work / name).read_text().rstrip("\n")


def nest(work: Path, inner: Path) -> None:
    """Repositories in the tree: cloned, begun, broken, shallow, linked, ignored, deep."""
    sh(
        work,
        f"""
        git clone -q {inner} cloned
        cd cloned; echo x >x; git add x; git commit -qm inner; echo y >y; echo l >a.log
        git stash -qu; echo z >z; echo f >>f1; git clone -q {inner} 'deep er'; cd ..
        mkdir begun; git init -q begun; echo b >begun/b
        git clone -q {inner} broken; rm broken/.git/HEAD; echo precious >broken/p
        git clone -q --depth=1 file://{inner} shallow
        git init -q src; echo inside >src/deep/a.py
        git worktree add -q -b linked linked; echo w >linked/w
        git worktree add -q --detach ../outside; cd ../outside; echo o >o; git add o
        git commit -qm outside; echo p >p; cd ../work
        mkdir junk.log; git clone -q {inner} junk.log/ignored
        """,
    )


def test_repositories_within_the_tree_are_saved_whole(tmp_path: Path, shell: str) -> None:
    """Their files are in the tree's commit, their git directories in one of their own."""
    desk = Desk(tmp_path, shell=shell)
    nest(desk.work, a_repository(tmp_path / "inner"))
    before = everything(tmp_path / "home")

    saved = desk.save()

    out = desk.checked_out(f"{PREFIX}/work-tree")
    expected = tree_of(desk.work)
    ours = {k: v for k, v in expected.items() if not k.startswith((b"linked/", b"junk.log/"))}
    assert tree_of(out) == ours
    assert {k: v for k, v in everything(tmp_path / "home").items() if k != "save.lock"} == before

    dirs = desk.checked_out(f"{PREFIX}/git-dirs", "dirs")
    for path in ("cloned", "cloned/deep er", "shallow", "begun", "src"):
        copy = dirs / f"{path}.git"
        for empty in ("refs", "objects"):
            (copy / empty).mkdir(exist_ok=True)
        (out / path / ".git").mkdir()
        sh(tmp_path, f"cp -a '{copy}/.' '{out / path}/.git'")
        run(out / path, "git", "fsck", "--strict")
        for command in ("log --all --oneline", "stash list", "status --porcelain -uall"):
            there, here = (sh(at / path, f"git {command}") for at in (desk.work, out))
            assert there == here
    assert (dirs / "broken.git/config").exists()
    assert not (dirs / "junk.log").exists()

    show = ("git", "show")
    assert run(desk.source, *show, f"{PREFIX}/worktrees/linked/work-tree:w") == "w"
    assert run(desk.source, *show, f"{PREFIX}/worktrees/outside/HEAD:o") == "o"
    assert run(desk.source, *show, f"{PREFIX}/worktrees/outside/work-tree:p") == "p"
    assert f"{PREFIX}/heads/linked" in saved.refs


def test_submodules_are_saved_only_if_they_changed(tmp_path: Path, local: bool) -> None:
    """New commits, stash and dirt are; what came in is not sent back."""
    subs = [a_repository(tmp_path / name) for name in ("sub1", "sub2")]
    source = a_repository(tmp_path / "source")
    sh(
        source,
        f"git submodule -q add {subs[0]} one; git submodule -q add {subs[1]} two; git commit -qm s",
    )
    machine = a_machine(tmp_path / "home", local=local)
    bring_in(machine, str(source), say=quiet)
    work = Path(machine.work_dir)
    archive = tmp_path / "archive"
    nothing = save(machine, HOST, str(source), archive, now=NOW, say=quiet)
    assert nothing.refs == ()
    sh(work, "cd one; echo x >x; git add x; git commit -qm x; echo y >y")

    save(machine, HOST, str(source), archive, now=NOW, say=quiet)

    listed = run(source, "git", "ls-tree", "-r", f"{PREFIX}/work-tree")
    assert "one/x" in listed
    assert "one/y" in listed
    assert "160000 commit" in listed
    assert "two/" not in listed
    dirs = run(source, "git", "ls-tree", "-r", "--name-only", f"{PREFIX}/git-dirs")
    assert "one.git/HEAD" in dirs
    assert "two.git" not in dirs


def test_a_repository_without_commits_is_saved(tmp_path: Path) -> None:
    """The first work of all."""
    source = tmp_path / "source"
    source.mkdir()
    run(source, "git", "init", "-q", "-b", "main")
    machine = a_machine(tmp_path / "home")
    bring_in(machine, str(source), say=quiet)
    archive = tmp_path / "archive"
    assert save(machine, HOST, str(source), archive, now=NOW, say=quiet).refs == ()
    Path(machine.work_dir, "x").write_text("x")

    saved = save(machine, HOST, str(source), archive, now=NOW, say=quiet)

    assert saved.refs == (f"{PREFIX}/work-tree",)
    assert run(source, "git", "show", f"{PREFIX}/work-tree:x") == "x"


def test_a_shallow_source_gets_its_work_back(tmp_path: Path, local: bool) -> None:
    """On top of where its own history ends."""
    whole = a_repository(tmp_path / "whole")
    run(tmp_path, "git", "clone", "-q", "--depth=1", f"file://{whole}", "source")
    source = tmp_path / "source"
    machine = a_machine(tmp_path / "home", local=local)
    bring_in(machine, str(source), say=quiet)
    sh(Path(machine.work_dir), "echo x >x; git add x; git commit -qm x")

    saved = save(machine, HOST, str(source), tmp_path / "archive", now=NOW, say=quiet)

    assert saved.place == PREFIX
    run(source, "git", "fsck")


def test_an_unfinished_merge_is_saved(desk: Desk) -> None:
    """With the files as they are, markers included."""
    sh(
        desk.work,
        "echo a >f1; git commit -qam a; git checkout -q other; echo b >f1; git commit -qam b;"
        "git merge main && exit 1 || :",
    )

    desk.save()

    assert "<<<<<<<" in run(desk.source, "git", "show", f"{PREFIX}/work-tree:f1")


@pytest.mark.parametrize("kind", ["none", "folder"])
def test_without_a_source_repository_a_bundle_holds_the_work(tmp_path: Path, kind: str) -> None:
    """It can be cloned, only the user can read it, and nothing half-made is ever seen."""
    source = None
    if kind == "folder":
        source = tmp_path / "source"
        source.mkdir()
        (source / "a").write_text("a")
    machine = a_machine(tmp_path / "home")
    bring_in(machine, source and str(source), say=quiet)
    work, archive = Path(machine.work_dir), tmp_path / "archive"
    at = source and str(source)
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


def test_a_repository_whose_name_git_cannot_list_goes_into_the_archive(desk: Desk) -> None:
    """A line break in a nested repository's name: files are saved, nothing is guessed."""
    name = "odd\nname"
    (desk.work / name).mkdir()
    sh(desk.work / name, "git init -q; echo x >x")

    saved = desk.save()

    assert saved.place.endswith(".tar.gz")
    with tarfile.open(saved.place) as tar:
        assert f"./{name}/x" in tar.getnames()


def test_a_tree_that_never_came_has_nothing_to_save(tmp_path: Path) -> None:
    """A host that was killed while it was made."""
    machine = a_machine(tmp_path / "home")

    saved = save(machine, HOST, None, tmp_path / "archive", now=NOW, say=quiet)

    assert saved.refs == ()
    assert "nothing to save" in saved.place
    assert summary(machine) == WorkState("", 0, 0)


def test_a_summary_says_what_a_destruction_would_have_to_save(desk: Desk, shell: str) -> None:
    """Branch, uncommitted files, new commits; what came in doesn't count as new."""
    assert summary(desk.machine) == WorkState("main", 0, 0)

    sh(desk.work, "echo 1 >>f1; git commit -qam 1; git checkout -q -b side; echo 2 >n; echo 3 >>f2")

    assert summary(desk.machine) == WorkState("side", 2, 1)


def test_memory_does_not_grow_with_the_work(desk: Desk) -> None:
    """100 MB of untracked files go through, not into, this process."""
    (desk.work / "large").write_bytes(os.urandom(100_000_000))

    tracemalloc.start()
    desk.save()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 20_000_000
    size = run(desk.source, "git", "cat-file", "-s", f"{PREFIX}/work-tree:large")
    assert size == "100000000"


def test_hooks_and_signing_have_no_say(desk: Desk) -> None:
    """On neither side."""
    for at in (desk.source, desk.work):
        hook = at / ".git/hooks/reference-transaction"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {desk.base}/hooked; exit 1\n")
        hook.chmod(0o755)
        run(at, "git", "config", "commit.gpgsign", "true")
    (desk.work / "x").write_text("x")

    desk.save()

    assert not (desk.base / "hooked").exists()
    assert subprocess.run(["git", "rev-parse", f"{PREFIX}/work-tree"], cwd=desk.source).returncode == 0
