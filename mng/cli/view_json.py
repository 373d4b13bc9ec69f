"""What a program reads: one event a line. A stable contract."""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

from mng.model.action import Plan, SendMessage, Step
from mng.model.event import (
    Changed,
    Converged,
    Event,
    Failed,
    Finished,
    Observed,
    Planned,
    Progress,
    Skipped,
    Started,
)  # fmt: skip
from mng.model.spec import message_name
from mng.reconcile.builder import subject_of
from mng.reconcile.text import plan_rows, sign, subject_text


class JsonView:
    """One event a line."""

    def __init__(self, out: TextIO | None = None) -> None:
        self.out = out or sys.stdout

    def show(self, event: Event) -> None:
        line = {"schema": "mng.event/1", **event_document(event)}
        print(json.dumps(line, ensure_ascii=False), file=self.out, flush=True)

    def close(self) -> None:
        pass


def event_document(event: Event) -> dict[str, Any]:
    match event:
        case Observed(world, seconds):
            counts = {"hosts": len(world.hosts), "agents": len(world.agents)}
            return {"event": "observed", "seconds": round(seconds, 3), **counts}
        case Planned(plan, seconds):
            return {"event": "planned", "seconds": round(seconds, 3), **plan_document(plan)}
        case Started(step):
            return {"event": "started", **_step(step)}
        case Progress(step, words):
            return {"event": "progress", **_step(step), "words": words}
        case Finished(step, outcome, seconds):
            result = {"result": str(outcome.result), "words": outcome.words}
            return {"event": "finished", **_step(step), **result, "seconds": round(seconds, 3)}
        case Failed(step, words, hint, seconds):
            what = {"error": words, "hint": hint, "seconds": round(seconds, 3)}
            return {"event": "failed", **_step(step), **what}
        case Skipped(step, because):
            return {"event": "skipped", **_step(step), "words": because}
        case Converged(status, interrupted):
            return {"event": "converged", "exit_status": status, "interrupted": interrupted}
        case Changed(what, subject, was, now, why):
            states = {"was": was, "now": now, "why": why}
            return {"event": "changed", "what": what, "subject": subject, **states}


def _step(step: Step) -> dict[str, Any]:
    action = step.action
    document: dict[str, Any] = {
        "step": step.number,
        "action": type(action).__name__,
        "subject": str(subject_of(action)),
    }
    if isinstance(action, SendMessage):
        document["message"] = message_name(action.message.key)
    return document


def plan_document(plan: Plan) -> dict[str, Any]:
    """A plan as data: every row with its reason, the steps with their order."""
    steps = [
        {
            **_step(step), "sign": sign(step.action), "because": step.because,
            "after": list(step.after), "at": step.at,
        }
        for step in plan.steps
    ]  # fmt: skip
    held = [
        {
            "sign": row.sign, "subject": subject_text(row.subject).split()[-1],
            "because": row.because, "flag": row.flag, "loses": row.loses,
        }
        for row in plan.held
    ]  # fmt: skip
    pending = [{"subject": str(row.subject), "because": row.because} for row in plan.pending]
    rows = [" ".join(" ".join(cells).split()) for cells in plan_rows(plan)]
    return {"team": plan.team, "steps": steps, "held": held, "pending": pending, "rows": rows}
