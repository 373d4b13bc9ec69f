"""A plan while it is being made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from mng.model.action import (
    Action,
    AwaitAgent,
    Consent,
    CreateHost,
    DestroyAgent,
    DestroyHost,
    Held,
    Note,
    Pending,
    Plan,
    RecordMessages,
    Refused,
    RenameAgent,
    Row,
    Scope,
    SendMessage,
    StartAgent,
    Step,
    StopAgent,
    StopHost,
    Subject,
    SweepHost,
    Unsure,
    UpdateAgent,
    UpdateHost,
)  # fmt: skip
from mng.model.name import AgentName, HostName
from mng.model.spec import Condition, Desired, Owner
from mng.model.world import LiveAgent, World

PASTED = " pasted, not submitted"  # why a message needs its Enter, behind its words


@dataclass(slots=True)
class Builder:
    """What is given to the planner, and the rows so far."""

    desired: Desired
    world: World
    consent: Consent
    scope: Scope
    rows: list[Row] = field(default_factory=list)
    numbers: int = 0
    made: dict[HostName, int] = field(default_factory=dict)  # host -> step that makes it
    closed: dict[HostName, str] = field(default_factory=dict)  # host -> why nothing may go there
    started: dict[AgentName, int] = field(default_factory=dict)  # agent -> step that starts it
    awaited: dict[tuple[AgentName, Condition], int] = field(default_factory=dict)
    talked: dict[AgentName, list[int]] = field(default_factory=dict)  # agent -> its messages
    renamed: dict[AgentName, int] = field(default_factory=dict)  # new name -> step that renames
    former: dict[AgentName, AgentName] = field(default_factory=dict)  # new name -> live name
    replaced: set[HostName] = field(default_factory=set)
    back: dict[HostName, int] = field(default_factory=dict)  # ended host -> step that restores it

    def add(
        self, action: Action, because: str, after: Iterable[int | None] = (), at: str = ""
    ) -> int:
        """Append a step; its number."""
        self.numbers += 1
        before = tuple(sorted({number for number in after if number}))
        self.rows.append(Step(self.numbers, action, because, before, at))
        return self.numbers

    def hold(self, held: Held) -> None:
        self.rows.append(held)

    def pend(self, subject: Subject, because: str, at: str = "", *, stuck: bool = False) -> None:
        self.rows.append(Pending(subject, because, at, stuck))

    def note(self, subject: Subject, because: str) -> None:
        self.rows.append(Note(subject, because))

    def refuse(self, subject: Subject, because: str, hint: str = "") -> None:
        self.rows.append(Refused(subject, because, hint))

    def doubt(self, subject: Subject, because: str) -> None:
        self.rows.append(Unsure(subject, because))

    def consents(self, names: frozenset[str], name: str) -> bool:
        """The user agreed for this name, for all, or to everything."""
        return self.consent.everything or "*" in names or name in names

    def live(self, name: AgentName) -> LiveAgent | None:
        """The agent that has this name, or gets it in this plan; None if it is still to be made."""
        gone = name.host in self.replaced or name.host not in self.world.hosts
        return None if gone else self.world.agents.get(self.former.get(name, name))

    def everything_so_far(self) -> tuple[int, ...]:
        """The numbers of all steps that change something, for what comes only after success."""
        return tuple(
            row.number
            for row in self.rows
            if isinstance(row, Step) and not isinstance(row.action, AwaitAgent)
        )

    def plan(self) -> Plan:
        return Plan(
            tuple(self.rows),
            team=self.desired.owner.team,
            hosts=sum(map(self.scope.has_host, self.desired.hosts)),
            agents=sum(map(self.scope.has_agent, self.desired.agents)),
        )


def count(number: int, noun: str) -> str:
    """`1 message`, `2 messages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def not_owned(made: Owner, wanted: Owner, way: str) -> tuple[str, str]:
    """Why a thing is not the want's, and what to do about it. way: where the teams differ."""
    if made.team == wanted.team:
        return f"team {made.team} is also used by {made.file}", "give your file another `name:`"
    return f"belongs to team {made.team} ({made.file})", way


def thing_of(step: Step) -> str:
    """What a step is about, as a line names it: `host h.local`, `message 1 "hi" to a@h`."""
    subject = subject_of(step.action)
    match step.action:
        case SendMessage():
            return f"{step.because.removesuffix(PASTED)} to {subject}"
        case AwaitAgent(condition=condition):
            return f"{subject}: {condition}"
        case _:
            return f"host {subject}" if isinstance(subject, HostName) else str(subject)


def subject_of(action: Action) -> Subject:
    """What an action is about."""
    match action:
        case CreateHost() | UpdateHost() | SweepHost() | StopHost() | DestroyHost():
            return action.name
        case StartAgent() | AwaitAgent() | UpdateAgent() | RenameAgent():
            return action.name
        case StopAgent() | DestroyAgent() | SendMessage() | RecordMessages():
            return action.name
        case _:
            assert_never(action)
