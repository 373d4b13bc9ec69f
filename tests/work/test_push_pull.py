"""Later work in both directions: what moves, what never does, and what is said instead."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mng.errors import UsageError
from mng.model.transport import Machine
from mng.work.inward import bring_in
from mng.work.pull import pull
from mng.work.push import push

from .workbench import (
    HOST,
    NOW,
    Shell,
    a_machine,
    a_repository,
    quiet,
    refs_of,
    run,
    sh,
    status,
    tree_of,
    work_of,
)


@pytest.fixture(params=["by path", "by stream"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Machine]:
    """A repository with two branches, with uncommitted files, and a host made from it."""
    source = a_repository(tmp_path / "source")
    sh(source, "echo draft >draft; echo mine >>f2; echo run >tool; chmod +x tool")
    machine = a_machine(tmp_path / "home", local=request.param == "by path")
    bring_in(machine, str(source), say=quiet)
    return source, machine


def test_an_unchanged_source_has_nothing_to_push(pair: tuple[Path, Machine]) -> None:
    """With its work tree or without."""
    source, machine = pair
    for work_tree in (False, True):
        done = push(machine, source, here=Shell(), now=NOW, work_tree=work_tree)
        assert (done.moved, done.files, done.conflicts) == ((), 0, ())


def test_a_later_commit_arrives_in_branch_index_and_tree(pair: tuple[Path, Machine]) -> None:
    """As if it had been committed on the host; what is uncommitted there stays."""
    source, machine = pair
    work = work_of(machine)
    (work / "agents").write_text("agent's own\n")
    sh(
        source,
        "echo new >new; git rm -q 'f1' 2>/dev/null || :; git add new; git commit -qm later new",
    )

    done = push(machine, source, here=Shell(), now=NOW, work_tree=False)

    assert done.conflicts == ()
    assert [name for name, _, _ in done.moved] == ["refs/heads/main"]
    assert (work / "new").read_text() == "new\n"
    assert run(work, "git", "rev-parse", "HEAD") == run(source, "git", "rev-parse", "HEAD")
    assert "agents" in status(work)
    assert push(machine, source, here=Shell(), now=NOW, work_tree=False).moved == ()


def test_what_was_uncommitted_at_first_may_be_committed_later(pair: tuple[Path, Machine]) -> None:
    """The host has that file as the source had it, so it is nobody's change."""
    source, machine = pair
    sh(source, "git add -A; git commit -qm all")

    done = push(machine, source, here=Shell(), now=NOW, work_tree=False)

    assert done.conflicts == ()
    assert status(work_of(machine)) == ""
    assert tree_of(work_of(machine)) == tree_of(source)


def test_the_work_tree_comes_along_if_asked(pair: tuple[Path, Machine]) -> None:
    """Changed, new, removed, executable, linked."""
    source, machine = pair
    sh(source, "echo more >>f2; rm draft; ln -s f2 link; chmod -x tool; mkdir d; echo deep >d/deep")

    done = push(machine, source, here=Shell(), now=NOW, work_tree=True)

    assert done.conflicts == ()
    assert tree_of(work_of(machine)) == tree_of(source)
    assert status(work_of(machine)) == status(source)
    again = push(machine, source, here=Shell(), now=NOW, work_tree=True)
    assert (again.moved, again.files) == ((), 0)


CONFLICTS = {
    "changed file": ("echo agent >>f2", "f2 was changed on the host"),
    "removed file": ("rm f2", "f2 was changed on the host"),
    "staged file": ("echo x >>f2; git add f2; git show HEAD:f2 >f2", "f2 "),
    "commits": ("git commit -q --allow-empty -m agents", "has 1 commits on the host"),
    "new file": ("echo theirs >new", "new was changed on the host"),
    "ignored file": ("echo new >>.git/info/exclude; echo theirs >new", "new lies in the way"),
    "directory": ("mkdir new; echo new/ >>.git/info/exclude; echo x >new/x", "lies in the way"),
    "a file where a directory comes": ("echo theirs >dir", "dir"),
    "a link where a directory comes": ("echo dir >>.git/info/exclude; ln -s /tmp dir", "dir"),
    "tag": ("git tag later HEAD", "refs/tags/later is another one on the host"),
    "unfinished rebase": (
        "git checkout -q -b mine; echo m >>f1; git commit -qam m; git checkout -q main; "
        "echo n >>f1; git commit -qam n; git branch -f other; git checkout -q mine; "
        "git rebase -q main || :", "a rebase is unfinished on the host",
    ),
    "another work tree": ("git worktree add -q ../apart other", "is out in the host's work tree"),
}  # fmt: skip


