"""A checked document -> Desired: defaults, references, paths."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from mng.config.diagnostic import Place, did_you_mean
from mng.config.document import KNOWN_TYPES, Agent
from mng.config.document_host import KNOWN_PROVIDERS, Host
from mng.config.messages import Messages, beside
from mng.config.validate import Checked
from mng.model.name import AgentName, HostName
from mng.model.spec import AgentSpec, Desired, HostSpec, Owner, WantedAgent, WantedHost

IMPLICIT_HOST = HostName("local", "local")  # where agents live if no host is declared


@dataclass(frozen=True, slots=True)
class Known:
    """What is installed. providers: None leaves their names unchecked."""

    types: Collection[str] = ()
    providers: Collection[str] | None = None


def team_name(checked: Checked, first: Path) -> str:
    """`name`, or else what the file is called; for mng.yaml, what its directory is called."""
    if checked.document.name:
        return checked.document.name
    path = Path(os.path.abspath(first))
    words = path.parent.name if path.stem == "mng" else path.stem
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:40].strip("-") or "mng"


def resolve(checked: Checked, messages: Messages, known: Known, first: Path) -> Desired:
    """Everything that the file wants, owned by its team. Faults are told, not raised."""
    owner = Owner(team_name(checked, first), os.path.abspath(first))
    hosts = {name: _host(checked, name, known, owner) for name in checked.document.hosts}
    names = {name: HostName(host.provider, name) for name, host in checked.document.hosts.items()}
    agents = {}
    for name, agent in checked.document.agents.items():
        host = _host_of(checked, name, agent)
        wanted = _agent(checked, name, agent, host, known, owner, messages)
        if host is not None:
            agents[AgentName(names.get(host, IMPLICIT_HOST), name)] = wanted
    _check_after(checked)
    _check_renames(checked)
    wanted_hosts = {names[name]: hosts[name] for name in hosts}
    if not hosts and agents:
        wanted_hosts[IMPLICIT_HOST] = _implicit_host(checked, owner)
    return Desired(wanted_hosts, agents, owner, first.name)


def _implicit_host(checked: Checked, owner: Owner) -> WantedHost:
    place = checked.tree.near("agents").key
    return WantedHost(HostSpec(source=_repository(place)), owner, str(place))


def _host(checked: Checked, name: str, known: Known, owner: Owner) -> WantedHost:
    host = checked.document.hosts[name]
    node = checked.tree.near("hosts", name)
    if known.providers is not None and host.provider not in known.providers:
        at = checked.tree.near("hosts", name, "provider").at
        near = did_you_mean(host.provider, known.providers)
        checked.faults.add(at, f"no provider {host.provider!r}", near)
    spec = HostSpec(
        source=_source(checked, name, host),
        work_dir=host.work_dir,
        setup=host.setup,
        env=host.env,
        timeout=host.timeout,
        idle_timeout=host.idle_timeout,
        options=_options(checked, name, host),
    )
    return WantedHost(spec, owner, str(node.key), host.external, host.was)


def _options(checked: Checked, name: str, host: Host) -> dict[str, Any]:
    """The section of the host's own provider, as plain JSON values; only what is set."""
    if host.provider not in KNOWN_PROVIDERS:
        return dict(checked.sections.get(name, {}))
    if host.provider != "modal":
        return dict(getattr(host, host.provider) or {})
    if host.modal is None:
        return {}
    options = host.modal.model_dump(mode="json", exclude_unset=True)
    if host.modal.image and host.modal.image.dockerfile:
        node = checked.tree.near("hosts", name, "modal", "image", "dockerfile")
        path = beside(node, host.modal.image.dockerfile, checked.environ)
        if not path.is_file():
            checked.faults.add(node.at, f"no file {host.modal.image.dockerfile!r}")
        options["image"]["dockerfile"] = str(path)
    return options


def _source(checked: Checked, name: str, host: Host) -> str | None:
    """The absolute path of what the agents work on."""
    path = ("hosts", name, "source")
    if checked.is_broken(*path):
        return None
    if "source" not in host.model_fields_set:
        return None if host.external else _repository(checked.tree.near("hosts", name).key)
    if host.source is None:
        return None
    node = checked.tree.near(*path)
    found = beside(node, host.source, checked.environ)
    if not found.is_dir():
        what = "is not a directory" if found.exists() else "does not exist"
        checked.faults.add(node.at, f"source {host.source!r} {what}")
    return str(found)


def _repository(place: Place) -> str | None:
    """The git repository that contains a file. `.git` is a file in a worktree."""
    file = Path(os.path.abspath(place.source.path))
    return next((str(above) for above in file.parents if (above / ".git").exists()), None)


