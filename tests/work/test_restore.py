"""What was saved of a host, as another host's tree or as a branch: just as it was."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mng.errors import NotFound, UsageError
from mng.model.transport import Machine
from mng.work.inward import bring_in
from mng.work.save import save
from mng.work.saved import find_saved, forget, make_branch, pick_saved

from .workbench import (
    HOST,
    NOW,
    PREFIX,
    Desk,
    a_machine,
    make_dirty,
    quiet,
    refs_of,
    run,
    sh,
    status,
    tree_of,
    work_hard,
    work_of,
)  # fmt: skip

NAME = "h/20261123T204500Z"


def restored(desk: Desk, source: Path | None, shell: str = "dash") -> Machine:
    """Another host, made from what was saved."""
    machine = a_machine(desk.base / "second", local=False, shell=shell)
    at = str(source) if source else None
    bring_in(machine, at, restored=NAME, archive=desk.base / "archive", say=quiet)
    return machine


def what_git_says(work: Path) -> list[object]:
    """Everything that a person would look at."""
    return [
        status(work), run(work, "git", "write-tree"), run(work, "git", "symbolic-ref", "HEAD"),
        refs_of(work, "refs/heads", "refs/tags", "refs/notes"),
        run(work, "git", "stash", "list", "--format=%H %s"),
    ]  # fmt: skip


def git_modes(path: Path) -> dict[bytes, tuple[str, str]]:
    """Files as git knows them: a mode is executable or not."""
    return {
        name: (mode if mode == "link" else str(int(mode, 8) & 0o100), content)
        for name, (mode, content) in tree_of(path).items()
    }


def test_a_host_that_is_restored_is_the_one_that_was_saved(desk: Desk, shell: str) -> None:
    """Commits on two branches, two stash entries, staged, changed, deleted, untracked, links."""
    work_hard(desk.work)
    desk.save()

    again = work_of(restored(desk, desk.source, shell))

    assert what_git_says(again) == what_git_says(desk.work)
    assert git_modes(again) == git_modes(desk.work)
    run(again, "git", "fsck", "--strict")


def test_a_save_without_a_source_is_restored_from_its_bundle(desk: Desk) -> None:
    """The same, from a file beside the hosts."""
    work_hard(desk.work)
    save(desk.machine, HOST, None, desk.base / "archive", now=NOW, say=quiet)

    again = work_of(restored(desk, None))

    assert what_git_says(again) == what_git_says(desk.work)
    assert git_modes(again) == git_modes(desk.work)


def test_a_nested_repository_is_restored_with_its_history(desk: Desk) -> None:
    """Its commits, its index, and what is not committed there."""
    inner = desk.work / "lib.git" / "in ner"
    inner.mkdir(parents=True)
    sh(
        inner,
        "git init -q -b main; echo 1 >a; git add a; git commit -qm inner; echo 2 >b; git add b",
    )
    (inner / "a").write_text("changed\n")
    desk.save()

    again = work_of(restored(desk, desk.source)) / "lib.git" / "in ner"

    assert status(again) == status(inner) != ""
    assert run(again, "git", "log", "--format=%H %s") == run(inner, "git", "log", "--format=%H %s")
    assert tree_of(again) == tree_of(inner)


def test_ignored_files_that_were_kept_are_restored(desk: Desk) -> None:
    """They lie where they lay, and git goes on ignoring them."""
    (desk.work / "run.log").write_text("kept\n")
    save(
        desk.machine, HOST, str(desk.source), desk.base / "archive", keep=["run.log"], now=NOW,
        say=quiet,
    )  # fmt: skip

    again = work_of(restored(desk, desk.source))

    assert (again / "run.log").read_text() == "kept\n"
    assert status(again) == status(desk.work) == ""


def test_a_repository_without_a_commit_is_restored(tmp_path: Path) -> None:
    """What is staged and what is not, on a branch that is still to be born."""
    machine = a_machine(tmp_path / "home")
    source = tmp_path / "source"
    source.mkdir()
    run(source, "git", "init", "-q", "-b", "trunk")
    bring_in(machine, str(source), say=quiet)
    sh(work_of(machine), "echo 1 >staged; git add staged; echo 2 >loose")
    save(machine, HOST, str(source), tmp_path / "archive", now=NOW, say=quiet)
    second = a_machine(tmp_path / "second", local=False)

    bring_in(second, str(source), restored=NAME, say=quiet)

    assert status(work_of(second)) == status(work_of(machine)) == "A  staged\0?? loose\0"
    assert run(work_of(second), "git", "symbolic-ref", "HEAD") == "refs/heads/trunk"


def test_work_on_a_restored_host_is_saved_even_if_the_first_save_is_gone(desk: Desk) -> None:
    """What came from a save is not taken for something that the source is sure to have."""
    work_hard(desk.work)
    desk.save()
    second = restored(desk, desk.source)
    forget(desk.source, find_saved(desk.source, None))
    assert refs_of(desk.source, "refs/mng/saved") == {}
    run(desk.source, "git", "gc", "-q", "--prune=now")

    save(second, HOST, str(desk.source), desk.base / "archive", now=NOW, say=quiet)

    refs = refs_of(desk.source, PREFIX)
    assert refs[f"{PREFIX}/heads/main"] == run(desk.work, "git", "rev-parse", "main")
    run(desk.source, "git", "fsck", "--strict")


def test_what_was_saved_is_listed_with_whose_it_is(desk: Desk) -> None:
    """When, host, agents, branch, how many new commits and uncommitted files."""
    work_hard(desk.work)
    at = str(desk.source)
    agents = ["ada", "bob"]
    made = save(desk.machine, HOST, at, desk.base / "archive", agents=agents, now=NOW, say=quiet)

    (found,) = find_saved(desk.source, desk.base / "archive")

    assert (found.name, found.place, found.when) == (NAME, PREFIX, int(NOW.timestamp()))
    assert (found.agents, found.branch) == (("ada", "bob"), "main")
    assert (found.commits, found.dirty) == (made.commits, made.dirty)
    assert found.refs["heads/third"] == run(desk.work, "git", "rev-parse", "third")


def test_a_host_alone_means_its_newest_save(desk: Desk) -> None:
    """And a name that nothing has is said to be so."""
    run(desk.source, "git", "update-ref", "refs/mng/saved/h/20250101T000000Z/HEAD", "HEAD")
    (desk.work / "new").write_text("new\n")
    desk.save()
    found = find_saved(desk.source, None)

    assert pick_saved(found, "h").name == NAME
    assert pick_saved(found, "h/20250101T000000Z").refs.keys() == {"HEAD"}
    with pytest.raises(NotFound, match="nothing is saved as 'other'"):
        pick_saved(found, "other")


def test_a_branch_of_a_save_ends_with_what_was_not_committed(desk: Desk) -> None:
    """The user's branches, index and tree don't move; other saved branches are named."""
    work_hard(desk.work)
    desk.save()
    (found,) = find_saved(desk.source, None)
    before = status(desk.source), run(desk.source, "git", "rev-parse", "HEAD")

    tip, more = make_branch(desk.source, found, "back")

    assert run(desk.source, "git", "rev-parse", "back", "back^").split() == [
        tip, run(desk.work, "git", "rev-parse", "main"),
    ]  # fmt: skip
    assert {"heads/other", "heads/third", "stash/0", "stash/1"} <= set(more)
    assert "heads/main" not in more
    assert (status(desk.source), run(desk.source, "git", "rev-parse", "HEAD")) == before
    with pytest.raises(UsageError, match="already exists"):
        make_branch(desk.source, found, "back")


def test_an_archive_of_files_says_how_it_is_opened(desk: Desk) -> None:
    """Where git could not read the host's repository, tar has what was there."""
    make_dirty(desk.work)
    (desk.work / ".git" / "HEAD").write_text("nonsense")
    desk.save()
    (found,) = find_saved(desk.source, desk.base / "archive")

    assert found.place.endswith(".tar.gz")
    with pytest.raises(UsageError, match="archive of files") as caught:
        restored(desk, desk.source)
    assert f"tar -xzf {found.place}" in str(caught.value.hint)


