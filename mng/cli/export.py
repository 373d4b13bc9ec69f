"""What is live as a file whose plan is empty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mng.agents import remote
from mng.cli.documents import yaml_text
from mng.engine.fleet import Fleet
from mng.errors import HostError
from mng.model.name import AgentName, HostName
from mng.model.spec import Env, Secret, message_name
from mng.model.world import LiveAgent, LiveHost, World


def export_text(fleet: Fleet, world: World, team: str) -> str:
    """The YAML of a team. Raises HostError if a file can't say it, or messages can't be read."""
    hosts = [host for host in world.hosts.values() if host.owner.team == team]
    agents = [agent for agent in world.agents.values() if agent.owner.team == team]
    lived_on = {agent.name.host for agent in agents} - {host.name for host in hosts}
    _check_unique([agent.name for agent in agents])
    _check_unique([*(host.name for host in hosts), *lived_on])
    document: dict[str, Any] = {"name": "adhoc" if team == "-" else team}
    document["hosts"] = {host.name.name: _host(host) for host in hosts} | {
        name.name: {"provider": name.provider, "external": True} for name in sorted(lived_on)
    }
    document["agents"] = {agent.name.name: _agent(fleet, world, agent) for agent in agents}
    return yaml_text(document)


def _check_unique(things: Sequence[AgentName | HostName]) -> None:
    """A file has each name once. Raises HostError."""
    names = [thing.name for thing in things]
    if twice := sorted(str(thing) for thing in things if names.count(thing.name) > 1):
        raise HostError(f"no file can have two of one name: {', '.join(twice)}", hint="mng list")


def _host(host: LiveHost) -> dict[str, Any]:
    spec = host.spec
    wanted: dict[str, Any] = {"provider": host.name.provider, "source": spec.source}
    for name in ("work_dir", "setup", "timeout", "idle_timeout"):
        if getattr(spec, name) is not None:
            wanted[name] = getattr(spec, name)
    if spec.env:
        wanted["env"] = _env(spec.env)
    if spec.keep:
        wanted["keep"] = list(spec.keep)
    if not spec.guard:
        wanted["shared_tree"] = {"guard": False}
    if spec.options:
        wanted[host.name.provider] = dict(spec.options)
    return wanted


def _agent(fleet: Fleet, world: World, agent: LiveAgent) -> dict[str, Any]:
    spec = agent.spec
    wanted: dict[str, Any] = {"host": agent.name.host.name, "type": spec.type}
    if spec.command is not None:
        wanted["command"] = spec.command if isinstance(spec.command, str) else list(spec.command)
    if spec.args:
        wanted["args"] = list(spec.args)
    host = world.hosts.get(agent.name.host)
    inherited = host.spec.env if host else {}
    own = {key: value for key, value in spec.env.items() if inherited.get(key) != value}
    if own:
        wanted["env"] = _env(own)
    if spec.ready is not None:
        wanted["ready"] = {"screen": spec.ready}
    if spec.permissions != "ask":
        wanted["permissions"] = spec.permissions
    if spec.restart != "on-failure":
        wanted["restart"] = spec.restart
    for name in ("allow_unsafe", "protect", "after", "labels"):
        if value := getattr(spec, name):
            wanted[name] = dict(value) if isinstance(value, dict) else value
    if agent.sent:
        texts = remote.texts(fleet.machine(agent.name.host), agent.name)
        # What a file says no more is no change: so one that was only recorded, for it has no text,
        # and one whose id was given another text since.
        newest = {message_name(sent.key): sent.key for sent in agent.sent}
        said = [sent.key for sent in agent.sent if sent.key in {*newest.values()} & {*texts}]
        wanted["messages"] = [_message(key, texts[key]) for key in said]
    return wanted


def _message(key: str, text: str) -> dict[str, Any]:
    id_ = message_name(key)
    return {**({"id": id_} if id_ != key else {}), "text": text, "template": False}


def _env(env: Env) -> dict[str, Any]:
    return {
        key: {"secret": value.name} if isinstance(value, Secret) else value
        for key, value in env.items()
    }
