"""What state a thing is in decides what is done to it; what waits for what, too."""

from __future__ import annotations

import pytest

from mng.model.action import AwaitAgent, Consent, Scope, StartAgent
from mng.reconcile import intent
from mng.reconcile.plan import build_plan
from mng.reconcile.text import plan_text, rows_text
from tests.pure.worlds import a_world, agent, an_agent, host, planned, rows, want, want_host, wants

ALIVE = ["STARTING", "RUNNING", "WAITING", "BLOCKED"]


@pytest.mark.parametrize("state", ALIVE)
@pytest.mark.parametrize("policy", ["never", "on-failure", "always"])
def test_what_runs_is_left_running(state: str, policy: str) -> None:
    """No restart policy says anything about a living process."""
    world = a_world(agent("a", state=state, restart=policy))

    assert rows(wants(want("a", restart=policy)), world) == []


@pytest.mark.parametrize(
    ("state", "policy", "row"),
    [
        ("DONE", "never", ""),
        ("DONE", "on-failure", ""),
        ("DONE", "always", "+ agent a@h ended with 0"),
        ("FAILED", "never", "= agent a@h ended with 1; restart: never"),
        ("FAILED", "on-failure", "+ agent a@h ended with 1"),
        ("FAILED", "always", "+ agent a@h ended with 1"),
        ("STOPPED", "never", "+ agent a@h stopped by mng stop"),
        ("STOPPED", "on-failure", "+ agent a@h stopped by mng stop"),
        ("STOPPED", "always", "+ agent a@h stopped by mng stop"),
    ],
)
def test_what_has_ended_starts_again_by_its_policy(state: str, policy: str, row: str) -> None:
    """`up` starts what was stopped, what failed, and what is always to run."""
    world = a_world(agent("a", state=state, restart=policy))

    assert rows(wants(want("a", restart=policy)), world) == ([row] if row else [])


@pytest.mark.parametrize("state", ["DONE", "FAILED"])
@pytest.mark.parametrize("resumes", [True, False])
def test_recreate_starts_again_what_has_ended(state: str, resumes: bool) -> None:
    """The consent that a held message of a dead agent names."""
    world = a_world(agent("a", sent=["A"], state=state, restart="never", resumes=resumes))
    desired = wants(want("a", says=["A", "B"], restart="never"))
    plan = planned(desired, world, recreate=["a"])
    start = plan.steps[0].action

    assert isinstance(start, StartAgent)
    assert start.resume is resumes
    assert len(rows(desired, world, recreate=["a"])) == (2 if resumes else 3)


def test_a_failed_agent_that_may_not_restart_says_what_is_unsaid() -> None:
    """Its message is not lost without a word."""
    world = a_world(agent("a", state="FAILED", restart="never"))

    assert rows(wants(want("a", says=["A"], restart="never")), world) == [
        "= agent a@h ended with 1; restart: never",
        "> agent a@h ended with 1, and 1 message not said "
        "held: says all its messages again (--recreate a)",
    ]


def test_unknown_is_not_gone() -> None:
    """Nothing is created or destroyed on a host that doesn't answer; the rest goes on; exit 1."""
    why = "no answer for 5s"
    world = a_world(host("h"), agent("a", state="UNKNOWN"), agent("b@h2"), unreachable={"h": why})
    desired = wants(want("a", says=["A"]), want("new"), want("b@h2", says=["A"]))

    assert rows(desired, world, everything=True, force=True, replace_host=["h"]) == [
        f"? host h.local {why} unknown: left alone",
        f"? agent a@h {why} unknown: left alone",
        f"? agent new@h {why} unknown: left alone",
        '> agent b@h2 message 1 "A" auth.yaml:1',
    ]
    assert planned(desired, world).exit_status == 1


def test_a_silent_provider_may_have_any_host() -> None:
    """A host that wasn't seen because nobody could look is not made a second time."""
    world = a_world(silent={"modal": "no token"})

    assert rows(wants(want("a@h.modal")), world) == [
        "? host h.modal no token unknown: left alone",
        "? agent a@h no token unknown: left alone",
    ]


def test_down_says_what_it_can_not_find_out() -> None:
    """That a host of the file was not seen is no word that it is gone."""
    desired = wants(want("a@h.modal"), want_host("near"), want_host("theirs.modal", external=True))
    world = a_world(silent={"modal": "no token"})

    plan = build_plan(intent.down(desired)(world), world, scope=Scope(desired.owner))

    assert rows_text(plan) == "? host h.modal no token unknown: left alone"
    assert plan.exit_status == 1


