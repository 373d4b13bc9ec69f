"""A host's work tree starts as the user's tree lies."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from mng.errors import HostError, MngError
from mng.work.inward import bring_in
from mng.work.remote import facts, work_prefix

from .workbench import (
    a_machine,
    a_repository,
    everything,
    make_dirty,
    quiet,
    refs_of,
    run,
    sh,
    status,
    tree_of,
    work_of,
)  # fmt: skip


def test_the_tree_arrives_exactly_as_it_lies(tmp_path: Path, local: bool, shell: str) -> None:
    """Content, modes, links, odd names and deletions; what git ignores stays at home."""
    source = a_repository(tmp_path / "source")
    make_dirty(source)
    machine = a_machine(tmp_path / "home", local=local, shell=shell)

    bring_in(machine, str(source), say=quiet)

    work = work_of(machine)
    assert tree_of(work) == tree_of(source)
    assert not (work / "run.log").exists()
    run(work, "git", "fsck", "--strict")


def test_history_branches_and_tags_arrive_without_a_way_back(tmp_path: Path, local: bool) -> None:
    """Every local branch is a local branch there, and no remote points to the user's repository."""
    source = a_repository(tmp_path / "source")
    run(source, "git", "remote", "add", "origin", "https://token@example.invalid/x.git")
    machine = a_machine(tmp_path / "home", local=local)

    bring_in(machine, str(source), say=quiet)

    work = work_of(machine)
    assert refs_of(work, "refs/heads", "refs/tags") == refs_of(source, "refs/heads", "refs/tags")
    assert run(work, "git", "symbolic-ref", "HEAD") == "refs/heads/main"
    assert status(work) == ""
    assert run(work, "git", "remote") == ""
    assert "token" not in (work / ".git/config").read_text()
    assert not (work / ".git/objects/info/alternates").exists()


def test_bringing_in_again_does_nothing(tmp_path: Path, local: bool) -> None:
    """Also when the source is gone, and whatever an agent has done."""
    source = a_repository(tmp_path / "source")
    machine = a_machine(tmp_path / "home", local=local)
    bring_in(machine, str(source), say=quiet)
    (work_of(machine) / "f1").write_text("an agent was here")
    before = everything(tmp_path / "home")
    source.rename(tmp_path / "elsewhere")

    bring_in(machine, str(source), say=quiet)

    assert everything(tmp_path / "home") == before


def test_the_users_repository_is_not_touched(tmp_path: Path, local: bool) -> None:
    """Not a byte and not a time below it changes, the index included."""
    source = a_repository(tmp_path / "source")
    make_dirty(source)
    os.utime(source / "f1")  # so that a refresh of the index would have something to write
    before = everything(source)

    bring_in(a_machine(tmp_path / "home", local=local), str(source), say=quiet)

    assert everything(source) == before


