"""The commands that bring work to a host and back: push, pull, diff."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mng.cli.live import pick_any, the_world
from mng.cli.options import Thing, Things
from mng.engine.fleet import Fleet
from mng.errors import HostUnreachable, UsageError
from mng.hosts.local import base_env
from mng.hosts.process import ProcessTransport
from mng.model.name import HostName
from mng.model.transport import Machine
from mng.model.world import World

WorkTree = Annotated[
    bool, typer.Option("--work-tree", help="Also what is not committed, as it lies.")
]


def push(names: Things, work_tree: WorkTree = False) -> None:
    """Send later commits to a host, past what agents changed."""
    from mng.work import push as work

    status, here = 0, ProcessTransport(base_env())
    for host, machine, repository in _places(names):
        done = work.push(machine, repository, here=here, now=datetime.now(UTC), work_tree=work_tree)
        if done.conflicts:
            status = 3
            lines = "".join(f"\n  {line.removeprefix('refs/')}" for line in done.conflicts)
            what = "not everything" if done.files else "nothing"
            print(f"mng: {what} was pushed to {host}:{lines}", file=sys.stderr)
            print(f"  try: mng pull {host.name}", file=sys.stderr)
        for name, old, new in done.moved:
            print(f"{host}  {_short(name)}  {old[:7] or 'new'} -> {new[:7]}")
        for name in done.ahead:
            print(f"{host}  {_short(name)}  the host is ahead: mng pull {host.name}")
        if done.files:
            print(f"{host}  files written or removed in its work tree: {done.files}")
        if not done.moved and not done.files and not done.conflicts:
            print(f"{host}  up to date")
    raise typer.Exit(status)


def pull(names: Things) -> None:
    """Bring a host's commits and uncommitted work to refs of mng's."""
    from mng.work import pull as work

    for host, machine, repository in _places(names):
        done = work.pull(machine, host, repository, now=datetime.now(UTC))
        shown = [one for one in done.moved if one.name.startswith("refs/remotes/")]
        for one in shown:
            count = f"+{one.commits}" if one.commits else "moved" if one.old else "nothing new"
            print(f"{host}  {one.name.removeprefix('refs/remotes/')}  {count}")
        if done.dirty:
            print(f"{host}  not committed: {done.dirty}  {done.work_tree}")
        if not done.moved:
            print(f"{host}  up to date")
        if done.moved and done.branch and _is_new(repository, f"refs/remotes/{done.branch}"):
            print(f"  merge:  git merge {done.branch}")
        elif shown and not _is_new(repository, *(one.new for one in shown)):
            print(f"{host}  nothing to merge: your branches have every commit")
        if done.dirty:
            print(f"  look:   git diff {done.branch or 'HEAD'} {done.work_tree}")
            print(f"  take:   git cherry-pick -n {done.work_tree}")


def _is_new(repository: Path, *commits: str) -> bool:
    """The user's branches lack some of this."""
    from mng.work.git import ask_git

    return ask_git(repository, "rev-list", "--count", *commits, "--not", "--branches") != "0"


def diff(
    name: Thing,
    options: Annotated[
        list[str] | None, typer.Argument(metavar="[GIT OPTION|PATH]...", help="For git diff.")
    ] = None,
) -> None:
    """Show what a host has that the source has not, through git."""
    from mng.work import diff as work

    ((host, machine, repository),) = _places([name])
    now = datetime.now(UTC)
    raise typer.Exit(work.diff(machine, host, repository, options or [], now=now))


def _short(ref: str) -> str:
    return ref.removeprefix("refs/heads/").removeprefix("refs/")


def _places(names: list[str]) -> Iterator[tuple[HostName, Machine, Path]]:
    """The hosts that the names mean, each with the repository that its work came from."""
    fleet, world = the_world(names)
    hosts, agents = pick_any(world, names)
    found = sorted({*hosts, *(agent.host for agent in agents)}, key=str)
    # All of them first: a mistake in the last name must not come after the first one's work.
    places = [_place(fleet, world, host) for host in found]
    yield from places


def _place(fleet: Fleet, world: World, host: HostName) -> tuple[HostName, Machine, Path]:
    from mng.work.source import repository_of

    if why := world.unknown(host):
        raise HostUnreachable(f"host {host} is unknown: {why}", hint="mng list")
    source, machine = world.hosts[host].spec.source, fleet.machine(host)
    repository = repository_of(Path(source)) if source and Path(source).is_dir() else None
    if repository is None:
        raise _nowhere(host, source, machine)
    return host, machine, repository


def _nowhere(host: HostName, source: str | None, machine: Machine) -> UsageError:
    from mng.work.remote import facts

    hint = f"mng exec {host.name} git log   or   mng down, which saves all of it"
    what = "it has no source"
    if source:
        came = facts(machine)
        there = Path(source).is_dir()
        what = f"its source {source!r} is {'no repository' if there else 'not there'}"
        if not there or (came and came.kind == "git"):
            # Nor could its work be saved, so no end of the host is the way out.
            bundle = f"mng exec {host.name} git bundle create - --all >{host.name}.bundle"
            hint = f"bring it back to that place   or   {bundle}"
    return UsageError(f"host {host} has nowhere to pull to or push from: {what}", hint=hint)
