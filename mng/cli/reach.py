"""The commands that reach into an agent: connect, exec, logs, wait, messages."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer

from mng.agents import remote
from mng.agents.sight import glance
from mng.cli.live import check_reachable, pick_agents, pick_any, seconds, the_world
from mng.cli.options import TABLES, Agent, Agents, Output, OutputAs, Thing, Timeout
from mng.cli.table import ago, columns, short
from mng.engine.fleet import Fleet
from mng.engine.follow import Goal, follow, wait_for
from mng.errors import AgentError, CannotRun, HostError, HostGone, TimedOut, UsageError
from mng.hosts.process import joined
from mng.model.name import AgentName, HostName
from mng.model.spec import message_name
from mng.model.transport import Machine
from mng.model.world import AgentState, World

ExecArguments = Annotated[
    list[str], typer.Argument(metavar="COMMAND | -- ARGV...", help="One word is shell text.")
]

_EXEC_OPTIONS = {"--timeout", "-h", "--help"}


def attach(machine: Machine, name: AgentName) -> int:
    """Hand the terminal to an agent's session; the status of the attachment."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("connect needs a terminal", hint=f"mng logs {name}")
    argv = ["sh", "-c", remote.script("attach"), "mng", machine.home, machine.mark, name.name]
    # From afar, a client that was cut off may still be attached, and decide how large all is.
    try:
        return machine.transport.attach(argv if machine.local else [*argv, "-d"])
    except HostGone as error:
        hint = f"mng start {name.host}   or   mng up"
        raise HostGone(f"host {name.host}: {error}", hint=hint) from error


def connect(agent: Agent) -> None:
    """Attach this terminal to an agent. Ctrl+b d detaches."""
    fleet, world = the_world([agent])
    (name,) = pick_agents(world, [agent])
    check_reachable(world, name)
    live = world.agents[name]
    if live.state is AgentState.STOPPED or live.reason == "its session vanished":
        raise AgentError(f"{name} is {live.state}: {live.reason}", hint=f"mng start {name}")
    raise typer.Exit(attach(fleet.machine(name.host), name))


def exec_(
    name: Thing,
    words: ExecArguments,
    timeout: Timeout = None,
) -> None:
    """Run a command in an agent's work tree, with its environment."""
    argv = _argv(name, words)
    fleet, world = the_world([name])
    hosts, agents = pick_any(world, [name])
    host = next(iter(hosts)) if hosts else next(iter(agents)).host
    if why := world.unknown(host):
        raise CannotRun(f"host {host} is unknown: {why}", hint="mng list")
    if world.hosts[host].ended:
        raise CannotRun(f"host {host}: {world.hosts[host].reason}", hint=f"mng start {host}")
    status = _run(fleet.machine(host), world, host, agents, argv, seconds(timeout, "--timeout"))
    raise typer.Exit(status)


def _argv(name: str, words: list[str]) -> list[str]:
    """One word is shell text; several, or what stands behind `--`, are an argument list."""
    if words[0].partition("=")[0] in _EXEC_OPTIONS:
        hint = f"mng exec {words[0]} ... {name} COMMAND   or   mng exec {name} -- {words[0]} ..."
        raise UsageError(f"{words[0]}: options come before the name", hint=hint)
    if words[0] == "--":
        if not words[1:]:
            raise UsageError("no command", hint="mng exec AGENT -- PROGRAM ARGUMENT...")
        return words[1:]
    return ["sh", "-c", words[0]] if len(words) == 1 else words


