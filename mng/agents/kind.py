"""What mng must know of a sort of agent program, and where to find those that are installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import cast

from mng.errors import UsageError
from mng.model.installed import Installed
from mng.model.spec import AgentSpec, MessageSpec
from mng.model.world import AgentState

# Ours are entry points too; looking up entry points costs 0.03 s, so only strangers pay it.
_OURS = {
    name: f"mng.agents.{name}"
    for name in ("claude", "codex", "opencode", "gemini", "command", "demo")
}
KINDS = Installed("mng.kinds", _OURS)


# Seconds to wait for the evidence of what a busy agent is told: the program queues it, and shows
# evidence once it takes it. By them a journal tells what was said so.
QUEUES = 1


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start an agent. `files` are written into its own directory before it starts.

    argv, env: `{dir}` in an item stands for that directory. A one-item shell text is
    `("sh", "-c", x)`. prepare: shell text that runs first where the agent is to start, with its
    whole environment; its `set -- ...` appends arguments.
    """

    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    prepare: str = ""


@dataclass(frozen=True, slots=True)
class Composer:
    """How a program's composer is told on its screen, by extended regular expressions of a line.

    Dim text is left out before: it is a hint, no draft. empty: there, with nothing in it. there:
    on the screen, with or without text. dialog: the screen's last line, dim text and all, where a
    dialog is open. label: what stands in the place of a long text, its blanks left out.
    The terminal's cursor is on the last row of the text.
    """

    empty: str
    there: str
    dialog: str = "^$"
    label: str = r"\[(Pasted|Image)[^]]*\]"


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of a living agent. Times are seconds.

    drawn: something stands on its screen. reads: it waits in a read of its terminal.
    quiet: for how long nothing new was drawn or told by a hook. idle: for how long it has only
    waited for input, too.
    screen: the last lines of its screen and history, None where nobody looked. lit: the same
    without dim text.
    files: those of the kind's `files` that exist. ours: a message of mng's stands in its composer,
    or stood there, and Enter is still missing. entered: Enter was pressed on one a moment ago, and
    it may still stand there. Both are for telling the state alone: a delivery looks by itself.
    """

    pid: int
    drawn: bool
    reads: bool
    quiet: float
    idle: float
    since: int
    screen: str | None = None
    lit: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    ours: bool = False
    entered: bool = False


@dataclass(frozen=True, slots=True)
class Sighting:
    """The state that facts amount to. since: seconds since the epoch, None if unknown."""

    state: AgentState
    reason: str
    since: int | None = None


class AgentKind:
    """A sort of agent program; a new one inherits from this and says what differs.

    resumes: it can continue a conversation after its process has ended. queues: a message may be
    typed while it works. enter_delay: seconds between paste and Enter. proof: seconds within which
    its own evidence of a message appears, 0 if it has none. settles: seconds without output that
    count as quiet. composer: how it is looked at before a key is sent, None if it can't be.
    inbox: texts are put into its directory's `inbox` as files, and no key is sent.
    rests: a file below its directory and the regular expression of a line there, by which it says
    that it waits for input; `{pid}` stands for its process. None if it says nothing of itself.
    credentials: variables that it gets from the environment of whoever starts it, where they are
    set. login: where its own login lies, below the user's home, "" if it has none there.
    program: its executable, "" if it needs none. install: shell text that installs it.
    """

    name: str
    resumes = False
    queues = False
    enter_delay = 0.05
    proof = 0
    settles = 0.0
    composer: Composer | None = None
    inbox = False
    rests: tuple[str, str] | None = None
    credentials: tuple[str, ...] = ()
    login = ""
    program = ""
    install = ""

    def launch(self, spec: AgentSpec, *, resume: bool) -> Launch:
        """How to start it. Raises UsageError if the spec lacks what the kind needs."""
        raise NotImplementedError

    def typed(self, message: MessageSpec) -> str:
        """What is typed so that the message's text arrives as text, or as a command if it is."""
        return message.text

    def proves(self, typed: str) -> str:
        """The text whose digest becomes a line of `evidence` when what was typed has arrived."""
        return typed

    def looks(self, spec: AgentSpec) -> bool:
        """Its state depends on its screen."""
        return False

    def patience(self, spec: AgentSpec) -> float | None:
        """Seconds after which one that shows nothing may be left alone, if nobody has to talk to
        it; None where it is sure to show that it is ready."""
        return None

    def sight(self, spec: AgentSpec, facts: Facts) -> Sighting:
        """The state of a living process."""
        raise NotImplementedError


@cache
def find_kind(name: str) -> AgentKind:
    """The kind of that name. Raises UsageError if none is installed."""
    if name in _OURS:
        return cast(AgentKind, import_module(_OURS[name]).KIND)
    if found := KINDS.load(name):
        return cast(AgentKind, found)
    installed = "   or   ".join(f"--type {kind}" for kind in KINDS)
    raise UsageError(f"no agent type {name!r} is installed", hint=installed)
