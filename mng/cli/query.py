"""The commands that only look: list, doctor."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from mng.agents.kind import AgentKind, find_kind
from mng.cli.complete import any_names
from mng.cli.live import pick_any, the_world
from mng.cli.options import TABLES, NoColor, Output, OutputAs
from mng.cli.table import Paint, ago, columns, short
from mng.engine.fleet import Fleet
from mng.hosts.provider import has_modal_token
from mng.model.name import HostName
from mng.model.world import AgentState, HostState, LiveAgent, LiveHost, SentState, World
from mng.reconcile.changes import shared_files

_ORDER = list(AgentState)  # those that need the user come first
_COLOURS = {
    AgentState.BLOCKED: "yellow", AgentState.FAILED: "red", AgentState.UNKNOWN: "red",
    AgentState.WAITING: "green", AgentState.DONE: "dim", AgentState.STOPPED: "dim",
}  # fmt: skip


_UNWELL = {AgentState.BLOCKED, AgentState.FAILED, AgentState.UNKNOWN, AgentState.STARTING}


def list_(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[AGENT|HOST]...", autocompletion=any_names)
    ] = None,
    output: OutputAs = Output.TABLE,
    no_color: NoColor = False,
) -> None:
    """Show agents and hosts, those first that need you."""
    fleet, world = the_world(names or ())
    agents, hosts = list(world.agents.values()), list(world.hosts.values())
    if names:
        some_hosts, some_agents = pick_any(world, names)
        agents = [a for a in agents if a.name in some_agents or a.name.host in some_hosts]
        hosts = [h for h in hosts if h.name in some_hosts | {a.name.host for a in agents}]
    agents.sort(key=lambda agent: (_ORDER.index(agent.state), agent.name))
    hosts.sort(key=lambda host: host.name)
    if output in TABLES:
        work = _work(fleet, world, hosts) if output is Output.WIDE else {}
        _print_table(world, agents, hosts, work, Paint(sys.stdout, never=no_color))
        for file in shared_files(agents) if output is Output.WIDE else ():
            print(f"mng: on {file.host}, {file} within ten minutes", file=sys.stderr)
    else:
        from mng.cli.documents import list_document, print_document

        document = list_document(fleet, world, agents, hosts)
        print_document(document, output, [str(agent.name) for agent in agents])
    for host in hosts:
        if host.state is HostState.RUNNING and host.reason:
            print(f"mng: host {host.name} {host.reason}", file=sys.stderr)
    for name, why in world.silent.items():
        print(f"mng: provider {name} can't be asked: {why}", file=sys.stderr)
    # Who asked for nothing of Modal's is not to blame that it does not answer.
    silent = not names and "local" in world.silent
    raise typer.Exit(1 if silent or any(world.unknown(host.name) for host in hosts) else 0)


def _print_table(
    world: World, agents: list[LiveAgent], hosts: list[LiveHost],
    work: dict[HostName, tuple[str, str]], paint: Paint,
) -> None:  # fmt: skip
    if not agents and not hosts:
        print("no agents; mng up, or mng create NAME", file=sys.stderr)
        return
    lived_on = {agent.name.host for agent in agents}
    rows = [_row(world, agent, work) for agent in agents]
    rows += [_host_row(host, work) for host in hosts if host.name not in lived_on]
    head = ["NAME", "STATE", "HOST", "PROVIDER", "HOST-STATE"]
    if work:
        head += ["TEAM", "TYPE", "WHY", "SINCE", "MESSAGES", "BRANCH", "DIRTY", "AGE"]
    elif any(row[-1] for row in rows):
        head += ["WHY"]
    else:
        rows = [row[:-1] for row in rows]
    ends = {host.name: ago(int(time.time()), host.expires) for host in hosts if host.expires}
    if ends:  # no host of one's own machine has a deadline
        of = [agent.name.host for agent in agents]
        of += [host.name for host in hosts if host.name not in lived_on]
        head.insert(5, "ENDS-IN")
        for row, name in zip(rows, of, strict=True):
            row.insert(5, ends.get(name, ""))
    lines = columns([head, *rows])
    print(lines[0])
    for agent, line in zip(agents, lines[1:], strict=False):
        state = str(agent.state)
        painted = paint(_COLOURS[agent.state], state) if agent.state in _COLOURS else state
        print(line.replace(state, painted, 1) if paint.on else line)
    print("".join(f"{line}\n" for line in lines[1 + len(agents) :]), end="")


def _row(world: World, agent: LiveAgent, work: dict[HostName, tuple[str, str]]) -> list[str]:
    """An agent's cells; the last one says why it needs the user, if it does."""
    host = world.hosts.get(agent.name.host)
    state = str(host.state) if host else str(HostState.UNKNOWN)
    name = agent.name
    row = [name.name, str(agent.state), name.host.name, name.host.provider, state]
    if not work:
        return [*row, short(agent.reason) if agent.state in _UNWELL else ""]
    said = sum(s.state not in (SentState.BEGUN, SentState.UNCERTAIN) for s in agent.sent)
    return [
        *row, agent.owner.team, agent.spec.type, agent.reason, ago(agent.since),
        f"{said}/{len(agent.sent)}", *work.get(name.host, ("", "")), ago(agent.created),
    ]  # fmt: skip