def _host_of(checked: Checked, name: str, agent: Agent) -> str | None:
    """The name of an agent's host, or None if it has a fault."""
    tree, hosts = checked.tree, checked.document.hosts
    if checked.is_broken("agents", name, "host") or checked.is_broken("hosts"):
        return None
    declared = [str(key) for key, _ in tree.near("hosts").children()] if tree.get("hosts") else []
    if agent.host is None:
        if len(declared) > 1:
            words = f"agent {name!r} needs 'host': {' or '.join(declared)}"
            checked.faults.add(tree.near("agents", name).key, words)
            return None
        chosen = declared[0] if declared else IMPLICIT_HOST.name
        return None if checked.is_broken("hosts", chosen) else chosen
    if agent.host in hosts or (not declared and agent.host == IMPLICIT_HOST.name):
        return agent.host
    if not checked.is_broken("hosts", agent.host):
        hint = did_you_mean(agent.host, declared) or "declare it under 'hosts'"
        checked.faults.add(tree.near("agents", name, "host").at, f"no host {agent.host!r}", hint)
    return None


def _agent(
    checked: Checked,
    name: str,
    agent: Agent,
    host: str | None,
    known: Known,
    owner: Owner,
    messages: Messages,
) -> WantedAgent:
    _check_type(checked, name, agent, known)
    on = checked.document.hosts.get(host or "")
    spec = AgentSpec(
        type=agent.type,
        command=agent.command,
        args=agent.args,
        env={**(on.env if on else {}), **agent.env},
        ready=agent.ready.screen if agent.ready else None,
        restart=agent.restart or "on-failure",
        protect=agent.protect,
        after=agent.after,
        labels=agent.labels,
    )
    at = str(checked.tree.near("agents", name).key)
    return WantedAgent(spec, owner, messages.of(name, agent), at, agent.was)


def _check_type(checked: Checked, name: str, agent: Agent, known: Known) -> None:
    path = ("agents", name)
    node = checked.tree.near(*path)
    if checked.is_broken(*path, "type") or checked.is_broken(*path, "command"):
        return
    if agent.type not in KNOWN_TYPES and agent.type not in known.types:
        at = checked.tree.near(*path, "type").at
        near = did_you_mean(agent.type, sorted({*KNOWN_TYPES, *known.types}))
        checked.faults.add(at, f"no agent type {agent.type!r}", near)
    elif agent.type == "command" and agent.command is None:
        checked.faults.add(node.key, f"agent {name!r} is of type command and needs 'command'")
    elif agent.command is not None and "type" not in agent.model_fields_set:
        at = checked.tree.near(*path, "command").key
        checked.faults.add(at, f"agent {name!r} has 'command' and needs 'type: command'")


def _place_of_after(checked: Checked, name: str, other: str) -> Place:
    """Where an agent says that it waits for another, in whichever form."""
    node = checked.tree.near("agents", name, "after")
    for key, child in node.children():
        if other in (key, child.value):
            return child.key
    return node.at


def _check_after(checked: Checked) -> None:
    """References and cycles of `after`."""
    agents = checked.document.agents
    graph: dict[str, set[str]] = {}
    for name, agent in agents.items():
        graph[name] = {other for other in agent.after if other in agents}
        for other in agent.after:
            if other not in agents and not checked.is_broken("agents", other):
                at = _place_of_after(checked, name, other)
                checked.faults.add(at, f"no agent {other!r}", did_you_mean(other, agents))
    while cycle := _cycle(graph):
        first = cycle[0]
        at = _place_of_after(checked, first, cycle[1])
        if len(cycle) == 2:
            checked.faults.add(at, f"agent {first!r} waits for itself")
        else:
            checked.faults.add(at, f"agents wait for each other: {' -> '.join(cycle)}")
        graph[first].discard(cycle[1])


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    """A cycle from the name that sorts first back to it, each waiting for the next, or []."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ring = list(reversed(error.args[1]))[1:]
        start = ring.index(min(ring))
        ring = ring[start:] + ring[:start]
        return [*ring, ring[0]]
    return []


def _check_renames(checked: Checked) -> None:
    """`was` names what is no more."""
    for kind, items in (("hosts", checked.document.hosts), ("agents", checked.document.agents)):
        for name, item in items.items():
            if item.was is not None and item.was in items:
                at = checked.tree.near(kind, name, "was").at
                checked.faults.add(at, f"'was' names {item.was!r}, which the file still has")
