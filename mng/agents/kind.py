"""What mng must know of a sort of agent program, and where to find those that are installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Protocol, cast

from mng.errors import UsageError
from mng.model.installed import Installed
from mng.model.spec import AgentSpec
from mng.model.world import AgentState

# Ours are entry points too; looking up entry points costs 0.03 s, so only strangers pay it.
_OURS = {"command": "mng.agents.command", "demo": "mng.agents.demo"}
KINDS = Installed("mng.kinds", _OURS)


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start an agent. `files` are written into its own directory before it starts.

    argv: `{dir}` in an item stands for that directory. A one-item shell text is `("sh", "-c", x)`.
    """

    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of a living agent. Times are seconds.

    drawn: something stands on its screen. reads: it waits in a read of its terminal.
    quiet: for how long nothing new was drawn. idle: for how long it has only waited for input, too.
    screen: the last lines of its screen and history, None where nobody looked.
    files: those of the kind's `files` that exist.
    """

    pid: int
    drawn: bool
    reads: bool
    quiet: float
    idle: float
    since: int
    screen: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sighting:
    """The state that facts amount to. since: seconds since the epoch, None if unknown."""

    state: AgentState
    reason: str
    since: int | None = None


class AgentKind(Protocol):
    """A sort of agent program.

    resumes: it can continue a conversation after its process has ended. queues: a message may be
    typed while it works. enter_delay: seconds between paste and Enter. proof: seconds within which
    its own evidence of a message appears, 0 if it has none. files: what it writes into its
    directory and mng reads. settles: seconds without output that count as quiet.
    """

    name: str
    resumes: bool
    queues: bool
    enter_delay: float
    proof: int
    settles: float

    def launch(self, spec: AgentSpec, *, resume: bool) -> Launch:
        """How to start it. Raises UsageError if the spec lacks what the kind needs."""
        ...

    def looks(self, spec: AgentSpec) -> bool:
        """Its state depends on its screen."""
        ...

    def patience(self, spec: AgentSpec) -> float | None:
        """Seconds after which one that shows nothing may be left alone, if nobody has to talk to
        it; None where it is sure to show that it is ready."""
        ...

    def sight(self, spec: AgentSpec, facts: Facts) -> Sighting:
        """The state of a living process."""
        ...


@cache
def find_kind(name: str) -> AgentKind:
    """The kind of that name. Raises UsageError if none is installed."""
    if name in _OURS:
        return cast(AgentKind, import_module(_OURS[name]).KIND)
    if found := KINDS.load(name):
        return cast(AgentKind, found)
    installed = "   or   ".join(f"--type {kind}" for kind in KINDS)
    raise UsageError(f"no agent type {name!r} is installed", hint=installed)