@pytest.mark.parametrize("what", CONFLICTS)
@pytest.mark.parametrize("work_tree", [False, True], ids=["commits", "work tree"])
def test_what_an_agent_changed_is_never_overwritten(
    pair: tuple[Path, Machine], what: str, work_tree: bool
) -> None:
    """It is said which, and neither a ref nor a file has moved."""
    source, machine = pair
    work = work_of(machine)
    change, words = CONFLICTS[what]
    sh(work, change)
    sh(
        source,
        """
        echo user >>f2; echo new >new; mkdir dir; echo x >dir/x; git add f2 new dir
        git commit -qm users; git tag later; git branch -f other HEAD
        """,
    )
    before = (tree_of(work), refs_of(work), status(work))

    done = push(machine, source, here=Shell(), now=NOW, work_tree=work_tree)

    assert any(words in line for line in done.conflicts), done.conflicts
    assert (done.moved, done.files) == ((), 0)
    assert (tree_of(work), refs_of(work), status(work)) == before


def test_a_branch_that_only_the_host_went_on_with_is_no_conflict(
    pair: tuple[Path, Machine],
) -> None:
    """Another branch of the source moves all the same."""
    source, machine = pair
    sh(work_of(machine), "git commit -q --allow-empty -m agents")
    sh(source, "git branch -f other HEAD; git branch fresh")

    done = push(machine, source, here=Shell(), now=NOW, work_tree=False)

    assert done.conflicts == ()
    assert {name for name, _, _ in done.moved} == {"refs/heads/other", "refs/heads/fresh"}


def test_a_pull_brings_branches_tags_and_uncommitted_work(pair: tuple[Path, Machine]) -> None:
    """Under mng's own refs; the user's branches, index and tree are as they were."""
    source, machine = pair
    work = work_of(machine)
    sh(
        work,
        """
        git commit -q --allow-empty -m agents; git branch feature; git tag done
        echo agent >>f2; echo new >untracked
        """,
    )
    mine = refs_of(source)
    before = (tree_of(source), status(source), (source / ".git/index").read_bytes())

    done = pull(machine, HOST, source, now=NOW)

    refs = refs_of(source)
    head = run(work, "git", "rev-parse", "HEAD")
    assert {name: refs[name] for name in mine} == mine
    assert (tree_of(source), status(source), (source / ".git/index").read_bytes()) == before
    for name in ("heads/main", "heads/feature", "heads/other"):
        there = run(work, "git", "rev-parse", f"refs/{name}")
        assert refs[f"refs/remotes/mng/h/{name[6:]}"] == there
    assert refs["refs/remotes/mng/h/tags/done"] == head
    assert run(source, "git", "rev-parse", "refs/mng/h/work-tree~") == head
    shown = run(source, "git", "show", "refs/mng/h/work-tree:untracked")
    assert (shown, done.branch) == ("new", "mng/h/main")
    assert run(source, "git", "fsck", "--no-dangling") == ""


def test_what_is_committed_on_no_branch_is_pulled(pair: tuple[Path, Machine]) -> None:
    """Under HEAD's name, which can be merged as any branch."""
    source, machine = pair
    sh(work_of(machine), "git checkout -q --detach; echo h >h; git add h; git commit -qm 'on none'")

    done = pull(machine, HOST, source, now=NOW)

    assert done.branch == "mng/h/HEAD"
    assert run(source, "git", "log", "-1", "--format=%s", done.branch) == "on none"


def test_a_second_pull_moves_nothing(pair: tuple[Path, Machine]) -> None:
    """And makes no object."""
    source, machine = pair
    sh(work_of(machine), "echo agent >>f2")
    pull(machine, HOST, source, now=NOW)
    before = (refs_of(source), sorted(map(str, (source / ".git/objects").rglob("*"))))

    done = pull(machine, HOST, source, now=NOW)

    assert done.moved == ()
    assert (refs_of(source), sorted(map(str, (source / ".git/objects").rglob("*")))) == before


