"""What happened: one stream of values, read by a person's view and by a program's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from mng.model.action import Plan, Step
from mng.model.world import World


class Result(StrEnum):
    """How a step that did not fail ended."""

    DONE = "done"
    ALREADY = "already"  # it was so before: another mng was faster
    PENDING = "pending"  # not due yet: a later `up` does it
    HELD = "held"  # needs the user: a dialog is open, or delivery is uncertain


@dataclass(frozen=True, slots=True)
class Outcome:
    """A step's end in one word, and what there is to say about it."""

    result: Result = Result.DONE
    words: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    world: World
    seconds: float


@dataclass(frozen=True, slots=True)
class Planned:
    plan: Plan
    seconds: float


@dataclass(frozen=True, slots=True)
class Started:
    step: Step


@dataclass(frozen=True, slots=True)
class Progress:
    """Something worth showing while a step runs."""

    step: Step
    words: str


@dataclass(frozen=True, slots=True)
class Finished:
    step: Step
    outcome: Outcome
    seconds: float


@dataclass(frozen=True, slots=True)
class Failed:
    """hint: the next command to type."""

    step: Step
    words: str
    hint: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step whose predecessor did not end well."""

    step: Step
    because: str


@dataclass(frozen=True, slots=True)
class Converged:
    """The end of the stream. `interrupted`: by the user, before everything was tried.

    late: nothing failed and nothing is held, but something did not become due in time.
    """

    exit_status: int
    interrupted: bool = False
    late: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """Something live is not as it was seen before.

    what: host, agent, message, or file. was, now: its states in one word, "" for not there.
    """

    what: str
    subject: str
    was: str
    now: str
    why: str = ""


Event: TypeAlias = (
    Observed | Planned | Started | Progress | Finished | Failed | Skipped | Converged | Changed
)
