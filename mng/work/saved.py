"""What was saved of hosts that are gone: where it lies, what it holds, how it is opened again."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mng.errors import HostError, NotFound, UsageError
from mng.work import git

_STATES = frozenset(
    ["HEAD", "index", "unmerged", "work-tree", "as-is", "kept", "lfs", "git-dirs", "settings",
     "stash", "log", "worktrees"]
)  # fmt: skip

SAVED = "refs/mng/saved/"
PULLED = "refs/remotes/mng/"
STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class SavedWork:
    """The saved work of one host. name: HOST/TIME. place: the refs' prefix, or a file.

    when: seconds since the epoch. branch: the one that was out. commits: how many were new. dirty:
    files that were not committed, None where that was not recorded. prefix: the place of the
    source within its repository. refs: object ids by name, such as heads/main, index, stash/0.
    """

    name: str
    place: str
    when: int
    agents: tuple[str, ...] = ()
    branch: str = ""
    commits: int | None = None
    dirty: int | None = None
    prefix: str = ""
    refs: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return self.name.partition("/")[0]

    @property
    def in_archive(self) -> bool:
        return not self.place.startswith(SAVED)


def is_state(name: str) -> bool:
    """A saved id that is no ref of the host's, but a state of its tree, its index or its logs."""
    kind = name.partition("/")[0]
    return kind in _STATES


def find_saved(repository: Path | None, archive: Path | None) -> list[SavedWork]:
    """All that was saved into a repository or beside the hosts, the newest first."""
    found = [
        *(_in_archive(archive) if archive else ()),
        *(_in_repository(repository) if repository else ()),
    ]
    return sorted(found, key=lambda one: (one.when, one.name), reverse=True)


def pick_saved(found: Iterable[SavedWork], name: str) -> SavedWork:
    """The one that `HOST/TIME` means, or the newest of `HOST`. Raises NotFound."""
    wanted = name.removeprefix(SAVED).rstrip("/")
    for one in found:
        if wanted in (one.name, one.host, one.place):
            return one
    raise NotFound(f"nothing is saved as {name!r}", hint="mng saved")


def _in_repository(repository: Path) -> Iterator[SavedWork]:
    form = "--format=%(objectname) %(refname)"
    listed = os.fsdecode(git.run_git(repository, "for-each-ref", form, SAVED))
    groups: dict[str, dict[str, str]] = {}
    for line in listed.split("\n")[:-1]:
        id_, _, ref = line.partition(" ")
        host, _, rest = ref.removeprefix(SAVED).partition("/")
        stamp, _, name = rest.partition("/")
        if name:  # else it is none of ours
            groups.setdefault(f"{host}/{stamp}", {})[name] = id_
    for name, refs in groups.items():
        about = _about(repository, refs.pop("about", ""))
        when = _time_of(name.partition("/")[2])
        yield SavedWork(
            name, f"{SAVED}{name}", when, tuple(about.get("agents", ())), about.get("branch", ""),
            about.get("commits"), about.get("dirty"), about.get("prefix", ""), refs,
        )  # fmt: skip


def _about(repository: Path, id_: str) -> dict[str, Any]:
    """What was recorded beside the refs; {} of a save that an older version made."""
    try:
        found = json.loads(git.run_git(repository, "cat-file", "blob", id_)) if id_ else {}
    except (git.GitFailed, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _in_archive(archive: Path) -> Iterator[SavedWork]:
    for path in sorted(archive.glob("*/[0-9]*.*")):
        stamp = path.name.partition(".")[0]
        yield SavedWork(f"{path.parent.name}/{stamp}", str(path), _time_of(stamp))


def _time_of(stamp: str) -> int:
    try:
        return int(datetime.strptime(stamp[:16], STAMP).replace(tzinfo=UTC).timestamp())
    except ValueError:
        return 0


@contextmanager
def opened(saved: SavedWork, repository: Path | None) -> Iterator[tuple[Path, SavedWork]]:
    """A repository that has the objects, and what is saved with its refs and branch.

    Raises UsageError for an archive of plain files.
    """
    if not saved.in_archive:
        assert repository is not None
        yield repository, saved
        return
    if not saved.place.endswith(".bundle"):
        raise UsageError(
            f"{saved.name} is an archive of files, for git could not read the host's repository",
            hint=f"tar -xzf {saved.place}",
        )
    with tempfile.TemporaryDirectory() as folder:
        bundle = Path(folder) / "repository"
        git.run_git(Path(folder), "init", "-q", "--bare", "--template=", "repository")
        git.run_git(bundle, "fetch", "-q", saved.place, "+refs/*:refs/*")
        listed = os.fsdecode(git.run_git(bundle, "bundle", "list-heads", saved.place))
        names = dict(line.split(" ", 1)[::-1] for line in listed.split("\n")[:-1])
        refs = {name.removeprefix("refs/").removeprefix("mng/"): id_ for name, id_ in names.items()}
        about = _about(bundle, refs.pop("about", ""))
        yield bundle, SavedWork(
            saved.name, saved.place, saved.when, branch=about.get("branch", ""),
            prefix=about.get("prefix", ""), refs=refs,
        )  # fmt: skip


def make_branch(repository: Path, saved: SavedWork, name: str) -> tuple[str, list[str]]:
    """A branch at what was saved, uncommitted work as its last commit; and the names of further
    branches with commits that no branch has. Raises UsageError."""
    refs = saved.refs
    tip = refs.get("work-tree") or refs.get("index") or refs.get("HEAD")
    if tip is None:
        raise UsageError(f"{saved.name} has no commit", hint=f"mng restore {saved.name} --host NEW")
    try:
        git.run_git(repository, "branch", "--no-track", "--", name, tip)
    except git.GitFailed as error:
        raise UsageError(str(error), hint="another --branch") from error
    more = [
        ref
        for ref, id_ in refs.items()
        if ref.startswith(("heads/", "stash/", "log/"))
        and git.ask_git(repository, "rev-list", "-n", "1", id_, "--not", "--branches")
    ]
    return tip, more


def forget(repository: Path | None, saved: Iterable[SavedWork]) -> None:
    """Remove what was saved, all refs of one save together. Raises HostError, GitFailed."""
    for one in saved:
        if one.in_archive:
            try:
                Path(one.place).unlink(missing_ok=True)
            except OSError as error:
                raise HostError(f"can't remove {one.place}: {error.strerror}") from error
            continue
        assert repository is not None
        listed = git.run_git(repository, "for-each-ref", "--format=delete %(refname)", one.place)
        git.run_git(repository, "update-ref", "--stdin", stdin=listed)
