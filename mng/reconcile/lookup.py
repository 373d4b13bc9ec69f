"""Which live agent or host an address means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import TypeVar

from mng.errors import HostUnreachable, NotFound
from mng.model.name import Address, AgentName, HostName
from mng.model.world import World

T = TypeVar("T", bound=AgentName | HostName)


def find_agents(world: World, addresses: Iterable[Address]) -> list[AgentName]:
    """The agent that each address names. Raises NotFound for none or for several."""
    return [_agent(world, address) for address in addresses]


def _agent(world: World, address: Address) -> AgentName:
    found, hosts = _agents(world, address), find_hosts(world, address)
    if not found and hosts:
        names = [name for host in hosts for name in sorted(world.agents) if name.host == host]
        bare = [name.name for name in world.agents]
        agents = [_whole(name) if bare.count(name.name) > 1 else name.name for name in names]
        there = f"one of its agents: {', '.join(agents)}" if agents else f"mng list {address}"
        raise NotFound(f"{str(address)!r} is a host and no agent", hint=there)
    return _one(address, found, "agent", world)


def find_hosts(world: World, address: Address) -> list[HostName]:
    """The hosts that an address without `@` may name."""
    if address.host is not None:
        return []
    return [
        name
        for name in sorted(world.hosts)
        if name.name == address.name and address.provider in (None, name.provider)
    ]


def find_any(world: World, address: Address) -> AgentName | HostName:
    """The agent or the host that an address names. Raises NotFound for none or for several."""
    agents, hosts = _agents(world, address), find_hosts(world, address)
    if len(agents) + len(hosts) != 1:
        both: list[AgentName | HostName] = [*agents, *hosts]
        return _one(address, both, "agent or host", world)
    return agents[0] if agents else hosts[0]


def _agents(world: World, address: Address) -> list[AgentName]:
    if address.host is None and address.provider is not None:
        return []  # NAME.PROVIDER is a host
    return [
        name
        for name in sorted(world.agents)
        if name.name == address.name
        and address.host in (None, name.host.name)
        and address.provider in (None, name.host.provider)
    ]


def _one(address: Address, found: Sequence[T], noun: str, world: World) -> T:
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(_whole(name) for name in found)
        raise NotFound(f"{str(address)!r} is ambiguous: {names}", hint="write it in full")
    silent = world.silent if address.provider is None else {address.provider}
    if words := [f"{name}: {why}" for name, why in world.silent.items() if name in silent]:
        # It may well be there: of a provider that does not answer, nothing is known.
        raise HostUnreachable(f"nobody knows whether {address} is there: {words[0]}")
    known = [*(name.name for name in world.agents), *(name.name for name in world.hosts)]
    near = difflib.get_close_matches(address.name, known, 1)
    nearest = f"   (nearest: {near[0]})" if near else ""
    raise NotFound(f"no {noun} named {str(address)!r}", hint=f"mng list{nearest}")


def _whole(name: AgentName | HostName) -> str:
    return f"{name.name}@{name.host}" if isinstance(name, AgentName) else str(name)