def test_a_hostile_environment_does_not_lead_git_astray(
    tmp_path: Path, local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inherited GIT_ variables, hooks and templates of the user have no say."""
    source = a_repository(tmp_path / "source")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\n")
        (hooks / name).chmod(0o755)
    run(source, "git", "config", "--global", "core.hooksPath", str(hooks))
    run(source, "git", "config", "--global", "init.templateDir", str(hooks))
    run(source, "git", "config", "--global", "status.showUntrackedFiles", "no")
    (source / "new").write_text("new")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "no-index"))
    machine = a_machine(tmp_path / "home", local=local)

    bring_in(machine, str(source), say=quiet)

    monkeypatch.undo()
    assert tree_of(work_of(machine)) == tree_of(source)
    assert not (tmp_path / "hooked").exists()


def test_a_detached_head_stays_detached(tmp_path: Path, local: bool) -> None:
    """Also when no branch reaches its commit."""
    source = a_repository(tmp_path / "source")
    sh(source, "git checkout -q --detach; echo x >x; git add x; git commit -qm loose; echo y >y")
    machine = a_machine(tmp_path / "home", local=local)

    bring_in(machine, str(source), say=quiet)

    work = work_of(machine)
    assert run(work, "git", "rev-parse", "HEAD") == run(source, "git", "rev-parse", "HEAD")
    assert subprocess.run(["git", "symbolic-ref", "-q", "HEAD"], cwd=work).returncode == 1
    assert tree_of(work) == tree_of(source)


def test_a_repository_without_commits(tmp_path: Path, local: bool) -> None:
    """Its branch is still to be born on the host, too."""
    source = tmp_path / "source"
    source.mkdir()
    sh(source, "git init -q -b trunk; echo a >a; git add a; echo b >b")
    machine = a_machine(tmp_path / "home", local=local)

    bring_in(machine, str(source), say=quiet)

    assert tree_of(work_of(machine)) == tree_of(source)
    assert run(work_of(machine), "git", "symbolic-ref", "HEAD") == "refs/heads/trunk"
    assert facts(machine) is not None


def test_a_linked_work_tree_is_a_source(tmp_path: Path, local: bool) -> None:
    """Its own HEAD and files arrive, with a repository of their own."""
    main = a_repository(tmp_path / "main")
    run(main, "git", "worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "new").write_text("new")
    machine = a_machine(tmp_path / "home", local=local)

    bring_in(machine, str(tmp_path / "side"), say=quiet)

    work = work_of(machine)
    assert tree_of(work) == tree_of(tmp_path / "side")
    assert run(work, "git", "symbolic-ref", "--short", "HEAD") == "side"
    assert (work / ".git").is_dir()


def test_a_shallow_clone_is_a_source(tmp_path: Path, local: bool) -> None:
    """As shallow as it is at home, and sound."""
    whole = a_repository(tmp_path / "whole")
    run(tmp_path, "git", "clone", "-q", "--depth=1", f"file://{whole}", "source")
    (tmp_path / "source" / "f1").write_text("changed")
    machine = a_machine(tmp_path / "home", local=local)

    bring_in(machine, str(tmp_path / "source"), say=quiet)

    work = work_of(machine)
    assert tree_of(work) == tree_of(tmp_path / "source")
    assert run(work, "git", "rev-list", "--count", "HEAD") == "1"
    run(work, "git", "fsck")


def test_a_source_with_borrowed_objects_is_copied_whole(tmp_path: Path) -> None:
    """What the user's gc or a deleted neighbour takes away must not break the host's tree."""
    lender = a_repository(tmp_path / "lender")
    run(tmp_path, "git", "clone", "-q", "--shared", str(lender), "source")
    machine = a_machine(tmp_path / "home")

    bring_in(machine, str(tmp_path / "source"), say=quiet)

    sh(tmp_path, "rm -rf lender source")
    run(work_of(machine), "git", "fsck")


def test_a_directory_within_a_repository_brings_all_of_it(tmp_path: Path, local: bool) -> None:
    """And its place in there is remembered."""
    source = a_repository(tmp_path / "source")
    machine = a_machine(tmp_path / "home", local=local)

    bring_in(machine, str(source / "src" / "deep"), say=quiet)

    assert tree_of(work_of(machine)) == tree_of(source)
    assert work_prefix(machine) == "src/deep/"
    known = json.loads((tmp_path / "home/work.done").read_text())
    assert known == {
        "base": run(source, "git", "rev-parse", "HEAD"), "branch": "main",
        "prefix": "src/deep/", "kind": "git",
    }  # fmt: skip


def test_a_folder_is_copied_whole_and_becomes_a_repository(tmp_path: Path, local: bool) -> None:
    """One commit as found; what its .gitignore names is there, but not in the commit."""
    source = tmp_path / "source"
    source.mkdir()
    sh(
        source,
        r"""
        echo a >a; mkdir -p d/empty; chmod 700 d/empty; ln -s nowhere d/l; echo '*.tmp' >.gitignore
        echo t >x.tmp; printf x >'new
line'; ln a hard; mkdir inner; git init -q inner; echo i >inner/i
        """,
    )
    machine = a_machine(tmp_path / "home", local=local)

    bring_in(machine, str(source), say=quiet)

    work = work_of(machine)
    assert tree_of(work) == tree_of(source)
    assert (work / "d/empty").stat().st_mode & 0o777 == 0o700
    assert run(work, "git", "log", "--format=%an <%ae> %s") == "mng <mng@mng.invalid> as found"
    assert "x.tmp" not in run(work, "git", "ls-files")
    assert status(work) == "?? inner/\0"


def test_no_source_gives_an_empty_repository(tmp_path: Path, shell: str) -> None:
    """With one commit, so that all that follows has a base."""
    machine = a_machine(tmp_path / "home", shell=shell)

    bring_in(machine, None, say=quiet)

    work = work_of(machine)
    assert tree_of(work) == {}
    assert run(work, "git", "symbolic-ref", "HEAD") == "refs/heads/main"
    assert run(work, "git", "rev-list", "--count", "HEAD") == "1"


def test_submodules_and_nested_repositories_arrive(tmp_path: Path, local: bool) -> None:
    """Those that are there at home, at their commits, with their own changes; down to the last."""
    inner, sub = a_repository(tmp_path / "inner"), a_repository(tmp_path / "sub")
    sh(sub, f"git submodule -q add {inner} inner; git commit -qm inner")
    source = a_repository(tmp_path / "source")
    sh(
        source,
        f"""
        git submodule -q add {sub} 'my sub'; git submodule -q add {inner} absent
        git commit -qm subs; git submodule -q update --init --recursive
        git submodule -q deinit -f absent
        echo changed >'my sub/f2'; echo new >'my sub/inner/new'
        git clone -q {inner} loose; echo more >loose/more
        git worktree add -q linked
        """,
    )
    machine = a_machine(tmp_path / "home", local=local)
    said: list[str] = []

    bring_in(machine, str(source), say=said.append)

    work = work_of(machine)
    sh(source, "git worktree remove linked")
    assert tree_of(work) == tree_of(source)
    assert said == ["left out linked: a linked work tree of a repository"]
    for path in ("my sub", "my sub/inner", "loose"):
        assert status(work / path) == status(source / path)
        assert run(work / path, "git", "remote") == ""
    assert status(work) == status(source)
    assert (work / "my sub/.git").is_file()
    assert str(source) not in (work / ".git/modules/my sub/config").read_text()


def test_ignore_rules_outside_of_the_tree_come_along(tmp_path: Path, local: bool) -> None:
    """What is ignored at home is ignored on the host, and so are further work trees of agents."""
    source = a_repository(tmp_path / "source")
    (source / ".git/info/exclude").write_text("*.mine")
    (tmp_path / "config/git").mkdir(parents=True)
    (tmp_path / "config/git/ignore").write_text(".DS_Store\n")
    machine = a_machine(tmp_path / "home", local=local)

    bring_in(machine, str(source), say=quiet)

    rules = (work_of(machine) / ".git/info/exclude").read_text().splitlines()
    assert rules == ["*.mine", ".DS_Store", "/.worktrees/"]


def test_files_that_git_was_told_not_to_watch_arrive_as_they_are(
    tmp_path: Path, local: bool
) -> None:
    """assume-unchanged and skip-worktree hide changes from status, not from us."""
    source = a_repository(tmp_path / "source")
    sh(
        source,
        "git update-index --assume-unchanged f1; git update-index --skip-worktree f2 f3;"
        "echo mine >f1; echo mine >f2",
    )
    machine = a_machine(tmp_path / "home", local=local)

    bring_in(machine, str(source), say=quiet)

    assert tree_of(work_of(machine)) == tree_of(source)


def test_a_home_within_the_source_does_not_swallow_itself(tmp_path: Path) -> None:
    """MNG_HOME may lie in the repository, ignored or not."""
    source = a_repository(tmp_path / "source")
    (source / ".mng/hosts/other").mkdir(parents=True)
    (source / ".mng/hosts/other/id").write_text("another host")
    machine = a_machine(source / ".mng/hosts/h")

    bring_in(machine, str(source), say=quiet)

    assert not (work_of(machine) / ".mng").exists()


def test_a_directory_in_the_way_is_not_touched(tmp_path: Path) -> None:
    """Not empty and not ours: an error that names it."""
    machine = a_machine(tmp_path / "home")
    work_of(machine).mkdir()
    (work_of(machine) / "precious").write_text("x")

    with pytest.raises(HostError, match="in the way"):
        bring_in(machine, None, say=quiet)
    assert [path.name for path in work_of(machine).iterdir()] == ["precious"]


def test_an_effect_meant_for_one_host_does_not_land_on_its_successor(tmp_path: Path) -> None:
    """Another id in the home directory: nothing is done."""
    machine = a_machine(tmp_path / "home")
    (tmp_path / "home/id").write_text("somebody else")

    with pytest.raises(HostError, match="gone"):
        bring_in(machine, None, say=quiet)
    assert not work_of(machine).exists()


@pytest.mark.parametrize("fault", ["missing", "unreadable repository"])
def test_a_source_that_cannot_be_read_is_named(tmp_path: Path, fault: str) -> None:
    """And nothing is left behind: what git refuses to read is no plain folder."""
    source = tmp_path / "source"
    if fault != "missing":
        a_repository(source)
        (source / ".git/HEAD").unlink()
    machine = a_machine(tmp_path / "home")

    with pytest.raises(MngError, match=r"source|not a git repository"):
        bring_in(machine, str(source), say=quiet)
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["id", "lock"]


def test_a_host_that_ended_meanwhile_does_not_come_back(tmp_path: Path, local: bool) -> None:
    """An empty directory of its name would be nobody's, and block the name for ever."""
    source = a_repository(tmp_path / "source")
    machine = a_machine(tmp_path / "home", local=local)
    Path(machine.home).rename(tmp_path / "gone")

    with pytest.raises(MngError):
        bring_in(machine, str(source), say=quiet)

    assert not Path(machine.home).exists()
