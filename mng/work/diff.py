"""What a host has that the source has not, shown by git itself."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from mng.errors import HostError
from mng.model.name import HostName
from mng.model.transport import Machine
from mng.work import git
from mng.work.pull import fetch


def diff(
    machine: Machine, host: HostName, repository: Path, options: Sequence[str], *, now: datetime
) -> int:
    """`git diff` from the source's tree to the host's, of the paths that were changed on the host.

    What was only changed at the source, or lies there as on the host, doesn't count: who has
    merged everything sees nothing. options: git's own, and paths. git's exit status.
    Nothing of the user's changes. Raises HostError, HostUnreachable, MngError.
    """
    report = fetch(machine, host, repository, now=now)
    theirs = report.refs.get("plain")
    if theirs is None:
        raise HostError(f"host {host} has no commit and no file", hint=f"mng exec {host.name} ls")
    with tempfile.TemporaryDirectory() as folder:
        ours = _ours(repository, Path(folder), report.refs.get("source"), theirs)
        here = Path.cwd()
        where = here if repository in (here, *here.parents) else repository
        # Of the caller's variables, those that say which repository would be another one's.
        local = git.run_git(repository, "rev-parse", "--local-env-vars").decode().split()
        env = {name: value for name, value in os.environ.items() if name not in local}
        env["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = _quoted(f"{folder}/objects")
        command = ["git", "-C", str(where), "diff", ours, theirs, *options]
        return subprocess.call(command, env=env)


def _ours(repository: Path, folder: Path, came: str | None, theirs: str) -> str:
    """The host's tree with the source's files where it was changed. Its objects lie in a folder,
    so that looking leaves nothing behind."""
    (folder / "objects").mkdir()
    if git.is_bare(repository):
        return came or theirs
    where = ("rev-parse", "--path-format=absolute", "--git-path", "objects")
    objects = git.run_git(repository, *where)
    env = {
        "GIT_INDEX_FILE": f"{folder}/index",
        "GIT_OBJECT_DIRECTORY": f"{folder}/objects",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(os.fsdecode(objects).removesuffix("\n")),
    }
    looks = ["ls-tree", "-r", "-z", "--name-only", theirs]
    if came:
        looks = ["diff-tree", "-r", "-z", "--no-renames", "--name-only", came, theirs]
    paths = [name for name in git.run_git(repository, *looks).split(b"\0") if name]
    nothing = b"0 " + b"0" * len(theirs) + b"\t"
    removed = b"".join(nothing + name + b"\0" for name in paths)
    there = b"".join(name + b"\0" for name in paths if _has(repository, name))
    git.run_git(repository, "read-tree", theirs, env=env)
    git.run_git(repository, "update-index", "-z", "--index-info", stdin=removed, env=env)
    git.run_git(repository, "update-index", "-z", "--add", "--stdin", stdin=there, env=env)
    return git.run_git(repository, "write-tree", env=env).decode().strip()


def _quoted(path: str) -> str:
    """As one entry of a list of paths: only in quotes may it hold a colon. Source: git(1)."""
    return '"' + path.replace("\\", r"\\").replace('"', r"\"") + '"'


def _has(repository: Path, name: bytes) -> bool:
    """A file, link or repository lies there, and no link leads to it."""
    path = repository / os.fsdecode(name)
    below = (above for above in path.parents if repository in above.parents)
    if any(above.is_symlink() for above in below):
        return False
    return path.is_symlink() or path.is_file() or (path / ".git").exists()
