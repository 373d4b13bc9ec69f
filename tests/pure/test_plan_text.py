"""A plan as `mng plan` prints it."""

from __future__ import annotations

import pytest

from mng.model.spec import Desired
from mng.model.world import LiveAgent, LiveHost
from mng.reconcile.text import plan_text
from tests.pure.worlds import AUTH, a_world, agent, host, planned, want, want_host, wants


def test_the_plan_reads_as_the_contract_shows_it() -> None:
    """A head, a row a line in columns, the counts."""
    served = agent("server", command="flask run", type="command")
    desired = wants(
        want_host("new.modal", at="auth.yaml:4"),
        want("impl-agent@new.modal", says=["Implement JWT auth."], at="auth.yaml:12"),
        want("server", type="command", command="uvicorn app.main:app"),
    )
    plan = planned(desired, a_world(served, agent("old", state="DONE")))

    assert plan_text(plan, 0.2).splitlines() == [
        "auth · 2 hosts, 2 agents · observed in 0.2s",
        "  + host  new.modal        not found                                    auth.yaml:4",
        "  ! agent server@h         command: flask run -> uvicorn app.main:app   "
        "held: ends the running process (--recreate server)",
        "  + agent impl-agent@new   not found                                    auth.yaml:12",
        '  > agent impl-agent@new   message 1 "Implement JWT auth."              auth.yaml:1',
        "  - agent old@h            not in auth.yaml                             held (--prune)",
        "Plan: 2 to create, 1 message; 2 held",
    ]


@pytest.mark.parametrize(
    ("live", "head"),
    [
        ([agent("a"), agent("b")], "auth · to end: 1 host, 2 agents"),
        ([host("h")], "auth · to end: 1 host"),
        ([], "auth · nothing"),
    ],
)
def test_the_head_of_down_says_what_it_ends(live: list[LiveHost | LiveAgent], head: str) -> None:
    """Not what the file has, which is nothing."""
    plan = planned(Desired(owner=AUTH), a_world(*live), prune=True)

    assert plan_text(plan).splitlines()[0] == head


def test_the_head_counts_what_the_command_is_about() -> None:
    """`up a` is about one agent, whatever else is in the file."""
    plan = planned(wants(want("a"), want("b")), a_world(agent("b")), only=["a"])

    assert plan_text(plan).splitlines()[0] == "auth · 1 agent"
