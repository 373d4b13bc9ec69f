"""What is live, and which of it the words on a command line mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mng.engine.fleet import Fleet
from mng.engine.observe import observe
from mng.errors import HostUnreachable, UsageError
from mng.hosts.provider import find_provider, provider_names
from mng.model.name import AgentName, HostName, parse_address
from mng.model.world import World
from mng.reconcile.lookup import find_agents, find_any

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str | None, option: str) -> float | None:
    """`90s`, `20m`, `1h30m`, or plain seconds. Raises UsageError."""
    if text is None:
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    if not parts or "".join(a + b for a, b in parts) != text:
        raise UsageError(f"{option} {text!r} is no duration", hint="90s, 20m, 8h or 1d")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def providers(world_of: Iterable[HostName] = ()) -> set[str]:
    """Those to ask: all that are always asked, and those that a want names."""
    names = {*provider_names(), *(host.provider for host in world_of)}
    for name in names:
        find_provider(name)  # one that is not installed is a mistake, not a silence
    return names


def the_world(names: Sequence[str] = ()) -> tuple[Fleet, World]:
    """All that is live, and the means to reach it; if each of the names says its provider, only
    what these have."""
    fleet, addresses = Fleet(), [parse_address(name) for name in names]
    hosts = [HostName(one.provider, one.host or one.name) for one in addresses if one.provider]
    asked = providers(hosts)
    if names and len(hosts) == len(names):
        asked = {host.provider for host in hosts}
    return fleet, observe(fleet, asked, hosts)


def pick_agents(world: World, names: Sequence[str]) -> list[AgentName]:
    return find_agents(world, [parse_address(name) for name in names])


def pick_any(world: World, names: Sequence[str]) -> tuple[set[HostName], set[AgentName]]:
    """The hosts and agents that the names mean."""
    found = [find_any(world, parse_address(name)) for name in names]
    hosts = {name for name in found if isinstance(name, HostName)}
    return hosts, {name for name in found if isinstance(name, AgentName)}


def check_reachable(world: World, agent: AgentName) -> None:
    if why := world.unknown(agent.host):
        raise HostUnreachable(f"host {agent.host} is unknown: {why}", hint="mng list")
