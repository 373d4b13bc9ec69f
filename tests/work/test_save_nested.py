"""Repositories within the work tree are saved with it."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from mng.work.inward import bring_in
from mng.work.save import save

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
)


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
    whole = ("cloned", "cloned/deep er", "shallow", "begun", "src")
    for path in whole:
        copy = dirs / f"{path}.git"
        for empty in ("refs", "objects"):
            (copy / empty).mkdir(exist_ok=True)
        (out / path / ".git").mkdir()
        sh(tmp_path, f"cp -a '{copy}/.' '{out / path}/.git'")
    for path in whole:
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


def test_a_repository_whose_name_git_cannot_list_goes_into_the_archive(desk: Desk) -> None:
    """A line break in a nested repository's name: files are saved, nothing is guessed."""
    name = "odd\nname"
    (desk.work / name).mkdir()
    sh(desk.work / name, "git init -q; echo x >x")

    saved = desk.save()

    assert saved.place.endswith(".tar.gz")
    with tarfile.open(saved.place) as tar:
        assert f"./{name}/x" in tar.getnames()


def test_a_repository_below_a_kept_path_is_saved_although_git_ignores_it(desk: Desk) -> None:
    """Its files and its history."""
    sh(
        desk.work,
        "echo data/ >>.git/info/exclude; mkdir data; git init -q data/in; echo 1 >data/in/x",
    )

    save(
        desk.machine, HOST, str(desk.source), desk.base / "archive", keep=["data"], now=NOW,
        say=quiet,
    )  # fmt: skip

    assert run(desk.source, "git", "show", f"{PREFIX}/work-tree:data/in/x") == "1"


def test_a_submodule_is_not_taken_as_unchanged_because_git_was_told_so(tmp_path: Path) -> None:
    """A file that git does not watch, and a commit that only a log knows."""
    sub = a_repository(tmp_path / "sub")
    source = a_repository(tmp_path / "source")
    sh(source, f"git submodule -q add {sub} one; git submodule -q add {sub} two; git commit -qm s")
    machine = a_machine(tmp_path / "home")
    bring_in(machine, str(source), say=quiet)
    work = Path(machine.work_dir)
    sh(work, "cd one; git update-index --assume-unchanged f1; echo unwatched >f1")
    sh(
        work,
        "cd two; git checkout -q --detach; git commit -q --allow-empty -m x; git checkout -q main",
    )

    save(machine, HOST, str(source), tmp_path / "archive", now=NOW, say=quiet)

    assert run(source, "git", "show", f"{PREFIX}/work-tree:one/f1") == "unwatched"
    assert run(source, "git", "ls-tree", "--name-only", f"{PREFIX}/git-dirs") == "one.git\ntwo.git"


def test_what_was_saved_into_the_host_itself_is_saved_with_it(desk: Desk) -> None:
    """A host's work tree may have been the source of another one."""
    sh(desk.work, "git commit -q --allow-empty -m inner; git update-ref refs/mng/saved/i/1/x HEAD")
    sh(desk.work, "git reset -q --hard HEAD~1; git reflog expire --expire=now --all")

    desk.save()

    assert f"{PREFIX}/other/mng/saved/i/1/x" in refs_of(desk.source, PREFIX)


STRAYS = {
    "copied": "git worktree add -q wt -b side; cp -r wt odd",
    "moved": "git worktree add -q wt -b side; mv wt odd",
    "a link to ours": "mkdir odd; ln -s ../.git odd/.git",
    "a file that names ours": "mkdir odd; echo 'gitdir: ../.git' >odd/.git",
}


@pytest.mark.parametrize("stray", STRAYS)
def test_what_only_looks_like_a_further_work_tree_is_saved_as_files(desk: Desk, stray: str) -> None:
    """git has that one elsewhere, if anywhere."""
    sh(desk.work, f"{STRAYS[stray]}; echo precious >odd/precious; echo 1 >odd/run.log")

    desk.save()

    out = desk.checked_out(f"{PREFIX}/work-tree")
    assert (out / "odd" / "precious").read_text() == "precious\n"
