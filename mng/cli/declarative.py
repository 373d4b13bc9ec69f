"""The commands that read a file: up, plan, down, validate, config, schema, init; and export."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from mng.cli.common import check_named, load_files, make_run, not_found
from mng.cli.complete import agent_names, host_names, team_names
from mng.cli.drive import drive
from mng.cli.live import pick_any, seconds, the_world
from mng.cli.manner import Manner, changing
from mng.cli.options import (
    TABLES,
    Files,
    Names,
    NoColor,
    Output,
    OutputAs,
    ReadyTimeout,
    Vars,
    VarsFile,
    Verbose,
)  # fmt: skip
from mng.engine.run import Run
from mng.errors import HostUnreachable, NotFound, UsageError
from mng.model.action import Consent, Scope
from mng.model.name import AgentName, HostName, parse_address
from mng.model.spec import Desired, Owner
from mng.model.world import World
from mng.reconcile import intent
from mng.reconcile.builder import count

Recreate = Annotated[
    list[str] | None,
    typer.Option("--recreate", metavar="[NAME]", autocompletion=agent_names,
                 help="Start changed agents anew; alone: all."),
]  # fmt: skip
ReplaceHost = Annotated[
    list[str] | None,
    typer.Option("--replace-host", metavar="NAME", autocompletion=host_names,
                 help="Save, destroy and make a host anew."),
]  # fmt: skip
Prune = Annotated[bool, typer.Option("--prune", help="Destroy what the file has no more.")]
Adopt = Annotated[bool, typer.Option("--adopt", help="Take over what was made by hand.")]
Force = Annotated[bool, typer.Option("--force", help="Also what is protected.")]
Yes = Annotated[
    bool, typer.Option("-y", "--yes", envvar="MNG_YES", help="Yes to all that is held.")
]
Discard = Annotated[
    list[str] | None,
    typer.Option("--discard-work", metavar="HOST", autocompletion=host_names,
                 help="Destroy even if its work can't be saved."),
]  # fmt: skip
Messages = Annotated[
    Literal["send", "accept"] | None,
    typer.Option("--messages", help="Settle the messages that are held."),
]


def _consent(
    recreate: list[str] | None, replace_host: list[str] | None, prune: bool, adopt: bool,
    force: bool, yes: bool, messages: Literal["send", "accept"] | None,
    discard: list[str] | None,
) -> Consent:  # fmt: skip
    return Consent(
        recreate=frozenset(recreate or ()), replace_host=frozenset(replace_host or ()),
        prune=prune, adopt=adopt, force=force, everything=yes,
        messages=messages or ("send" if yes else None), discard_work=frozenset(discard or ()),
    )  # fmt: skip


def _scope(desired: Desired, names: list[str] | None) -> Scope:
    """The team's, or only the named agents with what they need."""
    if not names:
        return Scope(desired.owner)
    addresses = [parse_address(name) for name in names]
    agents = {
        name for name in desired.agents for address in addresses
        if address.name == name.name and address.host in (None, name.host.name)
    }  # fmt: skip
    hosts = {
        name for name in desired.hosts for address in addresses
        if address.host is None and address.name == name.name
    }  # fmt: skip
    known = {name.name for name in agents} | {name.name for name in hosts}
    if unknown := {address.name for address in addresses} - known:
        raise not_found(unknown)
    agents |= {name for name in desired.agents if name.host in hosts}
    return Scope(desired.owner, frozenset(hosts), frozenset(_with_needs(desired, agents)))


def _with_needs(desired: Desired, agents: set[AgentName]) -> set[AgentName]:
    while True:
        needed = {key for name in agents for key in desired.agents[name].spec.after}
        more = {name for name in desired.agents if name.name in needed} - agents
        if not more:
            return agents
        agents = agents | more


