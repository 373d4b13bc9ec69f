"""A plan as text: a row a line, what each costs, and the counts."""

from __future__ import annotations

from collections import Counter
from typing import assert_never

from mng.model.action import (
    Action,
    AwaitAgent,
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
from mng.reconcile.builder import count, subject_of

_KINDS = {"+": "to create", "-": "to destroy", "~": "to change", ">": "message"}
_KINDS |= {"s": "to restart", "x": "to stop"}


def sign(action: Action) -> str:
    """The mark in a row's first column."""
    match action:
        case StartAgent(replaces=replaces):
            return "+" if replaces is None else "s"
        case CreateHost():
            return "+"
        case DestroyHost() | DestroyAgent():
            return "-"
        case StopAgent() | StopHost():
            return "x"
        case UpdateHost() | UpdateAgent() | RenameAgent() | SweepHost() | RecordMessages():
            return "~"
        case SendMessage():
            return ">"
        case AwaitAgent():
            return "."
        case _:
            assert_never(action)


def subject_text(subject: Subject) -> str:
    kind = "host " if isinstance(subject, HostName) else "agent"
    return f"{kind} {subject}"


def plan_rows(plan: Plan) -> list[tuple[str, str, str, str]]:
    """Each row as (sign, subject, because, where or what it needs)."""
    return [_cells(row) for row in plan.rows if not _silent(row)]


def _silent(row: Row) -> bool:
    return isinstance(row, Step) and isinstance(row.action, AwaitAgent)


def _cells(row: Row) -> tuple[str, str, str, str]:
    match row:
        case Step(_, action, because, _, at):
            mark = {"s": "+", "x": "-"}.get(sign(action), sign(action))
            subject = subject_of(action)
            if isinstance(action, RenameAgent):
                subject = AgentName(action.name.host, action.new)
            return mark, subject_text(subject), because, at
        case Held(mark, subject, because, flag, loses):
            cost = f": {loses}" if loses else ""
            return mark, subject_text(subject), because, f"held{cost} ({flag})" if flag else "held"
        case Pending(subject, because, at):
            return ".", subject_text(subject), because, at
        case Note(subject, because):
            return "=", subject_text(subject), because, ""
        case Refused(subject, because, hint):
            return "x", subject_text(subject), because, f"refused; {hint}" if hint else "refused"
        case Unsure(subject, because):
            return "?", subject_text(subject), because, "unknown: left alone"
        case _:
            assert_never(row)


def plan_text(plan: Plan, seconds: float | None = None) -> str:
    """The plan as `mng plan` prints it."""
    when = "" if seconds is None else f" · observed in {seconds:.1f}s"
    head = f"{plan.team} · " if plan.team != "-" else ""
    lines = [f"{head}{_about(plan)}{when}"]
    lines += table(plan_rows(plan))
    return "\n".join([*lines, summary(plan)])


def names_of(plan: Plan) -> list[str]:
    """What the rows are about, each once."""
    return list(dict.fromkeys(subject.split()[-1] for _, subject, _, _ in plan_rows(plan)))


def _about(plan: Plan) -> str:
    """`1 host, 2 agents`: those that are wanted, or, where none is, those that end."""
    hosts, agents, word = plan.hosts, plan.agents, ""
    if not hosts and not agents:
        ends = {subject for mark, subject, _, _ in plan_rows(plan) if mark == "-"}
        hosts, word = sum(subject.startswith("host") for subject in ends), "to end: "
        agents = len(ends) - hosts
    parts = [count(n, noun) for n, noun in ((hosts, "host"), (agents, "agent")) if n]
    return word + ", ".join(parts) if parts else "nothing"


def rows_text(plan: Plan) -> str:
    """The rows alone, each with single blanks: what tests compare."""
    return "\n".join(" ".join(" ".join(cells).split()) for cells in plan_rows(plan))


def table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    """Rows in columns; a long reason doesn't push the last column of the others away."""
    subjects = max((len(row[1]) for row in rows), default=0)
    reasons = max((len(row[2]) for row in rows if len(row[2]) <= 44), default=0)
    return [
        f"  {mark} {subject:<{subjects}}   {because:<{reasons}}   {last}".rstrip()
        for mark, subject, because, last in rows
    ]


def summary(plan: Plan) -> str:
    """`Plan: 2 to create, 1 message; 1 held`, or that there is nothing to do."""
    counts = Counter(_KINDS[sign(step.action)] for step in plan.changes)
    parts = [
        count(number, kind) if kind == "message" else f"{number} {kind}"
        for kind, number in counts.items()
    ]
    refused = sum(isinstance(row, Refused) for row in plan.rows)
    unsure = sum(isinstance(row, Unsure) for row in plan.rows)
    rest = [
        f"{number} {word}"
        for number, word in (
            (len(plan.held), "held"), (len(plan.pending), "pending"), (refused, "refused"),
            (unsure, "unknown"),
        )
        if number
    ]  # fmt: skip
    said = "; ".join(part for part in (", ".join(parts), ", ".join(rest)) if part)
    return f"Plan: {said or 'nothing to do'}"
