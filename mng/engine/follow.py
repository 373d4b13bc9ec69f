"""Following agents: what they print as they print it, and states as they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal

from mng.agents import remote
from mng.engine.fleet import Fleet
from mng.engine.threads import at_once
from mng.engine.watch import Watch
from mng.errors import AgentError, MngError, TimedOut
from mng.model.name import AgentName
from mng.model.world import AgentState, LiveAgent, SentState

_INTERVAL = 0.3  # seconds between two looks at what was printed
_LINES = 5000

Condition = Callable[[LiveAgent], bool]

Goal = Literal["ready", "idle", "done", "blocked", "delivered"]

CONDITIONS: dict[Goal, Condition] = {
    "ready": lambda agent: agent.state not in (AgentState.STARTING, AgentState.UNKNOWN),
    "idle": lambda agent: agent.state is AgentState.WAITING or not agent.alive,
    "done": lambda agent: not agent.alive,
    "blocked": lambda agent: agent.state is AgentState.BLOCKED,
    "delivered": lambda agent: all(
        sent.state not in (SentState.BEGUN, SentState.UNCERTAIN) for sent in agent.sent
    ),
}


def wait_for(
    fleet: Fleet, names: Sequence[AgentName], condition: Goal, *, any_one: bool,
    timeout: float | None,
) -> list[LiveAgent]:  # fmt: skip
    """The agents that meet the condition: all, or the first. timeout: seconds.

    Raises TimedOut, and AgentError for one that has failed and so never will.
    """
    met, enough = CONDITIONS[condition], threading.Event()
    watches = {
        host: Watch(fleet.host(host), fleet.machine(host), enough)
        for host in {name.host for name in names}
    }

    def one(name: AgentName) -> LiveAgent | None:
        def until(agent: LiveAgent) -> bool:
            return met(agent) or not agent.alive

        agent = watches[name.host].wait(name.name, until, timeout or float("inf"))
        if agent is not None and met(agent) and any_one:
            enough.set()
        return agent

    agents = at_once(one, names)
    good = [agent for agent in agents if agent is not None and met(agent)]
    if (any_one and good) or len(good) == len(names):
        _check_ends(good, condition)
        return good
    for name, agent in zip(names, agents, strict=True):
        if agent is None:
            raise AgentError(f"{name} is gone", hint="mng list")
        if not agent.alive:
            raise AgentError(f"{name} {agent.reason}", hint=f"mng logs {name}")
    late = [agent for agent in agents if agent is not None and not met(agent)]
    states = ", ".join(f"{agent.name} is {agent.state} ({agent.reason})" for agent in late)
    stuck = [agent for agent in late if agent.state is AgentState.BLOCKED]
    hint = f"mng connect {stuck[0].name}" if stuck else f"mng logs {late[0].name}"
    raise TimedOut(f"not {condition} within the time: {states}", hint=hint)


def _check_ends(agents: Sequence[LiveAgent], condition: str) -> None:
    for agent in agents:
        if agent.state is AgentState.FAILED and condition in ("ready", "idle", "done"):
            raise AgentError(f"{agent.name} {agent.reason}", hint=f"mng logs {agent.name}")


def follow(
    fleet: Fleet, names: Sequence[AgentName], show: Callable[[AgentName, str], None]
) -> None:
    """Show each new line of these agents until the user ends it, or they are gone."""
    last = {name: remote.logs(fleet.machine(name.host), name, _LINES) for name in names}
    while last:
        time.sleep(_INTERVAL)
        for name in list(last):
            try:
                lines = remote.logs(fleet.machine(name.host), name, _LINES)
            except MngError:
                del last[name]
                continue
            for line in new_lines(last[name], lines):
                show(name, line)
            last[name] = lines


def new_lines(before: Sequence[str], after: Sequence[str]) -> Sequence[str]:
    """What `after` has beyond `before`, which it continues, perhaps without its beginning.

    The last line may have grown, and a full-screen program may have redrawn its lowest lines: all
    from the first changed line on is new.
    """
    if list(after[: len(before)]) == list(before):
        return after[len(before) :]
    for cut in range(len(before)):
        rest = before[cut:]
        keep = len(rest)
        if after[:keep] == rest:
            return after[keep:]
    same = 0
    while same < min(len(before), len(after)) and before[same] == after[same]:
        same += 1
    return after[same:]
