"""The user's tree as it lies: which repositories it holds, and what of it git can't check out."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mng.work.git import GitFailed, ask_git, run_git

Say = Callable[[str], None]


_STATUS = (
    "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames",
    "--ignore-submodules=all",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """One repository of a tree: the root (path ""), a submodule, or one that just lies in it.

    base: HEAD's commit, "" if it has none. branch: "" if HEAD is detached.
    files: what git can't check out, present in the tree. clean: what it can, None if that is all
    that HEAD has. Names are relative to `root`, and decoded with os.fsdecode.
    """

    path: str
    root: Path
    base: str
    branch: str
    files: tuple[str, ...]
    clean: tuple[str, ...] | None = None
    submodule: bool = False


def repository_of(source: Path) -> Path | None:
    """The top of the repository that a directory belongs to, or a bare one itself, or None.

    Raises GitFailed where git won't say: what it refuses to read is never taken for a plain folder.
    """
    try:
        if run_git(source, "rev-parse", "--is-bare-repository") == b"true\n":
            return source
        return Path(os.fsdecode(run_git(source, "rev-parse", "--show-toplevel")[:-1]))
    except GitFailed as error:
        if "not a git repository" in str(error) and not os.path.lexists(source / ".git"):
            return None
        raise


def is_work_tree(path: Path) -> bool:
    """A directory with a repository of its own."""
    top = ask_git(path, "rev-parse", "--show-toplevel") if os.path.lexists(path / ".git") else None
    return top is not None and os.path.realpath(top) == os.path.realpath(path)


def is_linked(path: Path) -> bool:
    """A further work tree of a repository whose git directory lies elsewhere."""
    both = ask_git(path, "rev-parse", "--git-dir", "--git-common-dir")
    return both is not None and len(set(both.split("\n"))) == 2


def scan(root: Path, hidden: Callable[[Path], bool], note: Say) -> Iterator[Part]:
    """A repository and, after it, those inside of it, down to the last.

    hidden: paths that don't count. note: is told what can't come along.
    One `git status` per repository fixes commit, branch and changes at the same moment.
    """
    yield from _scan(root, "", False, hidden, note)


def _scan(
    root: Path, path: str, submodule: bool, hidden: Callable[[Path], bool], note: Say
) -> Iterator[Part]:
    if not os.path.lexists(root / ".git"):  # a bare one
        base = ask_git(root, "rev-parse", "-q", "--verify", "HEAD") or ""
        branch = (ask_git(root, "symbolic-ref", "-q", "HEAD") or "").removeprefix("refs/heads/")
        yield Part(path, root, base, branch, ())
        return
    base, branch, files, changed = _status(root)
    modules, unwatched, tracked = _index(root)
    other = {*changed, *unwatched}
    clean = tuple(name for name in tracked if name not in other) if other else None
    inner = [name.rstrip("/") for name in files if name.endswith("/")]
    plain = [name for name in files if not name.endswith("/")] + unwatched
    yield Part(
        path, root, base, branch,
        tuple(name for name in plain if not hidden(root / name)),
        clean, submodule,
    )  # fmt: skip
    for name in sorted({*inner, *modules}):
        if hidden(root / name) or not is_work_tree(root / name):
            continue
        if is_linked(root / name):
            note(f"left out {name}: a linked work tree of a repository")
            continue
        below = f"{path}/{name}" if path else name
        yield from _scan(root / name, below, name in modules, hidden, note)


def _status(root: Path) -> tuple[str, str, list[str], list[str]]:
    """HEAD's commit, its branch, present files that git can't check out, changed tracked files."""
    base = branch = ""
    files, changed = [], []
    for entry in _split(run_git(root, *_STATUS)):
        mark, _, rest = entry.partition(" ")
        if entry.startswith("# branch.oid "):
            base = rest.removeprefix("branch.oid ").replace("(initial)", "")
        elif entry.startswith("# branch.head "):
            branch = rest.removeprefix("branch.head ")
        elif mark == "?":
            files.append(rest)
        elif mark in ("1", "u"):
            # Source: git-status(1), porcelain v2: the work tree's mode is 000000 for no file.
            fields = entry.split(" ", 8 if mark == "1" else 10)
            changed.append(fields[-1])
            if fields[5 if mark == "1" else 6] != "000000":
                files.append(fields[-1])
    if branch == "(detached)":
        branch = (ask_git(root, "symbolic-ref", "-q", "HEAD") or "").removeprefix("refs/heads/")
    return base, branch, files, changed


def _index(root: Path) -> tuple[list[str], list[str], list[str]]:
    """Submodules; files that git was told not to watch, so that status is silent on them; all."""
    modules, unwatched, tracked = [], [], []
    for entry in _split(run_git(root, "ls-files", "-z", "-s", "-v")):
        about, _, name = entry.partition("\t")
        tag, mode = about.split(" ")[:2]
        tracked.append(name)
        if mode == "160000":
            modules.append(name)
        elif (tag.islower() or tag == "S") and os.path.lexists(root / name):
            unwatched.append(name)
    return modules, unwatched, tracked


def _split(output: bytes) -> list[str]:
    return [os.fsdecode(entry) for entry in output.split(b"\0") if entry]


def excludes(root: Path) -> bytes:
    """The ignore rules that don't lie in the tree: the repository's own and the user's."""
    own = root / (ask_git(root, "rev-parse", "--git-path", "info/exclude") or "")
    config = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    users = ask_git(root, "config", "--type=path", "core.excludesFile") or f"{config}/git/ignore"
    rules = b""
    for path in (own, Path(users)):
        if path.is_file():
            rules += path.read_bytes().rstrip(b"\n") + b"\n"
    return rules


def walk(folder: Path, hidden: Callable[[Path], bool], note: Say) -> Iterator[str]:
    """Everything below a folder that is no repository, a directory before what it holds."""
    yield from _walk(folder, "", hidden, note)


def _walk(folder: Path, path: str, hidden: Callable[[Path], bool], note: Say) -> Iterator[str]:
    for entry in sorted(os.scandir(folder / path), key=lambda entry: entry.name):
        name = f"{path}/{entry.name}" if path else entry.name
        mode = entry.stat(follow_symlinks=False).st_mode
        if hidden(folder / name):
            continue
        if entry.name == ".git" and stat.S_ISREG(mode):
            # It names a git directory elsewhere, so work on the host would reach into that one.
            note(f"left out {name}: a link to a repository elsewhere")
        elif stat.S_ISDIR(mode):
            yield name
            yield from _walk(folder, name, hidden, note)
        elif stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            yield name
        else:
            note(f"left out {name}: neither a file, a directory nor a link")
