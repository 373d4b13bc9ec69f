"""The commands that edit what is live: create, message, destroy, stop, start."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Annotated

import typer

from mng.agents import remote
from mng.cli.common import check_named, check_text, make_run, read_text, variables
from mng.cli.complete import agent_names, kind_names
from mng.cli.declarative import Discard, Force, ending
from mng.cli.drive import drive
from mng.cli.live import pick_agents, pick_any, seconds, the_world
from mng.cli.manner import Manner, changing
from mng.cli.options import ReadyTimeout, Things
from mng.cli.table import short
from mng.engine.fleet import Fleet
from mng.errors import AgentError, IsHeld, NotFound, UsageError
from mng.model.action import Consent, Scope
from mng.model.name import (
    ENV_NAME,
    MESSAGE_ID,
    MESSAGE_ID_RULE,
    AgentName,
    HostName,
    parse_address,
)  # fmt: skip
from mng.model.spec import (
    AgentSpec,
    Env,
    HostSpec,
    MessageSpec,
    Secret,
    WantedAgent,
    message_keys,
    message_name,
)  # fmt: skip
from mng.model.world import World
from mng.reconcile import intent


@changing
def create(
    address: Annotated[str, typer.Argument(metavar="NAME[@HOST[.PROVIDER]]")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="[-- ARGS]", help="For the agent's program.")
    ] = None,
    new_host: Annotated[bool, typer.Option("--new-host", help="Make the host, too.")] = False,
    type_: Annotated[
        str,
        typer.Option(
            "--type", envvar="MNG_TYPE", show_default=False, autocompletion=kind_names,
            help="Default: command where a command is given, else claude.",
        ),
    ] = "",
    command: Annotated[
        str | None, typer.Option("--command", help="For the type `command`: shell text.")
    ] = None,
    message: Annotated[list[str] | None, typer.Option("--message", help="Repeated.")] = None,
    message_file: Annotated[
        list[str] | None, typer.Option("--message-file", metavar="FILE", help="- is stdin.")
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option("--env", metavar="K=V|K", help="K alone passes a secret of your environment."),
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="DIR", help="What the host's agents work on.")
    ] = None,
    connect: Annotated[bool, typer.Option("--connect", help="Attach when it is ready.")] = False,
    ready_timeout: ReadyTimeout = "2m", *, manner: Manner,
) -> None:  # fmt: skip
    """Make one agent. Without --new-host its host must exist."""
    texts = [check_text(text) for text in message or ()]
    texts += [check_text(read_text(path)) for path in message_file or ()]
    kind = type_ or ("command" if command or arguments else "claude")
    args = tuple(arguments or ())
    for word in (command or "", *args, *(env or ())):
        remote.as_utf8(word, "what the agent is given")
    # `--type command -- prog arg` and `-- prog arg` are the command itself.
    whole: str | tuple[str, ...] | None = command
    if kind == "command" and command is None:
        whole, args = args or None, ()
    spec = AgentSpec(type=kind, command=whole, args=args, env=_env(env))
    keys = message_keys((None, text) for text in texts)
    said = tuple(MessageSpec(key, text) for key, text in zip(keys, texts, strict=True))
    seen = the_world([address])
    world = seen[1]
    name, makes = _place(world, address, new_host=new_host)
    host = HostSpec(source=_source(source)) if makes else None
    if not makes and source:
        raise UsageError("--source is for a new host", hint=f"mng create {address} --new-host")
    want = intent.create(name, WantedAgent(spec, messages=said), host, new_host=new_host)
    scope = Scope(None, frozenset({name.host}), frozenset({name}))
    ready = seconds(ready_timeout, "--ready-timeout") or 0.0
    run = make_run(want, scope, [name.host], ready_timeout=ready, seen=seen)
    status = drive(run, Consent(), manner)
    if connect and status == 0:
        from mng.cli.reach import attach

        status = attach(run.fleet.machine(name.host), name)
    raise typer.Exit(status)


def _place(world: World, address: str, *, new_host: bool) -> tuple[AgentName, bool]:
    """Where the agent goes, and whether its host may be made."""
    parsed = parse_address(address)
    if parsed.host is None:
        if parsed.provider:
            raise UsageError(f"{address!r} names a host", hint=f"mng create AGENT@{address}")
        return AgentName(HostName("local", "local"), parsed.name), True
    if new_host or parsed.provider:
        host = HostName(parsed.provider or "local", parsed.host)
        return AgentName(host, parsed.name), new_host
    found = [host for host in world.hosts if host.name == parsed.host]
    if len(found) == 1:
        return AgentName(found[0], parsed.name), False
    if found:
        names = ", ".join(str(host) for host in sorted(found))
        raise NotFound(f"host {parsed.host!r} is ambiguous: {names}", hint="write it in full")
    raise NotFound(f"no host {parsed.host}", hint=f"mng create {address} --new-host")


def _source(given: str | None) -> str | None:
    """The directory named, else the repository that the user stands in, if any."""
    if given is not None:
        path = Path(given).expanduser().absolute()
        if not path.is_dir():
            raise UsageError(f"--source {given}: no such directory")
        return str(path)
    here = Path.cwd()
    return next((str(path) for path in (here, *here.parents) if (path / ".git").exists()), None)


def _env(given: list[str] | None) -> Env:
    """K=V items as they are; K alone is a secret, passed by name."""
    env: dict[str, str | Secret] = {}
    for item in given or ():
        if not ENV_NAME.fullmatch(name := item.partition("=")[0]):
            raise UsageError(f"--env: {name!r} is not a variable's name", hint="--env KEY=VALUE")
        if "=" in item:
            env |= variables([item])
        elif item in os.environ:
            env[item] = Secret(item)
        else:
            raise UsageError(f"{item} is not in the environment", hint=f"export {item}=...")
    return env


@changing
def message(
    words: Annotated[
        list[str], typer.Argument(metavar="AGENT... [TEXT | -]", autocompletion=agent_names)
    ],
    file: Annotated[
        str | None, typer.Option("-F", "--message-file", metavar="FILE", help="The text's file.")
    ] = None,
    id_: Annotated[
        str | None, typer.Option("--id", help="Deliver once under this id; also of a declared one.")
    ] = None,
    command: Annotated[
        bool, typer.Option("--command", help="It is a command of the program's own, as /compact.")
    ] = False,
    ready_timeout: ReadyTimeout = "30s", *, manner: Manner,
) -> None:  # fmt: skip
    """Deliver a text to agents now, and say what became of it."""
    if file is None and len(words) < 2:
        raise UsageError("no text", hint=f"mng message {words[0]} 'TEXT'   or   -F FILE   or   -")
    names, text = (words, read_text(file)) if file else (words[:-1], words[-1])
    text = check_text(read_text("-") if text == "-" and not file else text)
    if id_ is not None and not MESSAGE_ID.fullmatch(id_):
        raise UsageError(f"{id_!r} is not an id", hint=MESSAGE_ID_RULE)
    fleet, world = the_world(names)
    agents = pick_agents(world, list(dict.fromkeys(names)))
    (key,) = message_keys([(id_ or f"adhoc-{secrets.token_hex(6)}", text)])
    if id_ is not None:
        _check_unused(fleet, world, agents, key)
    said = MessageSpec(key, text, when="now", origin="adhoc", command=command)
    want = intent.message(agents, said)
    # A host comes along only if it must be asked; nothing of it is changed.
    scope = Scope(None, frozenset(), frozenset(agents))
    ready = seconds(ready_timeout, "--ready-timeout") or 0.0
    hosts, seen = [name.host for name in agents], (fleet, world)
    run = make_run(want, scope, hosts, ready_timeout=ready, seen=seen)
    raise typer.Exit(drive(run, Consent(), manner))


def _check_unused(fleet: Fleet, world: World, agents: list[AgentName], key: str) -> None:
    """An id that an agent knows stands for one text. Raises IsHeld where it was another."""
    id_ = message_name(key)
    for name in agents:
        sent = () if world.unknown(name.host) else world.agents[name].sent
        others = [one.key for one in sent if message_name(one.key) == id_]
        if others and key not in others:
            said = remote.texts(fleet.machine(name.host), name).get(others[-1], "")
            raise IsHeld(
                f"{name} was sent another text with the id {id_!r}: {short(said)!r}",
                hint=f"another --id, or none   (mng messages {name})",
            )


@changing
def destroy(
    names: Things,
    force: Force = False, discard_work: Discard = None, *, manner: Manner,
) -> None:  # fmt: skip
    """End agents. A host goes with its last agent, after its work is saved."""
    fleet, world = the_world(names)
    scope, want = ending(world, *pick_any(world, names))
    consent = Consent(prune=True, force=force, discard_work=frozenset(discard_work or ()))
    check_named(consent, world)
    run = make_run(want, scope, scope.hosts or (), seen=(fleet, world))
    raise typer.Exit(drive(run, consent, manner))


def _stop_or_start(names: list[str], manner: Manner, *, stop: bool) -> None:
    fleet, world = the_world(names)
    hosts, agents = pick_any(world, names)
    agents |= {name for name in world.agents if name.host in hosts}
    keep = [world.hosts[name] for name in hosts]
    if not agents and not any(host.ended or host.expires for host in keep):
        raise AgentError(f"no agent on {', '.join(map(str, hosts))}", hint="mng list")
    scope = Scope(None, frozenset(hosts), frozenset(agents))
    dead = {name.name for name in agents if not world.agents[name].alive}
    consent = Consent() if stop else Consent(recreate=frozenset(dead))
    want = intent.stopped(agents, stop=stop, hosts=hosts)
    homes = {*hosts, *(name.host for name in agents)}
    run = make_run(want, scope, homes, seen=(fleet, world))
    raise typer.Exit(drive(run, consent, manner))


@changing
def stop(
    names: Things,
    *, manner: Manner,
) -> None:  # fmt: skip
    """End agents, and keep their files and their conversation."""
    _stop_or_start(names, manner, stop=True)


@changing
def start(
    names: Things,
    *, manner: Manner,
) -> None:  # fmt: skip
    """Resume agents that were stopped or have ended."""
    _stop_or_start(names, manner, stop=False)
