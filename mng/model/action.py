"""What can be done, and the plan: steps with reasons, and all that is not done, with its reason.

A plan holds only plain values; it is printed, asserted in tests, consented to and applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from mng.model.name import AgentName, HostName
from mng.model.spec import AgentSpec, Condition, HostSpec, MessageSpec, Owner
from mng.model.world import Kept, Sent


@dataclass(frozen=True, slots=True)
class CreateHost:
    """Make a host with its work tree and its setup, or finish one that was begun.

    back: what an ended host of that name has kept, and the new one begins with.
    """

    name: HostName
    spec: HostSpec
    owner: Owner
    back: Kept | None = None


@dataclass(frozen=True, slots=True)
class UpdateHost:
    """Record another spec or owner for a host; nothing that runs is touched."""

    name: HostName
    mark: str
    spec: HostSpec
    owner: Owner


@dataclass(frozen=True, slots=True)
class SweepHost:
    """Remove what deliverers that died have left on a host."""

    name: HostName
    mark: str
    leftovers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StopHost:
    """End a host that nobody works on, with all that brings it back kept at its provider."""

    name: HostName
    mark: str
    spec: HostSpec


@dataclass(frozen=True, slots=True)
class DestroyHost:
    """Save a host's work, then end it."""

    name: HostName
    mark: str
    spec: HostSpec
    discard_work: bool = False
    agents: tuple[str, ...] = ()  # those that worked there, for the record of what is saved


@dataclass(frozen=True, slots=True)
class StartAgent:
    """Start an agent. `replaces` is the ended incarnation that it follows, None if it is new.

    carried: the ledger that a resumed conversation brings along.
    """

    name: AgentName
    spec: AgentSpec
    owner: Owner
    replaces: str | None = None
    resume: bool = False
    carried: tuple[Sent, ...] = ()


@dataclass(frozen=True, slots=True)
class AwaitAgent:
    """Wait until an agent meets a condition. Changes nothing, and is no row of the plan's text."""

    name: AgentName
    condition: Condition


@dataclass(frozen=True, slots=True)
class UpdateAgent:
    """Record another spec or owner for an agent; its process is not touched."""

    name: AgentName
    incarnation: str
    spec: AgentSpec
    owner: Owner


@dataclass(frozen=True, slots=True)
class RenameAgent:
    """Give a running agent another name; its process is not touched."""

    name: AgentName
    new: str
    incarnation: str


@dataclass(frozen=True, slots=True)
class StopAgent:
    """End an agent's processes; its files, its journal and its conversation stay."""

    name: AgentName
    incarnation: str


@dataclass(frozen=True, slots=True)
class DestroyAgent:
    """End an agent's processes and forget it."""

    name: AgentName
    incarnation: str


@dataclass(frozen=True, slots=True)
class SendMessage:
    """Type a message once. `incarnation` is None for an agent that this plan starts.

    pasted: the text already stands in the agent's terminal, so only Enter is missing.
    wait: what the agent must be before a key is sent.
    """

    name: AgentName
    message: MessageSpec
    incarnation: str | None = None
    pasted: bool = False
    wait: Literal["ready", "idle"] = "ready"


@dataclass(frozen=True, slots=True)
class RecordMessages:
    """Write messages into the ledger as delivered, without typing anything."""

    name: AgentName
    incarnation: str
    messages: tuple[MessageSpec, ...]


Action: TypeAlias = (
    CreateHost | UpdateHost | SweepHost | StopHost | DestroyHost
    | StartAgent | AwaitAgent | UpdateAgent | RenameAgent | StopAgent | DestroyAgent
    | SendMessage | RecordMessages
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """An action, its evidence, its line in the file, and the steps that must succeed before it."""

    number: int
    action: Action
    because: str
    after: tuple[int, ...] = ()
    at: str = ""


Subject: TypeAlias = HostName | AgentName


@dataclass(frozen=True, slots=True)
class Held:
    """A change that needs the user's consent. `flag` is what gives it; "" if no flag can.

    loses: what consenting would cost, in words.
    """

    sign: Literal["+", "-", "!", ">"]
    subject: Subject
    because: str
    flag: str = ""
    loses: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """A thing that is not due yet; a later `up` does it.

    stuck: it never becomes due by itself, since a person has to settle what is in its way.
    """

    subject: Subject
    because: str
    at: str = ""
    stuck: bool = False


@dataclass(frozen=True, slots=True)
class Note:
    """Nothing to do, and something worth knowing."""

    subject: Subject
    because: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Something that can't be done, whatever the consent; exit status 1."""

    subject: Subject
    because: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Unsure:
    """A host or agent of which nothing is known now, so nothing is done to it; exit status 1."""

    subject: Subject
    because: str


Row: TypeAlias = Step | Held | Pending | Note | Refused | Unsure


@dataclass(frozen=True, slots=True)
class Plan:
    """The rows in the order in which they are shown; steps are numbered from 1."""

    rows: tuple[Row, ...] = ()
    team: str = "-"
    hosts: int = 0
    agents: int = 0

    @property
    def steps(self) -> tuple[Step, ...]:
        return tuple(row for row in self.rows if isinstance(row, Step))

    @property
    def held(self) -> tuple[Held, ...]:
        return tuple(row for row in self.rows if isinstance(row, Held))

    @property
    def pending(self) -> tuple[Pending, ...]:
        return tuple(row for row in self.rows if isinstance(row, Pending))

    @property
    def waits(self) -> bool:
        """Something becomes due by itself."""
        return any(not row.stuck for row in self.pending)

    @property
    def changes(self) -> Iterator[Step]:
        """The steps that change something."""
        return (step for step in self.steps if not isinstance(step.action, AwaitAgent))

    @property
    def exit_status(self) -> int:
        """What the rows that are not steps say of the outcome: 1, 3 or 0."""
        if any(isinstance(row, Refused | Unsure) for row in self.rows):
            return 1
        return 3 if self.held else 0


@dataclass(frozen=True, slots=True)
class Scope:
    """What a command may touch.

    owner: only what is this owner's, None for whatever the names say.
    hosts, agents: only these, None for all. Steps outside the scope are not even planned.
    """

    owner: Owner | None = None
    hosts: frozenset[HostName] | None = None
    agents: frozenset[AgentName] | None = None

    def may_touch(self, made: Owner) -> bool:
        return self.owner is None or self.owner.owns(made)

    def has_host(self, name: HostName) -> bool:
        return self.hosts is None or name in self.hosts

    def has_agent(self, name: AgentName) -> bool:
        return self.agents is None or name in self.agents


@dataclass(frozen=True, slots=True)
class Consent:
    """What the user agrees to beyond what is harmless. `everything` is --yes.

    recreate, replace_host: names, or {"*"} for all. discard_work: host names, one by one.
    force: also what is protected. messages: how messages that are held are settled.
    """

    recreate: frozenset[str] = frozenset()
    replace_host: frozenset[str] = frozenset()
    prune: bool = False
    adopt: bool = False
    force: bool = False
    everything: bool = False
    messages: Literal["send", "accept"] | None = None
    discard_work: frozenset[str] = frozenset()
