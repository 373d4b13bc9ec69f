"""Walk a plan with threads and yield events; a failed step skips only what depends on it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator

from mng.engine.context import Context
from mng.engine.perform import perform
from mng.errors import MngError, printable
from mng.model.action import AwaitAgent, Plan, Step
from mng.model.event import Event, Failed, Finished, Outcome, Progress, Result, Skipped, Started
from mng.reconcile.builder import thing_of


def apply(plan: Plan, context: Context) -> Iterator[Event]:
    """Do the steps, each as soon as those before it are done; one event for each change.

    Once `context.stop` is set no step begins any more, and those that run come to their end.
    """
    waiting = list(plan.steps)
    ended: dict[int, Outcome | None] = {}  # None: it failed, or was skipped for a failure
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    running = 0
    while waiting or running:
        for step in list(waiting):
            if context.stop.is_set():
                waiting.clear()
                break
            bad = [n for n in step.after if n in ended and not _good(ended[n])]
            if bad:
                waiting.remove(step)
                event = _inherit(step, plan.steps[bad[0] - 1], ended[bad[0]])
                ended[step.number] = event.outcome if isinstance(event, Finished) else None
                yield event
            elif all(number in ended for number in step.after):
                waiting.remove(step)
                running += 1
                yield Started(step)
                threading.Thread(target=_work, args=(step, context, events), daemon=True).start()
        if not running:
            continue
        happened = events.get()
        match happened:
            case Finished(step, outcome, _):
                ended[step.number], running = outcome, running - 1
            case Failed(step):
                ended[step.number], running = None, running - 1
            case _:
                pass
        yield happened


def _good(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.result in (Result.DONE, Result.ALREADY)


def _inherit(step: Step, before: Step, end: Outcome | None) -> Finished | Skipped:
    """What waits behind a pending or held step is pending or held; behind a failed one, skipped."""
    if end is None:
        return Skipped(step, f"{thing_of(before)} failed")
    why = f" ({end.words})" if isinstance(before.action, AwaitAgent) else ""
    return Finished(step, Outcome(end.result, f"waits for {thing_of(before)}{why}"), 0.0)


def _work(step: Step, context: Context, events: queue.SimpleQueue[Event]) -> None:
    began = time.monotonic()

    def say(words: str) -> None:
        events.put(Progress(step, printable(words)))

    try:
        outcome = perform(step.action, context, say)
    except MngError as error:
        events.put(Failed(step, str(error), error.hint, time.monotonic() - began))
    except Exception as error:
        # A bug in one step must not take the others' ends with it.
        words = f"{type(error).__name__}: {error}"
        events.put(Failed(step, words, "mng doctor", time.monotonic() - began))
    else:
        events.put(Finished(step, outcome, time.monotonic() - began))
