"""What a person reads of events: a line for each."""

from __future__ import annotations

import sys
from typing import Protocol, TextIO

from mng.cli.table import Paint
from mng.model.action import (
    AwaitAgent,
    CreateHost,
    DestroyAgent,
    DestroyHost,
    RecordMessages,
    RenameAgent,
    SendMessage,
    StartAgent,
    Step,
    StopAgent,
    StopHost,
    SweepHost,
    UpdateAgent,
    UpdateHost,
)  # fmt: skip
from mng.model.event import (
    Changed,
    Converged,
    Event,
    Failed,
    Finished,
    Observed,
    Planned,
    Progress,
    Result,
    Skipped,
    Started,
)  # fmt: skip
from mng.reconcile.builder import subject_of, thing_of
from mng.reconcile.text import plan_text


class View(Protocol):
    """A reader of events."""

    def show(self, event: Event) -> None: ...
    def close(self) -> None: ...


def done_words(step: Step) -> str:
    """A step in the past tense, for the line that says it is done."""
    action = step.action
    subject = str(subject_of(action))
    match action:
        case CreateHost(back=back):
            return f"host {subject} {'brought back' if back else 'created'}"
        case StopHost():
            return f"host {subject} stopped"
        case DestroyHost():
            return f"host {subject} destroyed"
        case UpdateHost() | UpdateAgent():
            return f"{subject} updated: {step.because}"
        case SweepHost():
            return f"host {subject} swept"
        case StartAgent(replaces=replaces):
            return f"{subject} {'restarted' if replaces else 'started'}"
        case StopAgent():
            return f"{subject} stopped"
        case DestroyAgent():
            return f"{subject} destroyed"
        case RenameAgent(new=new):
            return f"{subject} renamed to {new}"
        case RecordMessages():
            return f"{step.because} for {subject}"
        case SendMessage() | AwaitAgent():
            return thing_of(step)


class PlainView:
    """A line for each thing that ended, on stderr. Waiting is shown only if it matters."""

    def __init__(self, paint: Paint, *, verbose: bool = False, out: TextIO | None = None) -> None:
        self.paint, self.verbose, self.out = paint, verbose, out or sys.stderr

    def show(self, event: Event) -> None:
        for line in self.lines(event):
            print(line, file=self.out, flush=True)

    def close(self) -> None:
        pass

    def lines(self, event: Event) -> list[str]:
        match event:
            case Planned(plan, seconds):
                return plan_text(plan, seconds).split("\n")
            case Started(step) if self.verbose:
                return [self.paint("dim", f"· {done_words(step)} ...")]
            case Progress(step, words) if self.verbose:
                return [self.paint("dim", f"  {subject_of(step.action)}: {words}")]
            case Finished():
                return self._finished(event)
            case Failed(step, words, hint, _):
                lines = [self.paint("red", f"✗ {subject_of(step.action)}: {words}")]
                return [*lines, f"  try: {hint}"] if hint else lines
            case Skipped(step, because):
                return [self.paint("dim", f"- {thing_of(step)}: skipped, {because}")]
            case Changed(what, subject, was, now, why):
                states = f"{was} -> {now or 'gone'}" if was else now
                return [f"{what} {subject}  {states}" + (f"  {why}" if why else "")]
            case Observed() | Started() | Progress() | Converged():
                return []

    def _finished(self, event: Finished) -> list[str]:
        step, outcome = event.step, event.outcome
        words = done_words(step)
        took = f" ({event.seconds:.1f}s)" if event.seconds >= 0.05 else ""
        more = f": {outcome.words}" if outcome.words else ""
        match outcome.result:
            case Result.PENDING:  # told at the end, all together
                return []
            case Result.DONE | Result.ALREADY if isinstance(step.action, AwaitAgent):
                return []
            case Result.DONE:
                return [self.paint("green", "✓ ") + words + more + self.paint("dim", took)]
            case Result.ALREADY:
                return [self.paint("dim", f"= {words}{more}")]
            case Result.HELD:
                return [self.paint("yellow", f"! {thing_of(step)} held{more}")]