@changing
def up(
    names: Names = None, file: Files = None, var: Vars = None, vars_file: VarsFile = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until nothing is pending.")] = False,
    recreate: Recreate = None, replace_host: ReplaceHost = None, prune: Prune = False,
    adopt: Adopt = False, force: Force = False, yes: Yes = False, messages: Messages = None,
    discard_work: Discard = None, ready_timeout: ReadyTimeout = "2m", *, manner: Manner,
) -> None:  # fmt: skip
    """Make what is live agree with the file."""
    consent = _consent(recreate, replace_host, prune, adopt, force, yes, messages, discard_work)
    manner = dataclasses.replace(manner, wait=wait)
    ready = seconds(ready_timeout, "--ready-timeout") or 0.0
    run = _run_up(load_files(file, var, vars_file).desired, names, consent, ready)
    raise typer.Exit(drive(run, consent, manner))


def _run_up(
    desired: Desired, names: list[str] | None, consent: Consent, ready_timeout: float = 120.0
) -> Run:
    scope = _scope(desired, names)
    run = make_run(intent.up(desired), scope, desired.hosts, ready_timeout=ready_timeout)
    check_named(consent, run.world, desired)
    return run


def plan(
    names: Names = None, file: Files = None, var: Vars = None, vars_file: VarsFile = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 3 if anything is to do.")] = False,
    recreate: Recreate = None, replace_host: ReplaceHost = None, prune: Prune = False,
    adopt: Adopt = False, force: Force = False, yes: Yes = False, messages: Messages = None,
    output: OutputAs = Output.TABLE, no_color: NoColor = False, verbose: Verbose = False,
) -> None:  # fmt: skip
    """Show what `up` would do, and why."""
    from mng.cli.documents import print_document
    from mng.cli.view_json import plan_document
    from mng.reconcile.text import names_of, plan_text

    consent = _consent(recreate, replace_host, prune, adopt, force, yes, messages, None)
    run = _run_up(load_files(file, var, vars_file).desired, names, consent)
    made = run.plan(consent)
    if output in TABLES:
        print(plan_text(made, run.seconds))
    else:
        print_document({"schema": "mng.plan/1", **plan_document(made)}, output, names_of(made))
    left = any(made.changes) or made.held
    raise typer.Exit(1 if made.exit_status == 1 else 3 if check and left else 0)


@changing
def down(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEAM] [NAME]...", help="Without -f: a team.", autocompletion=team_names
        ),
    ] = None,
    file: Files = None, var: Vars = None, vars_file: VarsFile = None, force: Force = False,
    discard_work: Discard = None, yes: Yes = False, *, manner: Manner,
) -> None:  # fmt: skip
    """Destroy the team's agents, save the work, destroy its hosts."""
    _, world = the_world()
    made, rest = _whose(world, file, var, vars_file, names or [])
    owner = made.owner
    scope, want = Scope(owner), intent.down(made)
    if rest:
        mine = World(
            {k: v for k, v in world.hosts.items() if owner.owns(v.owner)},
            {k: v for k, v in world.agents.items() if owner.owns(v.owner)},
            silent=world.silent,
        )
        scope, want = ending(mine, *pick_any(mine, rest), owner=owner)
    consent = Consent(prune=True, force=force, discard_work=frozenset(discard_work or ()))
    check_named(consent, world, made)
    raise typer.Exit(drive(make_run(want, scope, made.hosts), consent, manner))


def ending(
    world: World, hosts: set[HostName], agents: set[AgentName], *, owner: Owner | None = None
) -> tuple[Scope, intent.Intent]:
    """What goes with these: all agents of a host, and a host with its last agent."""
    gone = agents | {name for name in world.agents if name.host in hosts}
    emptied = {
        name for name in world.hosts
        if (left := world.agents_on(name)) and all(agent.name in gone for agent in left)
    }  # fmt: skip
    scope = Scope(owner, frozenset(hosts | emptied), frozenset(gone))
    return scope, intent.without(hosts, gone, emptied)