def _host_row(host: LiveHost, work: dict[HostName, tuple[str, str]]) -> list[str]:
    row = ["-", "-", host.name.name, host.name.provider, str(host.state)]
    if not work:
        return [*row, short(host.reason)]
    return [
        *row, host.owner.team, "", host.reason, "", "",
        *work.get(host.name, ("", "")), ago(host.created),
    ]  # fmt: skip


def _work(fleet: Fleet, world: World, hosts: list[LiveHost]) -> dict[HostName, tuple[str, str]]:
    """Branch and number of uncommitted files of each host's tree."""
    from mng.engine.threads import at_once
    from mng.errors import MngError
    from mng.work.save import summary

    def ask(host: LiveHost) -> tuple[HostName, tuple[str, str]]:
        if host.name in world.unreachable or host.ended:
            return host.name, ("?", "?")
        try:
            state = summary(fleet.machine(host.name))
        except MngError:
            return host.name, ("?", "?")
        return host.name, (state.branch, str(state.dirty))

    return dict(at_once(ask, hosts))


def doctor() -> None:
    """Check what mng needs on this machine, and say what fixes what is missing."""
    from mng.hosts.local import mng_home

    bad = 0
    for program, flag, least in (("tmux", "-V", (3, 2)), ("git", "--version", (2, 30))):
        version = _version(program, flag)
        fine = version is not None and version >= least
        bad += not fine
        found = ".".join(map(str, version)) if version else "missing"
        fix = f"apt install {program}   or   brew install {program}"
        want = ".".join(map(str, least))
        print(
            f"{'ok ' if fine else 'BAD'} {program} {found}"
            + (f" (needs {want}): {fix}" if not fine else "")
        )
    for name in ("claude", "codex", "opencode", "gemini"):
        kind = find_kind(name)
        if not shutil.which(kind.program):
            print(f"-   {name} is not here: {kind.install}")
            continue
        print(_credentials(kind))
    print("ok  modal: a token" if has_modal_token() else "-   modal has no token: modal setup")
    home = mng_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / ".probe").touch()
        (home / ".probe").unlink()
        print(f"ok  {home} can be written")
    except OSError as error:
        bad += 1
        print(f"BAD {home}: {error.strerror}: export MNG_HOME=DIRECTORY")
    raise typer.Exit(1 if bad else 0)


def _credentials(kind: AgentKind) -> str:
    """What its agents here will have: variables, by their names alone, or its own login."""
    there = [key for key in kind.credentials if os.environ.get(key)]
    login = (Path.home() / kind.login).is_file()
    if all(key.endswith("_BASE_URL") for key in there) and not login:
        keys = [key for key in kind.credentials if not key.endswith("_BASE_URL")]
        found = f"no {' or '.join(keys)} is set"
        return f"-   {kind.name}: {found}, and there is no ~/{kind.login}: {kind.program}"
    return f"ok  {kind.name}: {', '.join([*there, *[f'~/{kind.login}'] * login])}"


def _version(program: str, flag: str) -> tuple[int, ...] | None:
    import re

    if not shutil.which(program):
        return None
    said = subprocess.run([program, flag], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else (0,)
