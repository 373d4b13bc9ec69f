"""Walk a plan with threads and yield events; a failed step skips only what depends on it."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator

from mng.engine.context import Context
from mng.engine.perform import perform
from mng.errors import MngError
from mng.model.action import Plan, Step
from mng.model.event import Event, Failed, Finished, Outcome, Progress, Result, Skipped, Started


def apply(plan: Plan, context: Context) -> Iterator[Event]:
    """Do the steps, each as soon as those before it are done; one event for each change.

    Once `context.stop` is set no step begins any more, and those that run come to their end.
    """
    waiting = list(plan.steps)
    ended: dict[int, Result | None] = {}  # None: it failed, or was skipped for a failure
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
                ended[step.number] = ended[bad[0]]
                yield _inherit(plan, step, bad[0], ended[bad[0]])
            elif all(number in ended for number in step.after):
                waiting.remove(step)
                running += 1
                yield Started(step)
                threading.Thread(target=_work, args=(step, context, events), daemon=True).start()
        if not running:
            continue
        event = events.get()
        match event:
            case Finished(step, outcome, _):
                ended[step.number], running = outcome.result, running - 1
            case Failed(step):
                ended[step.number], running = None, running - 1
            case _:
                pass
        yield event


def _good(result: Result | None) -> bool:
    return result in (Result.DONE, Result.ALREADY)


def _inherit(plan: Plan, step: Step, number: int, result: Result | None) -> Event:
    """What waits behind a pending or held step is pending or held; behind a failed one, skipped."""
    before = next(one for one in plan.steps if one.number == number)
    if result is None:
        return Skipped(step, f"step {before.number} failed")
    return Finished(step, Outcome(result, "waits for what comes before it"), 0.0)


def _work(step: Step, context: Context, events: queue.SimpleQueue[Event]) -> None:
    began = time.monotonic()

    def say(words: str) -> None:
        events.put(Progress(step, words))

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