def _whose(
    world: World, file: list[Path] | None, var: list[str] | None, vars_file: Path | None,
    names: list[str],
) -> tuple[Desired, list[str]]:  # fmt: skip
    """The team that is meant, with what its file names if there is one, and the names left."""
    from mng.config.load import discover

    owners = [dataclasses.replace(o, unnamed=True) for o in world.owners if not o.adhoc]
    named = [owner for owner in owners if [owner.team] == names[:1]]
    if not file and named:
        if len(named) > 1:
            files = "   or   ".join(sorted(f"mng down -f {owner.file}" for owner in named))
            raise NotFound(f"team {names[0]} is of several files", hint=files)
        return Desired(owner=named[0]), names[1:]
    if file or discover(Path.cwd()):
        return load_files(file, var, vars_file, ending=True).desired, names
    here = [owner for owner in owners if _is_from(Path.cwd(), Path(owner.file))]
    if len(here) == 1:
        return Desired(owner=here[0]), names
    for provider, why in world.silent.items() if names else ():
        words = f"nobody knows whether there is a team {names[0]}"
        raise HostUnreachable(f"{words}: {provider}: {why}", hint="the same again, later")
    if here and not names:
        commands = "   or   ".join(sorted(f"mng down -f {owner.file}" for owner in here))
        raise UsageError(f"which of these teams: {_list(here)}?", hint=commands)
    if names:
        raise NotFound(f"no team named {names[0]!r}", hint=f"the teams: {_list(owners)}")
    raise UsageError("which team?", hint=f"mng down TEAM; the teams: {_list(owners)}")


def _is_from(here: Path, file: Path) -> bool:
    """A team of this file was brought up from here, as far as that is known: where `up` was typed
    is recorded nowhere, but the file lies here, or below in the same repository."""
    top = next((path for path in file.parents if (path / ".git").exists()), None)
    below = top is not None and here in file.parents and top in (here, *here.parents)
    return below or file.parent == here


def _list(owners: list[Owner]) -> str:
    return ", ".join(sorted({owner.team for owner in owners})) or "none is up"


def validate(file: Files = None, var: Vars = None, vars_file: VarsFile = None) -> None:
    """Check a file; every fault is shown."""
    loaded = load_files(file, var, vars_file)
    desired = loaded.desired
    hosts, agents = count(len(desired.hosts), "host"), count(len(desired.agents), "agent")
    print(f"{desired.file}: {hosts}, {agents}, no fault")


def config(
    file: Files = None, var: Vars = None, vars_file: VarsFile = None,
    explain: Annotated[
        str | None, typer.Option("--explain", metavar="PATH", help="Which line set a value.")
    ] = None,
) -> None:  # fmt: skip
    """Show the file as resolved."""
    from mng.config import explain as resolved

    loaded = load_files(file, var, vars_file)
    if explain:
        print(resolved.explain(loaded, explain))
    else:
        print(resolved.resolved_yaml(loaded), end="")


def schema() -> None:
    """Print the JSON Schema of the file."""
    from mng.cli.documents import print_document
    from mng.config.schema import json_schema

    print_document(json_schema(), Output.JSON)


def init(
    force: Annotated[bool, typer.Option("--force", help="Overwrite mng.yaml.")] = False,
) -> None:
    """Write a commented mng.yaml for this repository."""
    from mng.config.resolve import team_name
    from mng.config.starter import starter

    path = Path("mng.yaml")
    try:
        with path.open("w" if force else "x") as out:
            out.write(starter(team_name(path)))
    except FileExistsError as error:
        raise UsageError("mng.yaml exists", hint="mng init --force") from error
    except OSError as error:
        raise UsageError(f"can't write mng.yaml: {error.strerror}") from error
    print("wrote mng.yaml; next: mng plan", file=sys.stderr)


def export(
    team: Annotated[str | None, typer.Argument(help="Default: the only team.")] = None,
) -> None:
    """Print what is live as a file whose plan is empty."""
    from mng.cli.export import export_text

    fleet, world = the_world()
    teams = sorted({owner.team for owner in world.owners})
    if team is None and len(teams) == 1:
        team = teams[0]
    if team is None or team not in teams:
        found = f"no team named {team!r}" if team else "which team?"
        raise NotFound(found, hint=f"the teams: {', '.join(teams) or 'none is up'}")
    print(export_text(fleet, world, team), end="")