def test_a_pull_follows_a_host_that_rewrote_its_branches(pair: tuple[Path, Machine]) -> None:
    """The former state is in the ref's log, and a branch in the way of another gives way."""
    source, machine = pair
    work = work_of(machine)
    sh(work, "git commit -q --allow-empty -m one; git branch a")
    pull(machine, HOST, source, now=NOW)
    old = refs_of(source)["refs/remotes/mng/h/main"]
    sh(work, "git commit -q --amend --allow-empty -m other; git branch -D a; git branch a/b")
    sh(work, "git checkout -q -- . ; git clean -fdq")

    pull(machine, HOST, source, now=NOW)

    refs = refs_of(source)
    assert run(source, "git", "rev-parse", "refs/remotes/mng/h/main@{1}") == old
    assert "refs/remotes/mng/h/a/b" in refs
    assert refs["refs/mng/h/work-tree"] == refs["refs/remotes/mng/h/main"]


def test_a_branch_that_is_named_like_a_tag_is_pulled_beside_it(pair: tuple[Path, Machine]) -> None:
    """Neither takes the other's place."""
    source, machine = pair
    sh(
        work_of(machine),
        "git tag same; git checkout -q -b tags/same; git commit -q --allow-empty -m b",
    )

    done = pull(machine, HOST, source, now=NOW)

    refs = refs_of(source, "refs/remotes/mng")
    work = work_of(machine)
    assert refs["refs/remotes/mng/h/tags/same"] == run(work, "git", "rev-parse", "refs/tags/same")
    assert refs["refs/remotes/mng/h/heads/tags/same"] == run(work, "git", "rev-parse", "HEAD")
    assert done.branch == "mng/h/heads/tags/same"


def test_pulls_at_once_all_succeed(pair: tuple[Path, Machine]) -> None:
    """The refs lie as the host has them."""
    source, machine = pair
    sh(
        work_of(machine),
        "git commit -q --allow-empty -m a; for n in 1 2 3 4 5; do git branch b$n; done",
    )

    with ThreadPoolExecutor(6) as pool:
        jobs = [pool.submit(pull, machine, HOST, source, now=NOW) for _ in range(6)]
        branches = {job.result().branch for job in jobs}

    assert branches == {"mng/h/main"}
    assert len(refs_of(source, "refs/remotes/mng/h")) == len(refs_of(source, "refs/remotes/mng"))


def test_a_bare_source_has_no_work_tree_to_push(pair: tuple[Path, Machine], tmp_path: Path) -> None:
    """That is said, with what to type."""
    source, machine = pair
    bare = tmp_path / "bare.git"
    run(tmp_path, "git", "clone", "-q", "--bare", str(source), str(bare))

    with pytest.raises(UsageError, match="is a bare repository"):
        push(machine, bare, here=Shell(), now=NOW, work_tree=True)


LAST_MOMENT = {
    "in place": "echo agent >>{work}/f2",
    "by a rename": "echo agent >{work}/f2.new; mv {work}/f2.new {work}/f2",
    "a removed one": "echo agent >>{work}/f3",
}


@pytest.mark.parametrize("how", LAST_MOMENT)
def test_what_an_agent_writes_while_files_are_replaced_stays(
    pair: tuple[Path, Machine], how: str
) -> None:
    """After the last look and before the file is replaced: a filter of the host's is just there."""
    source, machine = pair
    work = work_of(machine)
    (work / ".git" / "info" / "attributes").write_text("new filter=late\n")
    late = f"{LAST_MOMENT[how].format(work=work)}; cat"
    run(work, "git", "config", "filter.late.smudge", late)
    sh(source, "echo user >>f2; git rm -q f3; echo new >new; git add f2 new; git commit -qm users")
    name = "f3" if how == "a removed one" else "f2"

    done = push(machine, source, here=Shell(), now=NOW, work_tree=False)

    assert [f"{name} was changed on the host meanwhile" in line for line in done.conflicts] == [
        True
    ]
    assert (work / name).read_text().endswith("agent\n")
    assert (work / "new").read_text() == "new\n"


def test_what_a_killed_push_took_away_comes_back(pair: tuple[Path, Machine]) -> None:
    """As it was left between the one rename and the other; with the next push or save."""
    source, machine = pair
    work = work_of(machine)
    aside = work.parent / f"{work.name}.push-{machine.mark}" / "old"
    aside.mkdir(parents=True)
    (aside.parent / "expected").write_text("")
    (work / "f2").write_text("agent\n")
    (work / "f2").rename(aside / "f2")

    pull(machine, HOST, source, now=NOW)

    assert (work / "f2").read_text() == "agent\n"
    assert not aside.parent.exists()