def test_what_is_unknown_is_not_pruned() -> None:
    """The work on it can't be saved now."""
    lost = host("old"), agent("x@old", state="UNKNOWN")
    world = a_world(host("h"), *lost, unreachable={"old": "no answer"})

    assert rows(wants(want_host("h")), world, prune=True, force=True) == [
        "? agent x@old no answer unknown: left alone",
        "? host old.local no answer unknown: left alone",
    ]


def test_an_agent_that_cant_be_judged_is_left_alone() -> None:
    """Its host answers, but its type is not installed here: it may well be alive."""
    unclear = agent("a", state="UNKNOWN", reason="no agent type 'odd'", args=("x",))

    assert rows(wants(want("a", says=["A"], args=("y",))), a_world(unclear), everything=True) == [
        "? agent a@h no agent type 'odd' unknown: left alone"
    ]


@pytest.mark.parametrize("what", ["work tree", "setup", "its end was interrupted"])
def test_an_unfinished_host_is_finished_before_anything_starts_on_it(what: str) -> None:
    """An interrupted `up` is run again; nothing needs a resume."""
    world = a_world(host("h", unfinished=what))
    plan = planned(wants(want("a")), world)

    assert rows(wants(want("a")), world) == [
        f"+ host h.local unfinished: {what}",
        "+ agent a@h not found",
    ]
    assert plan.steps[1].after == (1,)


def test_an_unfinished_host_takes_an_edited_setup() -> None:
    """A setup that failed is mended in the file; nothing is lost, so nothing is asked."""
    world = a_world(host("h", unfinished="setup", setup="mkae"))

    assert rows(wants(want_host("h", setup="make", timeout=60)), world) == [
        "+ host h.local unfinished: setup"
    ]


def test_nothing_starts_on_an_unfinished_host_that_is_to_be_replaced() -> None:
    """It has no work tree yet, or the wrong one."""
    world = a_world(host("h", unfinished="work tree"))

    assert rows(wants(want_host("h", source="/new"), want("a")), world) == [
        "! host h.local source: - -> /new held (--replace-host h)",
        ". agent a@h the host is unfinished: work tree",
    ]


@pytest.mark.parametrize(
    ("left", "words"), [(["mng.a.1"], "1 buffer"), (["mng.a.1", "mng.a.2"], "2 buffers")]
)
def test_what_a_killed_deliverer_left_is_swept(left: list[str], words: str) -> None:
    """No buffer stays behind."""
    world = a_world(host("h", leftovers=left))

    assert rows(wants(want_host("h")), world) == [f"~ host h.local {words} of an interrupted mng"]


def gate(condition: str, *others: object, **how: object) -> list[str]:
    """The rows about a new agent b that comes after a."""
    desired = wants(want("a", says=["A"]), want("b", after={"a": condition}))
    world = a_world(host("h"), *others)  # type: ignore[arg-type]
    return [row for row in rows(desired, world, **how) if "b@h" in row]


@pytest.mark.parametrize("condition", ["started", "ready"])
def test_a_dependent_starts_in_the_same_plan_once_the_other_is_up(condition: str) -> None:
    """`started` waits for the start, `ready` until it can be talked to."""
    plan = planned(
        wants(want("a"), want("b", after={"a": condition})), a_world(agent("z@h2", team="other"))
    )
    steps = {str(step.action.name) + type(step.action).__name__: step for step in plan.steps}
    before = plan.steps[steps["b@hStartAgent"].after[-1] - 1].action

    expected = StartAgent if condition == "started" else AwaitAgent
    assert isinstance(before, expected)
    assert str(before.name) == "a@h"


@pytest.mark.parametrize("condition", ["idle", "done"])
def test_a_dependent_of_an_agent_that_starts_now_is_pending(condition: str) -> None:
    """A turn takes its time; a later `up` starts it."""
    assert gate(condition) == [f". agent b@h waits for a: {condition}"]


MET = "+ agent b@h not found"


@pytest.mark.parametrize(
    ("state", "started", "ready", "idle", "done"),
    [
        ("STARTING", True, True, False, False),
        ("RUNNING", True, True, False, False),
        ("WAITING", True, True, True, False),
        ("BLOCKED", True, True, False, False),
        ("DONE", True, True, True, True),
        ("STOPPED", True, True, False, False),  # it is started in this plan
        ("FAILED", True, True, False, False),  # likewise
    ],
)
def test_a_condition_is_met_by_a_state(
    state: str, started: bool, ready: bool, idle: bool, done: bool
) -> None:
    """Each condition x each state of the other, which has been told everything."""
    other = agent("a", sent=["A"], state=state)
    met = {"started": started, "ready": ready, "idle": idle, "done": done}

    assert {condition: gate(condition, other) == [MET] for condition in met} == met