CONVERTED = {
    "line ends by attribute": ("", "* text=auto eol=crlf"),
    "line ends by setting": ("[core]\n autocrlf = input\n", "*.x -diff"),
    "a filter": (
        '[filter "strip"]\n clean = grep -v output\n smudge = cat\n',
        "*.txt filter=strip",
    ),
}


@pytest.mark.parametrize("how", CONVERTED)
def test_files_that_git_converts_are_saved_as_they_lie(desk: Desk, how: str) -> None:
    """Mixed line ends, what a clean filter leaves out: committed or not, byte for byte."""
    config, attributes = CONVERTED[how]
    with open(os.environ["GIT_CONFIG_GLOBAL"], "a") as file:
        file.write(config)
    (desk.work / ".gitattributes").write_text(attributes + "\n")
    texts = {
        "committed.txt": "a\nb\noutput 1\n".encode("utf-16-le"),
        "changed.txt": b"a\r\nb\noutput\n",
        'new \n".txt': b"\r\n\n\r\noutput",
    }
    for name in ("committed.txt", "changed.txt"):
        (desk.work / name).write_bytes(texts["committed.txt"])
    sh(desk.work, "git add -A; git commit -qm one")
    for name, text in texts.items():
        (desk.work / name).write_bytes(text)
    sh(desk.work, "git status >/dev/null")
    desk.save()

    again = work_of(restored(desk, desk.source))

    assert {name: (again / name).read_bytes() for name in texts} == texts
    assert status(again) == status(desk.work)