def _run(
    machine: Machine, world: World, host: HostName, agents: set[AgentName], argv: list[str],
    timeout: float | None,
) -> int:  # fmt: skip
    import os

    env = world.hosts[host].spec.env
    plain: dict[str, str] = {"MNG_HOST": host.name, "MNG_TEAM": world.hosts[host].owner.team}
    for agent in agents:
        env = world.agents[agent].spec.env
        plain |= remote.identity(agent, world.agents[agent].owner)
        plain["MNG_AGENT_DIR"] = f"{machine.home}/agents/{agent.name}"
    plain |= {key: value for key, value in env.items() if isinstance(value, str)}
    try:
        secret = remote.resolve(env, os.environ)
    except UsageError as error:
        hint = f"{error.hint}   or, without an agent's environment, mng exec {host} ..."
        raise CannotRun(str(error), hint=hint) from error
    settings = [f"{key}={value}" for key, value in plain.items()]
    script = ["sh", "-c", remote.script("exec"), "mng", machine.home, machine.mark]
    whole = [*script, machine.work_dir, "1" if secret else "0", "env", *settings, *argv]
    stdin = sys.stdin.buffer
    if secret:
        stdin = joined(remote.exports(secret).encode() + b"\n", stdin)
    # The command ends with mng, however mng is asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        done = machine.transport.run(
            whole, stdin=stdin, stdout=sys.stdout.buffer, stderr=sys.stderr.buffer, timeout=timeout
        )
    except HostError as error:
        if timeout is not None:
            raise TimedOut(
                f"--timeout has passed after {timeout:g}s: the command was ended"
            ) from error
        raise
    return 128 - done.status if done.status < 0 else done.status


def logs(
    agents: Agents,
    follow_: Annotated[bool, typer.Option("-f", "--follow", help="Go on as it prints.")] = False,
    tail: Annotated[int, typer.Option("-n", "--tail", min=0, help="How many last lines.")] = 1000,
) -> None:
    """What agents printed, also after they ended.

    Of a host of Modal that has ended it comes back with `mng start HOST`.
    """
    fleet, world = the_world(agents)
    names = pick_agents(world, agents)
    for name in names:
        check_reachable(world, name)
    many = len(names) > 1

    def show(name: AgentName, line: str) -> None:
        print(f"{name}  {line}" if many else line, flush=follow_)

    for name in names:
        for line in remote.logs(fleet.machine(name.host), name, tail):
            show(name, line)
    if follow_:
        follow(fleet, names, show)


def wait(
    agents: Agents,
    for_: Annotated[
        Goal,
        typer.Option(
            "--for",
            help="Until when. Of what `up` has held only `mng plan --check` knows.",
        ),
    ] = "idle",
    any_: Annotated[bool, typer.Option("--any", help="The first one is enough.")] = False,
    timeout: Timeout = None,
) -> None:
    """Wait until agents are in a state; for scripts."""
    fleet, world = the_world(agents)
    names = pick_agents(world, agents)
    for name in names:
        check_reachable(world, name)
    ends = seconds(timeout, "--timeout")
    for agent in wait_for(fleet, names, for_, any_one=any_, timeout=ends):
        print(f"{agent.name} {agent.state} {agent.reason}")


def messages(agent: Agent, output: OutputAs = Output.TABLE) -> None:
    """The ledger of an agent: what it was sent, and what became of it."""
    fleet, world = the_world([agent])
    (name,) = pick_agents(world, [agent])
    check_reachable(world, name)
    rows = _ledger(fleet, world, name)
    if output not in TABLES:
        from mng.cli.documents import print_document

        document = {"schema": "mng.messages/1", "agent": str(name), "messages": rows}
        print_document(document, output, [str(row["id"]) for row in rows])
        return
    cells = [
        [str(n), str(row["state"]), ago(int(str(row["at"]))), str(row["from"]), str(row["id"]),
         short(str(row["text"])) or "(not typed, but recorded)"]
        for n, row in enumerate(rows, 1)
    ]  # fmt: skip
    print("\n".join(columns([["#", "STATE", "AGE", "FROM", "ID", "TEXT"], *cells])))


def _ledger(fleet: Fleet, world: World, name: AgentName) -> list[dict[str, object]]:
    from mng.agents.journal import Journal

    machine = fleet.machine(name.host)
    texts = remote.texts(machine, name)
    journal = Journal(glance(machine).files.get(name.name, {}).get("journal", []))
    agent = world.agents[name]
    at_work = agent.state in (AgentState.RUNNING, AgentState.BLOCKED)
    return [
        {
            "id": message_name(sent.key),
            "state": "queued" if at_work and journal.queued(sent) else str(sent.state),
            "from": sent.origin, "at": journal.times.get(sent.key, 0),
            "text": texts.get(sent.key, ""),
        }
        for sent in agent.sent
    ]  # fmt: skip
