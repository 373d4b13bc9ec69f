"""intent -> observe -> plan -> consent -> apply: the one sentence that every command is."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from mng.engine.apply import apply
from mng.engine.context import Context
from mng.engine.fleet import Fleet
from mng.engine.observe import observe, with_unsaved
from mng.engine.perform import check
from mng.model.action import Consent, Plan, Scope, SendMessage, StartAgent, Step
from mng.model.event import Converged, Event, Failed, Finished, Outcome, Result, Skipped
from mng.model.name import HostName
from mng.model.world import World
from mng.reconcile.intent import Intent
from mng.reconcile.plan import build_plan

_AGAIN = 1.0  # seconds between two looks of `--wait`


class Run:
    """One command's way from a want to its end. Observes when it is made, unless it was `seen`.

    providers: which to ask. hosts: those it is about. ready_timeout: seconds.
    archive: where work without a source goes.
    """

    def __init__(
        self, intent: Intent, scope: Scope, providers: Collection[str],
        hosts: Collection[HostName] = (), *,
        environ: Mapping[str, str], archive: Path, ready_timeout: float = 120.0,
        seen: tuple[Fleet, World] | None = None,
    ) -> None:  # fmt: skip
        self.intent, self.scope, self.providers = intent, scope, providers
        self.hosts = hosts
        self.fleet, self.world = seen or (Fleet(), World())
        self.context = Context(self.fleet, environ, archive, ready_timeout=ready_timeout)
        if seen is None:
            self.observe()

    def observe(self) -> None:
        self.world = observe(self.fleet, self.providers, self.hosts)

    @property
    def seconds(self) -> float:
        """How long the last look at what is live took."""
        return self.fleet.took

    def plan(self, consent: Consent) -> Plan:
        """The plan for what was observed last; of a host that it would end, what is unsaved."""
        desired = self.intent(self.world)
        plan = build_plan(desired, self.world, consent, self.scope)
        doubtful = [
            row.subject
            for row in plan.held
            if isinstance(row.subject, HostName) and row.sign in "-!"
        ]
        if doubtful and not self.world.unsaved:
            self.world = with_unsaved(self.fleet, self.world, doubtful)
            plan = build_plan(desired, self.world, consent, self.scope)
        return plan

    def check(self, plan: Plan) -> None:
        """Raise what is sure to fail, before anything is done."""
        for step in plan.steps:
            check(step.action, self.context)

    def apply(self, plan: Plan) -> Iterator[Event]:
        """The plan's events, and `Converged` at the end."""
        status, late = plan.exit_status, 0
        # A host that was half removed is in no plan any more.
        for name in self.providers:
            self.fleet.provider(name).tidy()
        for event in apply(plan, self.context):
            status = _fold(status, event)
            late = max(late, _late(event, by_hand=self.scope.owner is None))
            yield event
        if self.context.stop.is_set():
            yield Converged(130, interrupted=True)
        else:
            worst = 1 if 1 in (status, late) else status or late
            yield Converged(worst, late=bool(late and not status))

    def wait_for_change(self, consent: Consent, timeout: float) -> Plan | None:
        """Look again until something has become due; None after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and not self.context.stop.wait(_AGAIN):
            self.observe()
            plan = self.plan(consent)
            if any(plan.changes) or not plan.waits:
                return plan
        return None


def _late(event: Event, *, by_hand: bool) -> int:
    """The exit status of what did not become due in time: 0 for what a later `up` brings anyway.

    by_hand: no file has it, so no later command would do it.
    """
    match event:
        case Finished(Step(action=SendMessage()), Outcome(Result.PENDING)) if by_hand:
            return 3
        case Finished(Step(action=StartAgent()), Outcome(Result.PENDING)):
            return 1
        case _:
            return 0


def _fold(status: int, event: Event) -> int:
    """1 for a failure wins over 3 for what is held; what is pending is 0."""
    match event:
        case Failed() | Skipped():
            return 1
        case Finished(_, outcome, _) if outcome.result is Result.HELD:
            return status or 3
        case _:
            return status
