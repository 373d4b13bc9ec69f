"""What is there: hosts, agents, what each agent was sent, and what could not be found out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mng.model.name import AgentName, HostName
from mng.model.spec import AgentSpec, HostSpec, Owner


class AgentState(StrEnum):
    """Sorted by who needs the user first."""

    BLOCKED = "BLOCKED"  # a dialog, a login, a rate limit: the reason says which
    FAILED = "FAILED"  # ended, not with 0
    UNKNOWN = "UNKNOWN"  # its host can't be reached
    WAITING = "WAITING"  # ready for input
    RUNNING = "RUNNING"  # at work
    STARTING = "STARTING"  # not ready for input yet
    DONE = "DONE"  # ended with 0
    STOPPED = "STOPPED"  # by `mng stop`


class HostState(StrEnum):
    CREATING = "CREATING"  # its work tree or its setup is not finished
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    GONE = "GONE"
    UNKNOWN = "UNKNOWN"


class SentState(StrEnum):
    """How far a message came."""

    BEGUN = "begun"  # pasted, not submitted
    SUBMITTED = "submitted"  # Enter was pressed
    ACCEPTED = "accepted"  # the agent's own evidence says so
    RECORDED = "recorded"  # never typed: the user said to take it as delivered
    UNCERTAIN = "uncertain"  # its process ended, and nothing proves either


@dataclass(frozen=True, slots=True)
class Sent:
    """One entry of an agent's ledger."""

    key: str
    state: SentState
    origin: str = "file"  # or adhoc


@dataclass(frozen=True, slots=True)
class Kept:
    """The newest of what a host kept of itself before it ended. name: HOST/TIME.

    place: where its provider has it. view: what the host then said of itself and of its agents.
    """

    name: str
    place: str
    view: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Edit:
    """A file that an agent has changed, and when it did so last, in seconds since the epoch."""

    path: str
    at: int


@dataclass(frozen=True, slots=True)
class LiveHost:
    """A host that exists, or that has ended and kept its work. Times are seconds since the epoch.

    mark: its random id. unfinished: what of its making is still to do, in words, or "".
    leftovers: tmux buffers of deliverers that died. kept: only of one that has ended.
    """

    name: HostName
    owner: Owner
    spec: HostSpec
    mark: str
    state: HostState = HostState.RUNNING
    reason: str = ""
    created: int = 0
    expires: int | None = None
    unfinished: str = ""
    leftovers: tuple[str, ...] = ()
    kept: Kept | None = None

    @property
    def ended(self) -> bool:
        """No machine is there any more."""
        return self.state in (HostState.GONE, HostState.STOPPED)


@dataclass(frozen=True, slots=True)
class LiveAgent:
    """An agent that was made and not destroyed, its process alive or not.

    incarnation: the id of this start; every effect names the one it is meant for.
    sent: its ledger, oldest first. edits: those of the last ten minutes, where its kind tells.
    resumes: its kind can continue the conversation.
    """

    name: AgentName
    owner: Owner
    spec: AgentSpec
    incarnation: str
    state: AgentState
    reason: str = ""
    since: int = 0
    created: int = 0
    pid: int | None = None
    exit_status: int | None = None
    sent: tuple[Sent, ...] = ()
    edits: tuple[Edit, ...] = ()
    resumes: bool = False

    @property
    def alive(self) -> bool:
        """Its process runs."""
        return self.state not in {
            AgentState.DONE, AgentState.FAILED, AgentState.STOPPED, AgentState.UNKNOWN,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class World:
    """Everything that was observed.

    unreachable: hosts that exist or may exist and did not answer, with the reason.
    silent: providers that could not be asked, with the reason: any host of theirs may exist.
    foreign_hosts, foreign_agents: right name, but not mng's marks.
    unsaved: what a host holds that its source doesn't, in words; only where it was asked for.
    lost: hosts that were ended by others than mng and kept nothing, with the reason.
    """

    hosts: Mapping[HostName, LiveHost] = field(default_factory=dict)
    agents: Mapping[AgentName, LiveAgent] = field(default_factory=dict)
    unreachable: Mapping[HostName, str] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)
    foreign_hosts: frozenset[HostName] = frozenset()
    foreign_agents: frozenset[AgentName] = frozenset()
    unsaved: Mapping[HostName, str] = field(default_factory=dict)
    lost: Mapping[HostName, str] = field(default_factory=dict)

    def unknown(self, host: HostName) -> str:
        """Why nothing is known of a host, or "". Unknown is not gone."""
        if host in self.unreachable:
            return self.unreachable[host]
        return self.silent.get(host.provider, "")

    @property
    def owners(self) -> set[Owner]:
        """Whoever owns a host or an agent."""
        hosts = {host.owner for host in self.hosts.values()}
        return hosts | {agent.owner for agent in self.agents.values()}

    def agents_on(self, host: HostName) -> list[LiveAgent]:
        return [agent for name, agent in sorted(self.agents.items()) if name.host == host]
