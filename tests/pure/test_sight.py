"""What one observation of a host amounts to: agents, and what each is doing."""

from __future__ import annotations

import pytest

from mng.agents.sight import live_agents, parse
from mng.model.name import AgentName, HostName
from mng.model.record import agent_record
from mng.model.spec import AgentSpec, HostSpec, Owner
from mng.model.world import LiveAgent, LiveHost

NOW = 1000
HOST = HostName("local", "box")


def seen(
    type_: str, *journal: str, flight: str = "", ledger: str = "", then: str = "", draft: str = ""
) -> LiveAgent:
    """An idle agent in whose composer a text stands. then: what was in flight, and in the ledger,
    when its screen was taken, a moment behind all else."""
    name = AgentName(HOST, "a")
    record = agent_record(name, "i1", Owner("t", "f"), AgentSpec(type=type_), 1)
    files = {
        "i1.json": record, "journal": "\n".join([f"{NOW - 60} started i1 7", *journal]),
        "home/sessions/7.json": '{"status": "idle"}', "draft": draft,
        "status.json": '{"pid": 7, "state": "idle"}',
    }  # fmt: skip
    lines = [f"agents/a/{file}:{line}" for file, text in files.items() for line in text.split("\n")]
    pane = f"pane a|%1|7|0|||0|1|{NOW}|1|0|i1|$1|{flight}|{ledger}|a"
    screen = f"\nword a %1 {then}\n❯\u00a0go on\n"
    view = parse("\n".join([f"now {NOW} nonce word", *lines, pane, screen]))
    host = LiveHost(HOST, Owner("t", "f"), HostSpec(), "mark")
    return next(live_agents(host, view))


BEGUN, SUBMITTED = f"{NOW - 2} begun k file d 0 i1 3", f"{NOW - 1} submitted k"
LATE = [f"{NOW - 9} begun k file d 0 i1 3", f"{NOW - 8} submitted k"]


def test_a_message_that_is_being_delivered_is_no_draft() -> None:
    """It was pasted, or Enter was pressed on it, between the list of the panes and the screen."""
    assert str(seen("claude", flight="k", then="k|").state) == "WAITING"
    assert str(seen("claude", BEGUN, flight="k", then="| k=s=file").state) == "WAITING"
    assert str(seen("claude", BEGUN, then="k|").state) == "WAITING"
    assert str(seen("claude", BEGUN, then="| k=s=file").state) == "RUNNING"


@pytest.mark.parametrize(("type_", "state"), [("claude", "RUNNING"), ("demo", "WAITING")])
def test_a_message_whose_enter_was_just_pressed_is_no_draft(type_: str, state: str) -> None:
    """It stands there for a moment yet."""
    agent = seen(type_, BEGUN, SUBMITTED, ledger=" k=s=file", then="| k=s=file", draft="7")

    assert str(agent.state) == state


@pytest.mark.parametrize("type_", ["claude", "demo"])
@pytest.mark.parametrize(
    "journal", [[], LATE, [BEGUN, SUBMITTED, f"{NOW} accepted k"]], ids=["none", "late", "taken"]
)
def test_what_a_person_types_is_a_draft(type_: str, journal: list[str]) -> None:
    """Once a message is proved, or some seconds have passed, what stands there is no message."""
    ledger = " k=a=file" if journal else ""
    agent = seen(type_, *journal, ledger=ledger, then=f"|{ledger}", draft="7")

    assert (str(agent.state), agent.reason[:12]) == ("BLOCKED", "someone's ha")