def test_what_git_lfs_keeps_is_saved(desk: Desk) -> None:
    """A commit names large files by their digest; their bytes lie beside git's objects."""
    kept = desk.work / ".git/lfs/objects/ab/cd/abcd"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"large\r\n\0")
    desk.save()

    again = work_of(restored(desk, desk.source))

    assert (again / ".git/lfs/objects/ab/cd/abcd").read_bytes() == b"large\r\n\0"


def test_a_submodule_is_restored_with_what_was_done_in_it(desk: Desk) -> None:
    """Its commit that nobody else has, and git knows it as the submodule that it is."""
    sh(
        desk.base,
        """
        git init -q -b main lib; cd lib; echo 1 >a; git add a; git commit -qm lib
        cd ../source; git submodule --quiet add ../lib lib; git commit -qm sub
        """,
    )
    machine = a_machine(desk.base / "third", local=False)
    bring_in(machine, str(desk.source), say=quiet)
    inner = work_of(machine) / "lib"
    sh(inner, "echo 2 >a; git commit -qam 'by an agent'; echo 3 >a")
    save(machine, HOST, str(desk.source), desk.base / "archive", now=NOW, say=quiet)

    again = work_of(restored(desk, desk.source))

    assert status(again) == status(work_of(machine)) != ""
    assert run(again / "lib", "git", "log", "--format=%H") == run(
        inner, "git", "log", "--format=%H"
    )
    assert status(again / "lib") == status(inner) == " M a\0"
    known = run(again, "git", "submodule", "status")
    assert known == run(work_of(machine), "git", "submodule", "status")
    assert known.startswith("+")


