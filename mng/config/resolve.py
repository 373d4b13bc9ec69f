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
from mng.config.document import KNOWN_PROVIDERS, KNOWN_TYPES, Agent, Checked, Host
from mng.config.messages import Messages, beside
from mng.model.name import AgentName, HostName
from mng.model.spec import (
    MODAL_LONGEST,
    AgentSpec,
    Desired,
    HostSpec,
    Owner,
    WantedAgent,
    WantedHost,
)

IMPLICIT_HOST = HostName("local", "local")  # where agents live if no host is declared


@dataclass(frozen=True, slots=True)
class Known:
    """What is installed. providers: None leaves their names unchecked. sources: they must exist."""

    types: Collection[str] = ()
    providers: Collection[str] | None = None
    sources: bool = True


def resolve(checked: Checked, known: Known, messages: Messages, first: Path) -> Desired:
    """Everything that the file wants, owned by its team. Faults are told, not raised."""
    document = checked.document
    file = os.path.join(os.path.realpath(first.parent), first.name)
    owner = Owner(document.name or team_name(first), file, unnamed=not document.name)
    names = {name: HostName(host.provider, name) for name, host in document.hosts.items()}
    hosts = {
        names[name]: WantedHost(
            _host_spec(checked, known, name, host), owner, _at(checked, "hosts", name),
            host.external, host.was,
        )
        for name, host in document.hosts.items()
    }  # fmt: skip
    agents = {}
    for name, agent in document.agents.items():
        on = _host_of(checked, name, agent)
        _check_type(checked, known, name, agent)
        _check_unsafe(checked, name, agent, document.hosts.get(on or ""))
        spec = _agent_spec(agent, document.hosts.get(on or ""))
        texts = messages.of(name, agent)
        if on is not None:
            wanted = WantedAgent(spec, owner, texts, _at(checked, "agents", name), agent.was)
            agents[AgentName(names.get(on, IMPLICIT_HOST), name)] = wanted
    if agents and not hosts:
        source = _repository(checked.tree.near("agents").key)
        hosts[IMPLICIT_HOST] = WantedHost(HostSpec(source=source), owner, _at(checked, "agents"))
    _check_timeouts(checked)
    _check_work_dirs(checked)
    _check_after(checked)
    _check_renames(checked)
    return Desired(hosts, agents, owner, first.name)


def team_name(first: Path) -> str:
    """What the file is called; for mng.yaml, what its directory is called."""
    path = Path(os.path.abspath(first))
    words = path.parent.name if path.stem == "mng" else path.stem
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:40].strip("-") or "mng"


def _at(checked: Checked, *path: str) -> str:
    return str(checked.tree.near(*path).key)


def _host_spec(checked: Checked, known: Known, name: str, host: Host) -> HostSpec:
    others = () if known.providers is None else known.providers
    if not (known.providers is None or host.provider in KNOWN_PROVIDERS or host.provider in others):
        near = did_you_mean(host.provider, sorted({*KNOWN_PROVIDERS, *others}))
        checked.tell(("hosts", name, "provider"), f"no provider {host.provider!r}", near)
    return HostSpec(
        source=_source(checked, known, name, host),
        work_dir=host.work_dir,
        setup=host.setup,
        env=host.env,
        timeout=host.timeout,
        idle_timeout=host.idle_timeout,
        keep=host.keep,
        guard=host.shared_tree is None or host.shared_tree.guard,
        options=_options(checked, name, host),
    )


def _options(checked: Checked, name: str, host: Host) -> dict[str, Any]:
    """The section of the host's own provider, as plain JSON values; only what is set."""
    if host.provider not in KNOWN_PROVIDERS:
        return dict(checked.sections.get(name, {}))
    if host.provider != "modal":
        return dict(getattr(host, host.provider) or {})
    if host.modal is None:
        return {}
    options = host.modal.model_dump(mode="json", exclude_unset=True)
    if host.modal.image and (dockerfile := host.modal.image.dockerfile):
        where = ("hosts", name, "modal", "image", "dockerfile")
        path = beside(checked.tree.near(*where), dockerfile, checked.environ)
        if not path.is_file():
            checked.tell(where, f"no file {dockerfile!r}")
        options["image"]["dockerfile"] = str(path)
    return options


def _source(checked: Checked, known: Known, name: str, host: Host) -> str | None:
    """The absolute path of what the agents work on."""
    where = ("hosts", name, "source")
    if checked.is_broken(*where):
        return None
    if "source" not in host.model_fields_set:
        return None if host.external else _repository(checked.tree.near("hosts", name).key)
    if host.source is None:
        return None
    path = beside(checked.tree.near(*where), host.source, checked.environ)
    if known.sources and not path.is_dir():
        what = "is not a directory" if path.exists() else "does not exist"
        checked.tell(where, f"source {host.source!r} {what}")
    return str(path)


