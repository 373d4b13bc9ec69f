"""Observe: every provider at once, then every host at once, into one World."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from mng.agents.kind import find_kind
from mng.agents.sight import foreign_agents, glance, live_agents, live_host, look, parse
from mng.engine.fleet import Fleet
from mng.engine.threads import at_once
from mng.errors import HostGone, MngError
from mng.hosts.provider import Foreign
from mng.model.name import AgentName, HostName
from mng.model.world import AgentState, HostState, LiveAgent, LiveHost, World
from mng.reconcile.builder import count


@dataclass(slots=True)
class _Seen:
    """What one host, or one provider, added to the world."""

    hosts: list[LiveHost] = field(default_factory=list)
    agents: list[LiveAgent] = field(default_factory=list)
    unreachable: dict[HostName, str] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    foreign_hosts: list[HostName] = field(default_factory=list)
    foreign_agents: list[AgentName] = field(default_factory=list)
    lost: dict[HostName, str] = field(default_factory=dict)


def observe(fleet: Fleet, providers: Iterable[str], hosts: Collection[HostName] = ()) -> World:
    """Everything that is live. What doesn't answer is unknown, and fails nothing else.

    hosts: those that the command is about.
    """
    began = time.monotonic()
    found: list[LiveHost] = []

    def ask(name: str) -> _Seen:
        seen = _Seen()
        try:
            wanted = [host.name for host in hosts if host.provider == name]
            for one in fleet.provider(name).find(wanted):
                if isinstance(one, Foreign):
                    seen.foreign_hosts.append(one.name)
                else:
                    found.append(one)
        except MngError as error:
            seen.silent[name] = str(error)
        return seen

    asked = at_once(ask, sorted(set(providers)))
    world = _merge([*asked, *at_once(lambda host: _see(fleet, host), found)])
    fleet.took = time.monotonic() - began
    return world


def _see(fleet: Fleet, found: LiveHost) -> _Seen:
    seen = _Seen()
    if found.state is HostState.UNKNOWN:
        seen.hosts, seen.unreachable = [found], {found.name: found.reason}
        return seen
    if found.ended:
        return _see_ended(fleet, found)
    machine = fleet.add(found)
    try:
        view = look(machine)
        host = live_host(found, view)
        agents = list(live_agents(host, view))
        if looking := [agent.name.name for agent in agents if _looks(agent)]:
            # Only those whose state depends on their screen cost a second trip.
            view = look(machine, looking)
            agents = list(live_agents(host, view))
        seen.foreign_agents = list(foreign_agents(host, view))
    except HostGone:
        return seen  # another mng has ended it since it was found
    except MngError as error:
        return _unreachable(fleet, found, str(error))
    fleet.add(host)
    seen.hosts, seen.agents = [host], agents
    return seen


def as_kept(found: LiveHost) -> LiveHost:
    """A host that is no more, with its spec and its owner as it kept them itself."""
    assert found.kept is not None
    known = live_host(found, parse(found.kept.view))
    return dataclasses.replace(
        known, state=found.state, reason=found.reason, unfinished="", expires=None
    )


def _see_ended(fleet: Fleet, found: LiveHost) -> _Seen:
    """A host that is no more, and its agents, as they were when it last kept its work."""
    if found.kept is None:
        return _Seen(lost={found.name: found.reason})
    view = parse(found.kept.view)
    host = as_kept(found)
    fleet.keep(host)
    agents = [
        dataclasses.replace(agent, state=AgentState.STOPPED, reason="when its host ended")
        if agent.reason == "its session vanished"
        else agent
        for agent in live_agents(host, view)
    ]
    return _Seen([host], agents)


def _looks(agent: LiveAgent) -> bool:
    return agent.alive and find_kind(agent.spec.type).looks(agent.spec)


def _unreachable(fleet: Fleet, found: LiveHost, reason: str) -> _Seen:
    """The host and those of its agents that its disk tells of, all of them unknown."""
    seen = _Seen(unreachable={found.name: reason})
    seen.hosts = [dataclasses.replace(found, state=HostState.UNKNOWN, reason=reason)]
    try:
        view = glance(fleet.machine(found.name))
    except MngError:
        return seen
    seen.agents = [
        dataclasses.replace(agent, state=AgentState.UNKNOWN, reason=reason)
        for agent in live_agents(live_host(found, view), view)
    ]
    return seen


def _merge(parts: Collection[_Seen]) -> World:
    unreachable = {name: why for part in parts for name, why in part.unreachable.items()}
    hosts = {host.name: host for part in parts for host in part.hosts}
    return World(
        hosts=hosts,
        agents={agent.name: agent for part in parts for agent in part.agents},
        unreachable=unreachable,
        silent={name: why for part in parts for name, why in part.silent.items()},
        foreign_hosts=frozenset(name for part in parts for name in part.foreign_hosts),
        foreign_agents=frozenset(name for part in parts for name in part.foreign_agents),
        lost={name: why for part in parts for name, why in part.lost.items()},
    )


def with_unsaved(fleet: Fleet, world: World, hosts: Collection[HostName]) -> World:
    """The world with what each of these hosts holds that its source doesn't, in words."""

    from mng.work.save import summary  # 0.01 s that a look at what is live doesn't pay

    def ask(name: HostName) -> tuple[HostName, str]:
        try:
            state = summary(fleet.machine(name))
        except MngError as error:
            return name, f"unsaved work unknown: {error}"
        parts = [count(state.dirty, "uncommitted file")] if state.dirty else []
        parts += [count(state.ahead, "new commit")] if state.ahead else []
        return name, " and ".join(parts) + (", saved first" if parts else "")

    reached = {name for name, host in world.hosts.items() if not host.ended}
    known = [name for name in hosts if name in reached - set(world.unreachable)]
    return dataclasses.replace(world, unsaved=dict(at_once(ask, known)))