TREES = {
    "outside of a sparse checkout": """
        git sparse-checkout set src; mkdir more; echo 1 >f3; echo 2 >more/x""",
    "line ends that a checkout would make": """
        echo '*.bat eol=crlf' >.gitattributes; git add -A; git commit -qm a; echo lf >x.bat""",
    "nested, with line ends of its own": """
        git init -q sub; cd sub; echo '* text=auto' >.gitattributes; printf 'x\\r\\n' >w
        git add -A; git commit -qm s; printf 'y\\r\\n' >n""",
    "nested, a space at the end": """
        for n in sub 'sub '; do git init -q "$n"; echo "$n" >"$n/x"; done""",
    "nested, with objects of the host's": "git clone -q -s . sub; echo 1 >sub/x",
    "names that only other systems have": """
        echo 1 >'git~1'; git config core.ignoreCase true; echo 2 >F1""",
    "a further work tree": """
        echo '.trees/' >.gitignore; git add -A; git commit -qm i
        git worktree add -q .trees/a -b wa
        cd .trees/a; echo 1 >u; echo 2 >>f2; git add f2; git init -q vend; echo 3 >vend/x""",
}  # fmt: skip


@pytest.mark.parametrize("what", TREES)
def test_every_tree_is_restored_byte_for_byte(desk: Desk, what: str) -> None:
    """Whatever git would change, leave out, or know by one commit alone."""
    sh(desk.work, TREES[what])
    desk.save()

    again = work_of(restored(desk, desk.source))

    there = git_modes(desk.work).items()
    assert {name: file for name, file in git_modes(again).items() if name in dict(there)} == dict(
        there
    )


HALF_DONE = {
    "merge": "git merge -q third || :; echo 1 >f4; git add f4; echo 2 >f4",
    "rebase": "echo 1 >>f2; git rebase -q --autostash third || :",
    "cherry-pick": "git cherry-pick third || :",
}


@pytest.mark.parametrize("what", HALF_DONE)
def test_what_git_had_not_finished_can_be_finished_on_the_restored_host(
    desk: Desk, what: str
) -> None:
    """The sides of a conflict, how far it was, and what it had put aside."""
    sh(
        desk.work,
        """
        git checkout -q -b third; echo theirs >f1; git commit -qam third; git checkout -q main
        echo ours >f1; git commit -qam ours
        """
        + HALF_DONE[what],
    )
    desk.save()

    again = work_of(restored(desk, desk.source))

    sides = ("git", "ls-files", "-s")
    assert status(again) == status(desk.work)
    assert run(again, *sides) == run(desk.work, *sides)
    for work in (desk.work, again):
        sh(work, f"echo both >f1; git add f1; git -c core.editor=true {what} --continue")
    assert tree_of(again) == tree_of(desk.work)


@pytest.mark.parametrize("place", ["apart", ".worktrees/ada"])
def test_a_further_work_tree_is_restored_as_one(desk: Desk, place: str) -> None:
    """On its branch, with its index; also where the guard sends an agent that wants its own."""
    work = desk.work / place
    sh(
        desk.work,
        f"git worktree add -q {place} -b wa; cd {place}; echo 1 >>f2; git add f2; echo 2 >u",
    )
    desk.save()

    again = work_of(restored(desk, desk.source))

    assert status(again) == status(desk.work)
    assert status(again / place) == status(work)
    assert run(again / place, "git", "symbolic-ref", "HEAD") == "refs/heads/wa"


def test_a_ref_that_mng_did_not_make_is_none_of_what_was_saved(desk: Desk) -> None:
    """Somebody's own, in mng's place."""
    run(desk.source, "git", "update-ref", "refs/mng/saved/odd", "HEAD")

    assert find_saved(desk.source, None) == []


@pytest.mark.parametrize("name", ["work-tree", "work-tree/a", "about", "stash/0/x", "remotes/o/m"])
def test_a_ref_of_any_name_is_saved_and_restored(desk: Desk, name: str) -> None:
    """Also one that is called like a state of the tree, and while there is one."""
    sh(desk.work, f"echo x >x; git update-ref refs/{name} HEAD; echo y >>f1")

    desk.save()
    work = work_of(restored(desk, desk.source))

    assert refs_of(work)[f"refs/{name}"] == run(desk.work, "git", "rev-parse", "HEAD")
    assert status(work) == status(desk.work)
