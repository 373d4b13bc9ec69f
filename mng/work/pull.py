"""What a host has, into refs of the source that are mng's own: nothing of the user's moves."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mng.errors import HostError
from mng.model.name import HostName, check_host_name
from mng.model.transport import Machine
from mng.work import git
from mng.work.receive import Report, receive
from mng.work.saved import PULLED


@dataclass(frozen=True, slots=True)
class Moved:
    """A ref that was made or moved. old: "" if it is new. commits: how many the old one lacks."""

    name: str
    old: str
    new: str
    commits: int


@dataclass(frozen=True, slots=True)
class Pulled:
    """branch: the one that is out on the host, as a ref of the source, or where its HEAD is if none
    is; "" if it has no commit.

    dirty: files of the host that are not committed. work_tree: the ref that has them.
    """

    moved: tuple[Moved, ...]
    branch: str
    dirty: int
    work_tree: str


def pull(machine: Machine, host: HostName, repository: Path, *, now: datetime) -> Pulled:
    """Bring every branch and tag to refs/remotes/mng/HOST/*, all else to refs/mng/HOST/*.

    Uncommitted work becomes a commit on refs/mng/HOST/work-tree; without any, that is HEAD's.
    Raises HostError, HostUnreachable, UsageError, MngError. The refs move together or not at all.
    """
    check_host_name(host.name)
    report = fetch(machine, host, repository, now=now)
    after = dict(_names(host, report))
    for left in reversed(range(_TRIES)):
        try:
            moved = _move(repository, host, after)
            break
        except git.GitFailed:
            if not left:
                raise
            time.sleep(0.1)  # another pull moves the same refs
    branch = f"mng/{host.name}/{_place(report.branch or 'HEAD')}" if report.refs else ""
    return Pulled(
        tuple(_counted(repository, one) for one in moved), branch, report.dirty,
        f"refs/mng/{host.name}/work-tree",
    )  # fmt: skip


_TRIES = 10


def _move(repository: Path, host: HostName, after: dict[str, str]) -> list[Moved]:
    """The refs to where they are to be, and a look whether they are there."""
    before = dict(_ours(repository, host))
    # A snapshot replaces the one before it. A branch that is gone on the host stays, as with git.
    doomed = [
        name
        for name in before
        if name not in after
        and (name.startswith(f"refs/mng/{host.name}/") or _in_the_way(name, after))
    ]
    # First of all: git makes no ref in the place of one that it is just removing.
    _update(repository, [f"delete {name} {before[name]}\n" for name in doomed])
    moved = [
        Moved(name, before.get(name, ""), id_, 0)
        for name, id_ in after.items()
        if before.get(name) != id_
    ]
    orders = [f"update {one.name} {one.new} {one.old or '0' * len(one.new)}\n" for one in moved]
    _update(repository, orders)
    there = dict(_ours(repository, host)) if orders else after
    if any(there.get(name) != id_ for name, id_ in after.items()):
        raise HostError("the refs are not what was written", hint="run it again")
    return moved


def _place(branch: str) -> str:
    """A branch's name below refs/remotes/mng/HOST; `tags/v1` must not be in the way of a tag."""
    return f"heads/{branch}" if branch.partition("/")[0] in ("heads", "tags") else branch


def _update(repository: Path, orders: list[str]) -> None:
    if orders:
        # With a log, so that `git log -g` finds the states before.
        update = ("-c", "core.logAllRefUpdates=always", "update-ref", "-m", "mng pull", "--stdin")
        git.run_git(repository, *update, stdin=os.fsencode("".join(orders)))


def fetch(machine: Machine, host: HostName, repository: Path, *, now: datetime) -> Report:
    """What the host has, in the repository's objects, without a ref."""
    listed = git.run_git(repository, "for-each-ref", "--format=%(objectname)")
    report = receive(machine, repository, str(host), now=now, known=listed, sync=True)
    if not report.tree:
        raise HostError(f"host {host} has no work tree", hint=f"mng list {host}")
    return report


def _ours(repository: Path, host: HostName) -> Iterator[tuple[str, str]]:
    places = (f"{PULLED}{host.name}/", f"refs/mng/{host.name}/")
    found = git.run_git(repository, "for-each-ref", "--format=%(refname) %(objectname)", *places)
    for line in os.fsdecode(found).split("\n")[:-1]:
        name, _, id_ = line.partition(" ")
        yield name, id_


def _names(host: HostName, report: Report) -> Iterator[tuple[str, str]]:
    """Where each of the host's refs goes."""
    for name, id_ in report.refs.items():
        kind, _, rest = name.partition("/")
        if kind == "heads":
            yield f"{PULLED}{host.name}/{_place(rest)}", id_
        elif kind == "tags":
            yield f"{PULLED}{host.name}/{name}", id_
        elif name != "HEAD":
            yield f"refs/mng/{host.name}/{name}", id_
        elif not report.branch:  # what is committed on none is to be found, too
            yield f"{PULLED}{host.name}/HEAD", id_
    if "HEAD" in report.refs and "work-tree" not in report.refs:
        yield f"refs/mng/{host.name}/work-tree", report.refs["HEAD"]


def _in_the_way(name: str, others: dict[str, str]) -> bool:
    """git has no ref below another one."""
    return any(other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in others)


def _counted(repository: Path, one: Moved) -> Moved:
    known = (f"^{one.old}",) if one.old else ("--not", "--branches")
    count = git.ask_git(repository, "rev-list", "--count", one.new, *known)
    return Moved(one.name, one.old, one.new, int(count or 0))
