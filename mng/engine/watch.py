"""Waiting for agents: one observer for each host, however many steps wait there."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable

from mng.agents.sight import Calm, View, live_agents, look
from mng.errors import HostUnreachable, MngError
from mng.model.transport import Machine
from mng.model.world import LiveAgent, LiveHost

_INTERVALS = (0.1, 0.5)  # seconds between two looks; the second after five, and from afar

_FRESH = 5.0  # seconds for which what a start has seen counts as a look

Until = Callable[[LiveAgent], bool]


class Watch:
    """Looks at one host again and again while anybody waits for one of its agents."""

    def __init__(self, host: LiveHost, machine: Machine, stop: threading.Event) -> None:
        self.mark = host.mark
        self._host, self._machine, self._stop = host, machine, stop
        self._news = threading.Condition()
        self._waiting: Counter[str] = Counter()
        self._agents: dict[str, LiveAgent] = {}
        self._drawn: dict[str, tuple[str, float]] = {}  # agent -> what it shows, and since when
        self._busy: dict[str, float] = {}  # agent -> when it was last seen at work
        self._fresh: dict[str, tuple[LiveAgent, float]] = {}  # as its start has left it, and when
        self._round = 0
        self._error: MngError | None = None
        self._running = False

    def wait(self, name: str, until: Until, timeout: float) -> LiveAgent | None:
        """The agent as soon as the condition holds; else as it was last seen, None if not there.

        timeout: seconds. Returns early when the user stops the command.
        Raises HostUnreachable when the host no longer answers.
        """
        deadline = time.monotonic() + timeout
        with self._news:
            fresh, at = self._fresh.get(name, (None, 0.0))
            if fresh and time.monotonic() - at < _FRESH and until(fresh):
                return fresh
            self._waiting[name] += 1
            # What counts is a look that began after this call.
            first = self._round + (2 if self._running else 1)
            if not self._running:
                self._running = True
                threading.Thread(target=self._observe, daemon=True).start()
            try:
                while True:
                    agent = self._agents.get(name)
                    if self._round >= first:
                        if self._error:
                            raise self._error
                        if agent is None or until(agent):
                            return agent
                    left = deadline - time.monotonic()
                    if left <= 0 or self._stop.is_set():
                        return agent
                    self._news.wait(min(left, 0.5))
            finally:
                self._waiting[name] -= 1

    def saw(self, name: str, view: View) -> None:
        """What the start of an agent has seen at its end spares the first look at it."""
        agents = {agent.name.name: agent for agent in live_agents(self._host, view)}
        if name in agents:
            with self._news:
                self._fresh[name] = agents[name], time.monotonic()

    def forget(self, name: str) -> None:
        """Something is about to be said to the agent, so what was seen of it is no more."""
        with self._news:
            self._fresh.pop(name, None)

    def _observe(self) -> None:
        failures, began = 0, time.monotonic()
        while True:
            with self._news:
                names = [name for name, number in self._waiting.items() if number > 0]
                if not names:
                    self._running = False
                    return
            try:
                view = look(self._machine, names)
                calm = self._calm(view)
                agents = {a.name.name: a for a in live_agents(self._host, view, calm)}
                error, failures = None, 0
            except MngError as problem:
                failures += 1
                error = problem if failures >= 3 else None
                agents = self._agents
            except Exception as problem:  # a bug must reach those who wait, not hang them
                error, agents = HostUnreachable(f"can't be observed: {problem!r}"), {}
            with self._news:
                self._agents, self._error = agents, error
                self._round += 1
                self._news.notify_all()
            patient = time.monotonic() - began > 5 or not self._machine.local
            time.sleep(_INTERVALS[patient])

    def _calm(self, view: View) -> dict[str, Calm]:
        """Since when nothing new was seen of each: tmux itself counts in whole seconds."""
        now = time.monotonic()
        for name, screen in view.screens.items():
            news = "\n".join([screen, *view.files.get(name, {}).get("event", [])])
            if self._drawn.get(name, ("", 0.0))[0] != news:
                self._drawn[name] = (news, now)
        # Who computes or sleeps reads nothing, and may yet throw away what was typed meanwhile.
        self._busy |= {pane.name: now for pane in view.panes if pane.pid in view.busy}
        return {
            name: Calm(now - since, now - max(since, self._busy.get(name, 0.0)))
            for name, (_, since) in self._drawn.items()
        }
