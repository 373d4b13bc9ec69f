"""What is not as it was: of two worlds, and of two agents in one tree."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mng.model.event import Changed
from mng.model.name import HostName
from mng.model.world import LiveAgent, World


@dataclass(frozen=True, slots=True)
class SharedFile:
    """A file that several agents of one host have changed within ten minutes.

    agents: who did, and when last, in seconds since the epoch; the last of them last.
    """

    host: HostName
    path: str
    agents: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return f"{self.path} was changed by {' and '.join(name for name, _ in self.agents)}"


def shared_files(agents: Iterable[LiveAgent]) -> list[SharedFile]:
    """Where two agents may be undoing each other's work."""
    found: dict[tuple[HostName, str], list[tuple[int, str]]] = {}
    for agent in agents:
        for edit in agent.edits:
            place = found.setdefault((agent.name.host, edit.path), [])
            place.append((edit.at, agent.name.name))
    return [
        SharedFile(host, path, tuple((name, at) for at, name in sorted(by)))
        for (host, path), by in sorted(found.items())
        if len(by) > 1
    ]


def changes(before: World, after: World) -> Iterator[Changed]:
    """What `after` has that `before` had not, or not so: hosts, agents, messages, shared files.

    What can't be asked is not gone: nothing is said of it.
    """
    yield from _moved("host", _hosts(before, after), _hosts(after, after))
    yield from _moved("agent", _agents(before, after), _agents(after, after))
    for name, agent in sorted(after.agents.items()):
        old = before.agents.get(name)
        sent = {one.key: (str(one.state), one.key) for one in old.sent} if old else {}
        now = {one.key: (str(one.state), one.key) for one in agent.sent}
        for one in _moved("message", {key: sent[key] for key in now if key in sent}, now):
            yield dataclasses.replace(one, subject=str(name))
    known = {(file.host, file.path) for file in shared_files(before.agents.values())}
    for file in shared_files(after.agents.values()):
        if (file.host, file.path) not in known:
            yield Changed("file", str(file.host), "", "shared", str(file))


States = Mapping[str, tuple[str, str]]  # name -> state and reason


def _moved(what: str, before: States, after: States) -> Iterator[Changed]:
    for name in sorted({*before, *after}):
        was, (now, why) = before.get(name, ("", "")), after.get(name, ("", ""))
        if was != (now, why):
            yield Changed(what, name, was[0], now, why)


def _hosts(world: World, after: World) -> States:
    return {
        str(name): (str(host.state), host.reason)
        for name, host in world.hosts.items()
        if name in after.hosts or not after.unknown(name)
    }


def _agents(world: World, after: World) -> States:
    return {
        str(name): (str(agent.state), agent.reason)
        for name, agent in world.agents.items()
        if name in after.agents or not after.unknown(name.host)
    }