def _repository(place: Place) -> str | None:
    """The git repository that contains a file. `.git` is a file in a worktree."""
    file = Path(os.path.abspath(place.source.path))
    return next((str(above) for above in file.parents if (above / ".git").exists()), None)


def _host_of(checked: Checked, name: str, agent: Agent) -> str | None:
    """The name of an agent's host, or None if it has a fault."""
    if checked.is_broken("agents", name, "host") or checked.is_broken("hosts"):
        return None
    hosts = checked.tree.get("hosts")
    declared = [str(key) for key, _ in hosts.children()] if hosts else []
    if agent.host is None and len(declared) > 1:
        words = f"agent {name!r} needs 'host': {' or '.join(declared)}"
        checked.tell_key(("agents", name), words)
        return None
    chosen = agent.host or (declared or [IMPLICIT_HOST.name])[0]
    if checked.is_broken("hosts", chosen):
        return None
    if chosen in declared or (not declared and chosen == IMPLICIT_HOST.name):
        return chosen
    hint = did_you_mean(chosen, declared) or "declare it under 'hosts'"
    checked.tell(("agents", name, "host"), f"no host {chosen!r}", hint)
    return None


def _agent_spec(agent: Agent, host: Host | None) -> AgentSpec:
    return AgentSpec(
        type=agent.type,
        command=agent.command,
        args=agent.args,
        env={**(host.env if host else {}), **agent.env},
        permissions=agent.permissions or "ask",
        allow_unsafe=agent.allow_unsafe,
        ready=agent.ready.screen if agent.ready else None,
        restart=agent.restart or "on-failure",
        protect=agent.protect,
        after=agent.after,
        labels=agent.labels,
    )


def _check_type(checked: Checked, known: Known, name: str, agent: Agent) -> None:
    where = ("agents", name)
    if checked.is_broken(*where, "type") or checked.is_broken(*where, "command"):
        return
    # Plug-ins are looked for only if need be: that reads every installed package's metadata.
    if agent.type not in KNOWN_TYPES and agent.type not in known.types:
        near = did_you_mean(agent.type, sorted({*KNOWN_TYPES, *known.types}))
        checked.tell((*where, "type"), f"no agent type {agent.type!r}", near)
    elif agent.type == "command" and agent.command is None:
        checked.tell_key(where, f"agent {name!r} is of type command and needs 'command'")
    elif agent.command is not None and "type" not in agent.model_fields_set:
        words = f"agent {name!r} has 'command' and needs 'type: command'"
        checked.tell_key((*where, "command"), words)


def _check_unsafe(checked: Checked, name: str, agent: Agent, host: Host | None) -> None:
    """Nothing runs any command unasked on one's own machine unless the file says that it may."""
    local = host.provider == "local" if host else not checked.document.hosts
    if agent.permissions == "bypass" and not agent.allow_unsafe and local:
        words = f"agent {name!r} would run any command on this machine unasked"
        hint = "write permissions: ask, or allow_unsafe: true"
        checked.tell(("agents", name, "permissions"), words, hint)


def _check_timeouts(checked: Checked) -> None:
    for name, host in checked.document.hosts.items():
        if host.provider == "modal" and (host.timeout or 0) > MODAL_LONGEST:
            checked.tell(("hosts", name, "timeout"), "Modal ends a host after 24h", "write 24h")


def _check_work_dirs(checked: Checked) -> None:
    """Hosts of one machine have a work tree each."""
    seen: dict[str, str] = {}
    for name, host in checked.document.hosts.items():
        if host.provider == "local" and host.work_dir is not None:
            path = os.path.normpath(os.path.expanduser(host.work_dir))
            if (other := seen.setdefault(path, name)) != name:
                words = f"work_dir {host.work_dir!r} is that of host {other!r}, too"
                checked.tell(("hosts", name, "work_dir"), words)


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
        first, second = cycle[:2]
        words = f"agents wait for each other: {' -> '.join(cycle)}"
        if first == second:
            words = f"agent {first!r} waits for itself"
        checked.faults.add(_place_of_after(checked, first, second), words)
        graph[first].discard(second)


def _place_of_after(checked: Checked, name: str, other: str) -> Place:
    """Where an agent says that it waits for another, in whichever form."""
    node = checked.tree.near("agents", name, "after")
    keys = (child.key for key, child in node.children() if other in (key, child.value))
    return next(keys, node.at)


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    """A cycle from the name that sorts first back to it, each waiting for the next, or []."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        ring = list(reversed(error.args[1]))[1:]
        start = ring.index(min(ring))
        return [*ring[start:], *ring[: start + 1]]
    return []


def _check_renames(checked: Checked) -> None:
    """`was` names what is no more."""
    for kind, items in (("hosts", checked.document.hosts), ("agents", checked.document.agents)):
        for name, item in items.items():
            if item.was is not None and item.was in items:
                words = f"'was' names {item.was!r}, which the file still has"
                checked.tell((kind, name, "was"), words)
