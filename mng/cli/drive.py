"""Carries a Run to its end: shows, asks, applies, and folds everything into an exit status."""

from __future__ import annotations

import dataclasses
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mng.cli.manner import Deadline, Manner, Quiet
from mng.cli.options import Progress
from mng.cli.view import PlainView, View
from mng.engine.run import Run
from mng.model.action import AwaitAgent, Consent, Held, Plan, SendMessage, Step
from mng.model.event import Converged, Event, Finished, Observed, Outcome, Planned, Result
from mng.reconcile.builder import count, thing_of


class Tally:
    """What is left when a run ends: each thing that is not due yet, with what it waits for."""

    def __init__(self) -> None:
        self.left: dict[str, str] = {}
        self.stuck: set[str] = set()  # those for which no waiting helps
        self.unready: dict[str, str] = {}  # told only if nothing else waits for them
        self.told: dict[str, None] = {}  # the agents of the messages that are left
        self.blocked: dict[str, None] = {}  # those whose message was held by what a person settles
        self.again: dict[str, None] = {}  # those of them to whom it can be said again by hand
        self.end = Converged(0)

    def read(self, event: Event) -> None:
        match event:
            case Planned(plan):
                self.left = {str(row.subject): row.because for row in plan.pending}
                self.stuck = {str(row.subject) for row in plan.pending if row.stuck}
                self.unready, self.told = {}, {}
            case Finished(Step(action=AwaitAgent(name)), Outcome(Result.PENDING, words)):
                self.unready[str(name)] = words
            case Finished(step, Outcome(Result.PENDING, words)):
                self.left[thing_of(step)] = words
                if isinstance(step.action, SendMessage):
                    self.told[str(step.action.name)] = None
            case Finished(Step(action=SendMessage(name)), Outcome(Result.HELD, words)):
                if words.startswith("blocked: "):
                    self.blocked[str(name)] = None
                    # What is pasted already would stand there twice.
                    if "stands in the composer" not in words:
                        self.again[str(name)] = None
            case Converged():
                self.end = event
            case _:
                pass

    def lines(self, *, by_hand: bool) -> list[str]:
        """What is left, and what to type next."""
        left = self.left or self.unready
        again = shlex.join(["mng", *sys.argv[1:]])
        head, hint = "pending:", again if "--wait" in sys.argv else f"{again} --wait"
        if by_hand:
            agents = " ".join(self.told or self.unready)
            head = "not delivered:" if self.told else "not ready:"
            hint = f"mng logs {agents}   or   mng wait {agents} --for idle   and the same again"
        elif self.end.late:
            head, hint = "not done:", f"{again}   or   {hint}"
        if by_hand and self.again and not left:
            return [_settle(self.again, f"mng message {' '.join(self.again)} again")]
        lines = [f"  {thing}: {why}" for thing, why in left.items()]
        hints = [] if left.keys() <= self.stuck else [f"  try: {hint}"]
        if self.blocked and not by_hand:
            hints = [_settle(self.blocked, again)]  # for a dialog no `up` has to wait
        return [head, *lines, *hints] if left else hints


def _settle(blocked: Iterable[str], again: str) -> str:
    """No `up` says again what was said by hand, and those who were told are not told twice."""
    return f"  try: mng connect {next(iter(blocked))}   and, once that is settled, {again}"


def drive(run: Run, consent: Consent, manner: Manner) -> int:
    """Plan, ask, apply, and wait if asked to; the exit status."""
    view = manner.view()
    tally = Tally()
    watched = _Alarm(run, manner.deadline)
    try:
        with watched.listening():
            for event in _events(run, consent, manner, view):
                tally.read(event)
                view.show(event)
    except KeyboardInterrupt:  # at the question; else Ctrl-C lets what was begun end
        print("\nmng: interrupted; nothing was changed", file=sys.stderr)
        return 130
    finally:
        view.close()
    if isinstance(view, PlainView) and (tally.end.exit_status or not isinstance(view, Quiet)):
        for line in tally.lines(by_hand=run.scope.owner is None):
            print(line, file=sys.stderr)
    if watched.timed_out:
        print(
            "mng: --timeout has passed; what was begun is finished, run it again", file=sys.stderr
        )
        return 124
    if tally.end.interrupted:
        _say_left(run, consent)
    return tally.end.exit_status