def test_an_agent_that_failed_for_good_is_never_ready() -> None:
    """What comes after it stays pending."""
    other = want("a", restart="never"), want("b", after={"a": "ready"})

    assert rows(wants(*other), a_world(agent("a", state="FAILED", restart="never"))) == [
        "= agent a@h ended with 1; restart: never",
        ". agent b@h waits for a: ready",
    ]


def test_an_agent_with_something_to_be_told_is_not_idle() -> None:
    """It will be at work in a moment."""
    assert gate("idle", agent("a", state="WAITING")) == [". agent b@h waits for a: idle"]


def test_after_is_about_the_first_start() -> None:
    """An agent that is there is not ended because the other is not ready."""
    desired = wants(want("a"), want("b", after={"a": "done"}))

    assert rows(desired, a_world(agent("a"), agent("b", after={"a": "done"}))) == []


def test_several_conditions_must_all_be_met() -> None:
    """The first that isn't is the reason."""
    desired = wants(want("a"), want("b"), want("c", after={"a": "idle", "b": "done"}))

    assert rows(desired, a_world(agent("a"), agent("b"))) == [". agent c@h waits for b: done"]


def test_a_renamed_agent_meets_what_it_met() -> None:
    """Another name is no other process."""
    desired = wants(want("new", was="old"), want("b", after={"new": "idle"}))

    assert rows(desired, a_world(agent("old"))) == [
        "~ agent new@h renamed from old",
        "+ agent b@h not found",
    ]


def test_nobody_waits_for_an_agent_of_a_host_that_is_replaced() -> None:
    """What was there is ended; what is pending is not there."""
    desired = wants(
        want_host("h", source="/new"),
        want("a"),
        want("b", after={"a": "done"}),
        want("c", after={"b": "started"}),
    )
    world = a_world(host("h"), agent("a"), agent("b"))

    assert rows(desired, world, replace_host=["h"])[-2:] == [
        ". agent b@h waits for a: done",
        ". agent c@h waits for b: started",
    ]


def stopping(stop: bool, state: str, **how: object) -> str:
    """The plan of `mng stop a` or `mng start a` in a world with one other agent."""
    world = a_world(agent("a", sent=["A"], state=state, **how), agent("b", state="FAILED"))  # type: ignore[arg-type]
    want_it = intent.stopped([an_agent("a")], stop=stop)(world)
    recreate = frozenset() if stop else frozenset({"a"})
    scope = Scope(None, frozenset(), frozenset({an_agent("a")}))
    return rows_text(build_plan(want_it, world, Consent(recreate=recreate), scope))


@pytest.mark.parametrize("state", ALIVE)
def test_stop_ends_what_runs(state: str) -> None:
    """Its files, its journal and its conversation stay."""
    assert stopping(True, state) == "- agent a@h asked for"


@pytest.mark.parametrize("state", ["DONE", "FAILED", "STOPPED"])
def test_stop_leaves_what_has_ended(state: str) -> None:
    """Already so is success."""
    assert stopping(True, state) == ""


@pytest.mark.parametrize("state", ["DONE", "FAILED", "STOPPED"])
@pytest.mark.parametrize("resumes", [True, False])
def test_start_starts_what_has_ended_and_types_nothing(state: str, resumes: bool) -> None:
    """The texts of old messages are not known here, and an empty one is never typed."""
    reason = {"DONE": "ended with 0", "FAILED": "ended with 1", "STOPPED": "stopped by mng stop"}

    assert stopping(False, state, resumes=resumes) == f"+ agent a@h {reason[state]}"


@pytest.mark.parametrize("state", ALIVE)
def test_start_leaves_what_runs(state: str) -> None:
    """Already so is success."""
    assert stopping(False, state) == ""


def test_a_plan_without_rows_says_so() -> None:
    """The head and one sentence."""
    assert plan_text(planned(wants(want("a")), a_world(agent("a")))) == (
        "auth · 1 host, 1 agent\nPlan: nothing to do"
    )


def test_a_renamed_agent_that_has_ended_starts_under_its_new_name() -> None:
    """The start replaces the old incarnation, so the new name comes first."""
    world = a_world(agent("old", state="FAILED"))
    plan = planned(wants(want("new", was="old")), world)
    start = plan.steps[1]

    assert isinstance(start.action, StartAgent)
    assert (start.action.replaces, start.after) == ("old-1", (1,))
