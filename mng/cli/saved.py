"""The commands for work that was saved of hosts that are gone: saved, restore, gc."""

from __future__ import annotations

import dataclasses
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from mng.cli.common import load_files, make_run
from mng.cli.drive import drive
from mng.cli.live import seconds
from mng.cli.manner import Manner, changing
from mng.cli.options import TABLES, Output, OutputAs
from mng.cli.table import ago, columns
from mng.engine.fleet import Fleet
from mng.engine.observe import observe
from mng.errors import HostError, UsageError
from mng.hosts.local import mng_home
from mng.hosts.provider import provider_names
from mng.model.action import Consent, Scope
from mng.model.name import HostName, parse_address
from mng.model.spec import Desired, HostSpec, Owner, WantedHost
from mng.model.world import LiveHost, World
from mng.reconcile.builder import count
from mng.reconcile.intent import Intent, as_desired
from mng.work.saved import SavedWork, find_saved, forget, make_branch, opened, pick_saved
from mng.work.source import repository_of

Source = Annotated[
    Path, typer.Option("--source", metavar="DIR", help="The repository that has it.")
]
Claims = Annotated[
    list[Path] | None,
    typer.Option("-f", "--file", help="A file whose team claims its hosts; repeated."),
]


def saved(source: Source = Path(), output: OutputAs = Output.TABLE) -> None:
    """List the work of hosts that are gone: in this repository, and of hosts without one."""
    found = find_saved(_repository(source), _archive())
    if output not in TABLES:
        from mng.cli.documents import print_document

        rows = [dataclasses.asdict(one) for one in found]
        document = {"schema": "mng.saved/1", "saved": rows}
        print_document(document, output, [one.name for one in found])
        return
    if not found:
        print("nothing is saved here", file=sys.stderr)
        return
    cells = [
        [
            one.name, ago(one.when), ", ".join(one.agents), _branches(one),
            _number(one.commits), _number(one.dirty), one.place if one.in_archive else "",
        ]
        for one in found
    ]  # fmt: skip
    head = ["SAVED", "AGE", "AGENTS", "BRANCHES", "COMMITS", "UNCOMMITTED", "FILE"]
    print("\n".join(columns([head, *cells])))


def _branches(one: SavedWork) -> str:
    """The one that was out first; the others by number."""
    names = [ref.removeprefix("heads/") for ref in one.refs if ref.startswith("heads/")]
    detached = "(detached)" if one.commits is not None else ""
    first = one.branch or detached or (names[0] if names else "")
    more = len([name for name in names if name != first])
    return f"{first} +{more}" if more else first


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _repository(source: Path) -> Path | None:
    if not source.is_dir():
        raise UsageError(f"--source {source}: no such directory")
    return repository_of(source.absolute())


def _archive() -> Path:
    return mng_home() / "saved"


@changing
def restore(
    name: Annotated[str, typer.Argument(metavar="SAVED", help="HOST/TIME, or HOST: its newest.")],
    branch: Annotated[
        str | None, typer.Option("--branch", metavar="NAME", help="As a branch of this repository.")
    ] = None,
    host: Annotated[
        str | None,
        typer.Option("--host", metavar="NEW[.PROVIDER]", help="As the tree of a new host."),
    ] = None,
    source: Source = Path(), *, manner: Manner,
) -> None:  # fmt: skip
    """Bring saved work back, as a branch or as a new host's tree."""
    repository = _repository(source)
    found = pick_saved(find_saved(repository, _archive()), name)
    if (branch is None) == (host is None):
        hint = f"mng restore {found.name} --branch NAME   or   --host NEW"
        raise UsageError("as what: a branch, or the tree of a new host?", hint=hint)
    if branch is not None:
        manner.begin()
        _as_branch(repository, found, branch)
        return
    parsed = parse_address(host or "")
    if parsed.host:
        raise UsageError(f"{host!r} is no host", hint="--host NEW[.PROVIDER]")
    new = HostName(parsed.provider or "local", parsed.name)
    at = None if found.in_archive else str(repository)
    with opened(found, repository):
        pass  # what can't be opened is known before anything is made
    spec = HostSpec(source=at, restored=found.name)
    scope = Scope(None, frozenset({new}), frozenset())
    raise typer.Exit(drive(make_run(_with_host(new, spec), scope, [new]), Consent(), manner))


