"""No byte that an agent wrote is lost with its host."""

from __future__ import annotations

import os
import subprocess
import tracemalloc
from pathlib import Path

import pytest

from mng.errors import SaveFailed
from mng.work.inward import bring_in
from mng.work.pull import pull
from mng.work.save import Saved, WorkState, changed_since, save, summary

from .workbench import (
    HOST,
    NOW,
    PREFIX,
    Desk,
    a_machine,
    a_repository,
    everything,
    quiet,
    refs_of,
    run,
    sh,
    tree_of,
    work_hard,
)


def test_all_work_can_be_read_back_from_the_source(tmp_path: Path, local: bool, shell: str) -> None:
    """Branches, tags, notes, stash, HEAD, staged, changed, deleted and untracked files."""
    desk = Desk(tmp_path, local=local, shell=shell)
    work_hard(desk.work)
    there = refs_of(desk.work, "refs/heads", "refs/tags", "refs/notes")
    stash = run(desk.work, "git", "reflog", "--format=%H", "refs/stash").splitlines()
    staged = run(desk.work, "git", "write-tree")

    saved = desk.save()

    refs = refs_of(desk.source, PREFIX)
    del refs[f"{PREFIX}/about"]
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
    assert author == ("mng <mng@mng.invalid> h.local at 2026-11-23 20:45:00 UTC: uncommitted work")
    run(desk.source, "git", "fsck", "--strict")


def test_what_was_only_pulled_is_saved_all_the_same(desk: Desk) -> None:
    """The next pull may move the refs that it was brought to."""
    work_hard(desk.work)
    pull(desk.machine, HOST, desk.source, now=NOW)

    saved = desk.save()

    assert saved.commits == 2
    assert {f"{PREFIX}/heads/main", f"{PREFIX}/work-tree"} <= set(refs_of(desk.source, PREFIX))
    assert not changed_since(desk.machine, HOST, saved, now=NOW)


def test_a_source_below_the_top_of_its_repository_takes_the_work(desk: Desk) -> None:
    """Work that builds on what the repository has (a thin pack) arrives from below, too."""
    below = desk.source / "below" / "here"
    below.mkdir(parents=True)
    work_hard(desk.work)

    saved = desk.save(below)

    assert refs_of(desk.source, PREFIX)[f"{PREFIX}/heads/main"]
    assert saved.commits == 2


def test_saving_leaves_the_host_and_the_users_branches_alone(desk: Desk) -> None:
    """Not a byte of the tree, its index or its repository; nor of the user's branches and files."""
    work_hard(desk.work)
    os.utime(desk.work / "on-main")
    before = everything(desk.work)
    status, index = (run(desk.source, "git", "status"), (desk.source / ".git/index").read_bytes())
    refs, config = refs_of(desk.source), (desk.source / ".git/config").read_bytes()

    desk.save()

    assert everything(desk.work) == before
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
    assert (
        subprocess.run(["git", "rev-parse", f"{PREFIX}/work-tree"], cwd=desk.source).returncode == 0
    )


def test_branches_whose_names_are_not_text_are_saved_each(desk: Desk) -> None:
    """Bytes that are no UTF-8, and what Unicode takes for the end of a line."""
    names = [b"caf\xe9", b"caf\xe8", b"u\xe2\x80\xa8x", b"u", b"n\xc2\x85x", b"n"]
    for number, name in enumerate(names):
        subprocess.run(["git", "checkout", "-q", "-b", name, "main"], cwd=desk.work, check=True)
        sh(desk.work, f"git commit -q --allow-empty -m {number}")
    sh(desk.work, "git checkout -q main")

    saved = desk.save()

    assert saved.commits == len(names)
    there = refs_of(desk.work, "refs/heads")
    made = refs_of(desk.source, PREFIX)
    for name in names:
        ref = os.fsdecode(name)
        assert made[f"{PREFIX}/heads/{ref}"] == there[f"refs/heads/{ref}"]


def test_commits_that_no_branch_reaches_are_saved(desk: Desk) -> None:
    """Those of any other ref, and those that only a log still knows."""
    sh(
        desk.work,
        """
        git checkout -q --detach; git commit -q --allow-empty -m d1
        git commit -q --allow-empty -m d2; git checkout -q main
        git commit -q --allow-empty -m c; git update-ref refs/wip/x HEAD; git reset -q --hard HEAD~1
        """,
    )

    desk.save()

    subjects = {
        run(desk.source, "git", "log", "-1", "--format=%s", id_)
        for id_ in refs_of(desk.source, PREFIX).values()
    }
    assert {"d2", "c"} <= subjects


def test_a_work_tree_that_was_moved_away_is_no_empty_one(desk: Desk) -> None:
    """It may be anywhere: that is an error, and not nothing to save."""
    sh(desk.work, "echo precious >new")
    desk.work.rename(desk.work.parent / "elsewhere")

    with pytest.raises(SaveFailed, match="was it moved"):
        desk.save()


def test_what_is_written_after_a_save_is_noticed(desk: Desk) -> None:
    """Before the host goes, a second look tells whether somebody has gone on writing."""
    sh(desk.work, "echo one >new")
    saved = desk.save()

    assert not changed_since(desk.machine, HOST, saved, now=NOW)

    sh(desk.work, "echo two >new")
    assert changed_since(desk.machine, HOST, saved, now=NOW)
    saved = desk.save()
    assert not changed_since(desk.machine, HOST, saved, now=NOW)
