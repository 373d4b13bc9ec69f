"""A want is a function of the world: `up` ignores what is live, the others edit it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable
from typing import TypeAlias

from mng.errors import AgentError, HostError, NotFound
from mng.model.name import Address, AgentName, HostName
from mng.model.spec import (
    Change,
    Desired,
    HostSpec,
    MessageSpec,
    WantedAgent,
    WantedHost,
)  # fmt: skip
from mng.model.world import AgentState, LiveAgent, World
from mng.reconcile.drift import drift, in_words

Intent: TypeAlias = Callable[[World], Desired]


def as_desired(world: World) -> Desired:
    """What is live, as a want whose plan is empty."""
    return Desired(
        {
            name: WantedHost(host.spec, host.owner, stopped=host.ended)
            for name, host in world.hosts.items()
        },
        {name: as_wanted(agent) for name, agent in world.agents.items()},
    )


def as_wanted(agent: LiveAgent) -> WantedAgent:
    """What has ended shall stay so. The ledger tells what was said by key, not its text."""
    messages = tuple(MessageSpec(sent.key, "") for sent in agent.sent)
    return WantedAgent(agent.spec, agent.owner, messages, stopped=not agent.alive)


def up(desired: Desired) -> Intent:
    return lambda world: desired


def down(desired: Desired) -> Intent:
    """Nothing of the team any more. What nobody can find out stays wanted, so that it is told."""
    owner = desired.owner

    def intent(world: World) -> Desired:
        known = {name for name, host in world.hosts.items() if owner.owns(host.owner)}
        doubtful = {
            name: wanted
            for name, wanted in desired.hosts.items()
            if world.unknown(name) and name not in known and not wanted.external
        }
        return Desired(doubtful, owner=owner)

    return intent


def without(
    hosts: Collection[HostName],
    agents: Collection[AgentName],
    emptied: Collection[HostName] = (),
) -> Intent:
    """All that is live but these. emptied: hosts that go too, unless another agent has come."""

    def intent(world: World) -> Desired:
        live = as_desired(world)
        kept = {agent.host for agent in world.agents if agent not in agents}
        gone = {*hosts, *(name for name in emptied if name not in kept)}
        return Desired(
            {name: host for name, host in live.hosts.items() if name not in gone},
            {name: agent for name, agent in live.agents.items() if name not in agents},
        )

    return intent


def stopped(
    agents: Collection[AgentName], *, stop: bool, hosts: Collection[HostName] = ()
) -> Intent:
    """All that is live, these agents and hosts stopped, or running."""

    def intent(world: World) -> Desired:
        live = as_desired(world)
        edited = {name: dataclasses.replace(live.agents[name], stopped=stop) for name in agents}
        homes = {name: dataclasses.replace(live.hosts[name], stopped=stop) for name in hosts}
        return dataclasses.replace(
            live, agents={**live.agents, **edited}, hosts={**live.hosts, **homes}
        )

    return intent


def message(agents: Iterable[AgentName], spec: MessageSpec) -> Intent:
    """All that is live, and one more message said to each of these agents."""

    def intent(world: World) -> Desired:
        live = as_desired(world)
        edited = {}
        for name in agents:
            agent = world.agents[name]
            if not agent.alive and not agent.resumes and agent.state is not AgentState.UNKNOWN:
                raise AgentError(
                    f"{name} is {agent.state}: {agent.reason}", hint=f"mng start {name}"
                )
            wanted = as_wanted(agent)
            keys = {sent.key for sent in agent.sent}
            more = () if spec.key in keys else (spec,)
            edited[name] = dataclasses.replace(
                wanted, messages=(*wanted.messages, *more), stopped=False
            )
        return dataclasses.replace(live, agents={**live.agents, **edited})

    return intent


def create(
    name: AgentName, wanted: WantedAgent, host: HostSpec | None, *, new_host: bool = False
) -> Intent:
    """All that is live and one more agent; `host` is the spec of a host to make if it's missing.

    new_host: the host must not be there yet, unless this very agent is on it already.
    """

    def intent(world: World) -> Desired:
        live = as_desired(world)
        there = world.agents.get(name)
        spec = wanted.spec
        if name.host in live.hosts:
            spec = dataclasses.replace(spec, env={**live.hosts[name.host].spec.env, **spec.env})
        edited = dataclasses.replace(wanted, spec=spec)
        if there is not None:
            _check_same(there, edited)
        elif new_host and name.host in world.hosts and not _half_made(world, name.host, host):
            raise HostError(f"host {name.host} exists", hint=f"mng create {name} (no --new-host)")
        hosts = dict(live.hosts)
        if name.host in hosts:
            hosts[name.host] = dataclasses.replace(hosts[name.host], stopped=False)
        elif not world.unknown(name.host):
            if host is None:
                provider = None if name.host.provider == "local" else name.host.provider
                whole = Address(name.name, name.host.name, provider)
                raise NotFound(f"no host {name.host}", hint=f"mng create {whole} --new-host")
            hosts[name.host] = WantedHost(host, wanted.owner)
        else:
            raise HostError(f"host {name.host} is unknown: {world.unknown(name.host)}")
        return Desired(hosts, {**live.agents, name: edited})

    return intent


def _half_made(world: World, name: HostName, wanted: HostSpec | None) -> bool:
    """A host goes with its last agent, so one without any is left by a `create` that died, or is
    just being made by another one: of the same spec, it is the host that is asked for."""
    there = world.hosts[name]
    return there.owner.adhoc and there.spec == wanted and not world.agents_on(name)


def _check_same(there: LiveAgent, wanted: WantedAgent) -> None:
    """`create` of what is there already is fine if it is the same thing."""
    differs = in_words(drift(there.spec, wanted.spec), Change.RESTART, Change.REPLACE)
    if there.owner.team != wanted.owner.team:
        differs = f"it belongs to team {there.owner.team}"
    if differs:
        hint = f"choose another name, or talk to it: mng message {there.name} TEXT"
        raise AgentError(f"{there.name} exists: {differs}", hint=hint)