def _with_host(name: HostName, spec: HostSpec) -> Intent:
    """All that is live and a new host. One whose making was cut off is finished."""

    def intent(world: World) -> Desired:
        live = as_desired(world)
        there = world.hosts.get(name)
        if there is not None and not (there.unfinished and there.spec.restored == spec.restored):
            raise HostError(f"host {name} exists", hint="--host with another name")
        return dataclasses.replace(live, hosts={**live.hosts, name: WantedHost(spec, Owner())})

    return intent


def _as_branch(repository: Path | None, found: SavedWork, name: str) -> None:
    if repository is None or found.in_archive:
        hint = f"git clone {found.place}" if found.in_archive else "cd REPOSITORY"
        raise UsageError(f"{found.name} is no part of a repository", hint=hint)
    _, more = make_branch(repository, found, name)
    what = f" of {found.branch}" if found.branch else ""
    print(f"branch {name} is the work{what} of {', '.join(found.agents) or found.host}")
    if "work-tree" in found.refs:
        print("  its last commit is what was not committed; git reset HEAD^ takes it apart")
    for ref in more:
        print(f"  also saved:  {found.place}/{ref}")


def _show_unclaimed(owners: list[Owner]) -> None:
    """Hosts of none of these teams; without any, of files that are not there any more, or of none.

    One that was made by hand on this machine is at work as long as an agent lives there. Those of
    a team whose file is there are that team's to end.
    """
    world = observe(Fleet(), provider_names())
    for name, why in world.silent.items():
        print(f"mng: provider {name} can't be asked: {why}", file=sys.stderr)
    free = [
        host
        for host in world.hosts.values()
        if not (_has_file(host.owner) or any(owner.owns(host.owner) for owner in owners))
        and not (host.owner.adhoc and host.name.provider == "local" and _at_work(world, host.name))
    ]
    if free:
        names = " ".join(_print_hosts("UNCLAIMED", free))
        print(
            f"mng: no file that is there claims these\n  try: mng destroy {names}", file=sys.stderr
        )
    others = [
        host
        for host in world.hosts.values()
        if owners and _has_file(host.owner) and not any(one.owns(host.owner) for one in owners)
    ]
    if others:
        _print_hosts("OTHERS", others)
    for team in sorted({host.owner.team for host in others}):
        files = sorted({host.owner.file for host in others if host.owner.team == team})
        ways = [f"mng down -f {shlex.quote(file)}" for file in files]
        way = "   or   ".join(ways) if len(ways) > 1 else f"mng down {team}"
        print(f"mng: team {team} has {', '.join(files)}\n  try: {way}", file=sys.stderr)


def _has_file(owner: Owner) -> bool:
    return bool(owner.file) and Path(owner.file).exists()


def _print_hosts(head: str, hosts: list[LiveHost]) -> list[str]:
    """The oldest first; their names."""
    cells = [
        [str(host.name), str(host.state), host.owner.team, ago(host.created), host.owner.file]
        for host in sorted(hosts, key=lambda host: host.created)
    ]
    print("\n".join(columns([[head, "STATE", "TEAM", "AGE", "FILE"], *cells])))
    return [row[0] for row in cells]


def _at_work(world: World, host: HostName) -> bool:
    return any(agent.alive for agent in world.agents_on(host))


def gc(
    older_than: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Such as 90d.")
    ] = "30d",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    source: Source = Path(), file: Claims = None,
) -> None:  # fmt: skip
    """Show unclaimed hosts; remove old saved work, after asking."""
    age = seconds(older_than, "--older-than") or 0.0
    _show_unclaimed(
        [load_files([one], None, None, ending=True).desired.owner for one in file or ()]
    )
    repository = _repository(source)
    old = [
        one
        for one in find_saved(repository, _archive())
        if one.when and one.when < time.time() - age
    ]
    if not old:
        print(f"nothing that was saved is older than {older_than}")
        return
    print("\n".join(columns([[one.name, ago(one.when), _branches(one)] for one in old])))
    what = f"{count(len(old), 'save')} older than {older_than}"
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        print(f"mng: {what} held\n  try: mng gc --older-than {older_than} --yes", file=sys.stderr)
        raise typer.Exit(3)
    if not yes:
        print(f"Remove {what}, for good? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise typer.Exit(3)
    forget(repository, old)
    print(f"removed {what}")