def _events(run: Run, consent: Consent, manner: Manner, view: View) -> Iterator[Event]:
    yield Observed(run.world, run.seconds)
    plan = run.plan(consent)
    run.check(plan)
    manner.begin()
    yield Planned(plan, run.seconds)
    if plan.held and _may_ask(manner):
        larger = _ask(plan, consent, view)
        if larger is not None:
            consent = larger
            plan = run.plan(consent)
            yield Planned(plan, run.seconds)
    for event in run.apply(plan):
        if isinstance(event, Converged) and manner.wait and not event.interrupted:
            yield from _wait(run, consent, manner, event)
            return
        yield event


def _wait(run: Run, consent: Consent, manner: Manner, end: Converged) -> Iterator[Event]:
    """Apply whatever becomes due, until nothing is pending any more."""
    shown = None
    while True:
        run.observe()
        plan = run.plan(consent)
        if not any(plan.changes) and plan.waits:
            following = run.wait_for_change(consent, float("inf"))  # or until its time is over
            if following is None:
                yield Converged(130, interrupted=True)
                return
            plan = following
        if not any(plan.changes):
            if plan.exit_status == 1:
                yield Planned(plan, run.seconds)  # else nobody would learn why
            yield Converged(plan.exit_status if end.late else end.exit_status or plan.exit_status)
            return
        if plan != shown:
            yield Planned(plan, run.seconds)
            shown = plan
        for event in run.apply(plan):
            if isinstance(event, Converged):
                end = event
            else:
                yield event
        if end.interrupted or (end.exit_status and not end.late):
            yield end
            return


def _may_ask(manner: Manner) -> bool:
    return (
        sys.stdin.isatty()
        and sys.stderr.isatty()
        and not manner.json
        and manner.progress in (Progress.AUTO, Progress.TTY)
    )


def _ask(plan: Plan, consent: Consent, view: View) -> Consent | None:
    """Ask once for all that is held; the larger consent, or None for no."""
    view.close()
    settable = [row for row in plan.held if row.flag.startswith("--")]
    if not settable:
        return None
    print("Do what is held too?", file=sys.stderr)
    for row in settable:
        cost = f": {row.loses}" if row.loses else ""
        print(f"  {row.subject}: {row.because}{cost}", file=sys.stderr)
    print("[y/N] ", end="", file=sys.stderr, flush=True)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        answer = sys.stdin.readline()
    finally:
        signal.signal(signal.SIGINT, before)
    if answer.strip().lower() not in ("y", "yes"):
        return None
    messages = "send" if any(_is_message(row) for row in settable) else consent.messages
    return dataclasses.replace(consent, everything=True, messages=messages)


def _is_message(row: Held) -> bool:
    return row.flag.startswith("--messages")


def _say_left(run: Run, consent: Consent) -> None:
    """After a Ctrl-C: what a further run would still do."""
    try:
        run.context.stop.clear()
        run.observe()
        left = sum(1 for _ in run.plan(consent).changes)
    except Exception:
        left = -1
    what = f"{count(left, 'change')} {'is' if left == 1 else 'are'} left" if left > 0 else ""
    what = what or ("nothing is left" if left == 0 else "")
    print(
        f"mng: interrupted; {what or 'what was begun is finished'}; run it again", file=sys.stderr
    )


class _Alarm:
    """Ctrl-C and --timeout both end a run cleanly: running steps end, no other begins."""

    def __init__(self, run: Run, deadline: Deadline | None) -> None:
        self.run, self.deadline, self.timed_out = run, deadline, False

    @contextmanager
    def listening(self) -> Iterator[None]:
        def interrupt(*_: object) -> None:
            if self.run.context.stop.is_set():
                os._exit(130)
            self.run.context.stop.set()
            print("mng: ending what was begun; once more to stop at once", file=sys.stderr)

        def expire() -> None:
            self.timed_out = True
            self.run.context.stop.set()

        before = signal.signal(signal.SIGINT, interrupt)
        timer = threading.Timer(self.deadline.left, expire) if self.deadline else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
            if timer:
                timer.cancel()
