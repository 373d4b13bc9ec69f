"""What else can change: specs, hosts, names, states; and what each change needs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mng.model.action import Consent, DestroyHost, Plan, Scope, SendMessage, StartAgent
from mng.model.spec import Desired, Owner, Secret
from mng.reconcile.plan import build_plan
from tests.pure.worlds import (
    AUTH,
    FILE,
    a_world,
    agent,
    begun,
    host,
    key,
    planned,
    rows,
    want,
    want_host,
    wants,
)


@pytest.mark.parametrize(
    ("field", "before", "after", "words"),
    [
        ("args", ("--model", "opus"), ("--model", "haiku"), "args.1: opus -> haiku"),
        ("type", "demo", "codex", "type: demo -> codex"),
        ("command", "flask run", "uvicorn app", "command: flask run -> uvicorn app"),
        ("env", {"A": "1"}, {"A": "2"}, "env.A: 1 -> 2"),
    ],
)
def test_a_restart_class_change_of_a_living_agent_is_held(
    field: str, before: Any, after: Any, words: str
) -> None:
    """It loses the conversation; the files stay."""
    world = a_world(agent("a", resumes=True, **{field: before}))
    desired = wants(want("a", **{field: after}))

    assert rows(desired, world) == [
        f"! agent a@h {words} held: ends the conversation (--recreate a)"
    ]
    assert planned(desired, world).exit_status == 3


@pytest.mark.parametrize("consent", [{"recreate": ["a"]}, {"recreate": "*"}, {"everything": True}])
def test_recreate_starts_the_changed_agent_anew(consent: dict[str, Any]) -> None:
    """A new program has another conversation, so it is told everything."""
    world = a_world(agent("a", sent=["A"], resumes=True, args=("x",)))
    plan = planned(wants(want("a", says=["A"], args=("y",))), world, **consent)
    start = plan.steps[0].action

    assert rows(wants(want("a", says=["A"], args=("y",))), world, **consent) == [
        "+ agent a@h args.0: x -> y",
        '> agent a@h message 1 "A" auth.yaml:1',
    ]
    assert isinstance(start, StartAgent)
    assert (start.replaces, start.resume) == ("a-1", False)


def test_recreate_is_for_the_agent_that_it_names() -> None:
    """Another's conversation is not given up with it."""
    world = a_world(agent("a", args=("x",)), agent("b", args=("x",)))
    desired = wants(want("a", args=("y",)), want("b", args=("y",)))

    assert rows(desired, world, recreate=["a"]) == [
        "+ agent a@h args.0: x -> y",
        "! agent b@h args.0: x -> y held: ends the running process (--recreate b)",
    ]


@pytest.mark.parametrize("names", [["a"], ["*"]])
def test_recreate_leaves_a_running_agent_that_has_not_changed(names: list[str]) -> None:
    """A consent is no want: a second `up --recreate` has nothing to do."""
    assert rows(wants(want("a")), a_world(agent("a", state="RUNNING")), recreate=names) == []


@pytest.mark.parametrize("state", ["DONE", "FAILED", "STOPPED"])
def test_a_restart_class_change_of_a_dead_agent_needs_no_consent(state: str) -> None:
    """There is no process to lose."""
    world = a_world(agent("a", state=state, args=("x",)))

    assert rows(wants(want("a", args=("y",))), world) == ["+ agent a@h args.0: x -> y"]


def test_messages_go_on_while_a_change_is_held() -> None:
    """The old process is still the agent."""
    world = a_world(agent("a", args=("x",)))

    assert rows(wants(want("a", says=["A"], args=("y",))), world) == [
        "! agent a@h args.0: x -> y held: ends the running process (--recreate a)",
        '> agent a@h message 1 "A" auth.yaml:1',
    ]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("labels", {"tier": "1"}, "labels.tier: - -> 1"),
        ("restart", "always", "restart: on-failure -> always"),
        ("protect", True, "protect: false -> true"),
        ("after", {"b": "ready"}, "after.b: - -> ready"),
        ("ready", "^> $", "ready: - -> ^> $"),
    ],
)
def test_an_in_place_change_touches_no_process(field: str, value: Any, words: str) -> None:
    """Only its record is written again."""
    desired = wants(want("a", **{field: value}), want("b"))

    assert rows(desired, a_world(agent("a"), agent("b"))) == [f"~ agent a@h {words}"]


def test_an_in_place_change_of_a_host_touches_nothing_on_it() -> None:
    """Its record is written again."""
    desired = wants(want_host("h", timeout=60, env={"A": "1"}), want("a"))

    assert rows(desired, a_world(host("h"), agent("a"))) == [
        "~ host h.local env.A: - -> 1, timeout: - -> 1m"
    ]


def test_a_deadline_that_was_given_at_the_making_is_held() -> None:
    """Modal ends a sandbox when it was told to at first; how long agents may idle is read live."""
    live = replace(host("h", timeout=28800), created=1000, expires=1000 + 28800)

    assert rows(wants(want_host("h", timeout=1500)), a_world(live)) == [
        "! host h.local timeout: 8h -> 25m held (--replace-host h)"
    ]
    assert rows(wants(want_host("h", timeout=28800, idle_timeout=60)), a_world(live)) == [
        "~ host h.local idle_timeout: - -> 1m"
    ]


def test_a_deadline_that_is_as_wanted_needs_no_other_host() -> None:
    """Without a `timeout:` it is the provider's longest; to write that down changes nothing."""
    live = replace(host("h"), created=1000, expires=1000 + 86400)

    assert rows(wants(want_host("h", timeout=86400)), a_world(live)) == [
        "~ host h.local timeout: - -> 24h"
    ]


def test_a_deadline_is_held_also_while_the_host_is_being_made() -> None:
    """Its machine has it from the first moment; a setup that is mended comes with it or later."""
    live = replace(host("h", unfinished="setup", setup="mkae"), created=1000, expires=2000)

    assert rows(wants(want_host("h", setup="make", timeout=60)), a_world(live)) == [
        "! host h.local setup: mkae -> make, timeout: - -> 1m held (--replace-host h)"
    ]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"source": "/new"}, "source: - -> /new"),
        ({"work_dir": "/w"}, "work_dir: - -> /w"),
        ({"setup": "make"}, "setup: - -> make"),
        ({"options": {"cpu": 2}}, "local.cpu: - -> 2"),
    ],
)
def test_a_replace_class_change_of_a_host_is_held(spec: dict[str, Any], words: str) -> None:
    """It says which agents end, and what is unsaved."""
    agents = agent("a"), agent("b"), agent("done", state="DONE")
    world = a_world(host("h"), *agents, unsaved={"h": "3 uncommitted files, saved first"})
    desired = wants(want_host("h", **spec), want("a"), want("b"), want("done"))

    assert rows(desired, world) == [
        f"! host h.local {words} "
        "held: ends a, b; 3 uncommitted files, saved first (--replace-host h)"
    ]


@pytest.mark.parametrize("consent", [{"replace_host": ["h"]}, {"everything": True}])
def test_replace_host_saves_destroys_creates_and_starts_its_agents(
    consent: dict[str, Any],
) -> None:
    """Each in its order; the agents are new and are told all again."""
    world = a_world(host("h", leftovers=["mng.a.x"]), agent("a", sent=["A"]), agent("b"))
    desired = wants(want_host("h", source="/new"), want("a", says=["A"]), want("b"))
    plan = planned(desired, world, **consent)

    assert rows(desired, world, **consent) == [
        "- agent a@h its host is replaced",
        "- agent b@h its host is replaced",
        "- host h.local replaced: source: - -> /new",
        "+ host h.local replaced: source: - -> /new",
        "+ agent a@h its host is replaced",
        '> agent a@h message 1 "A" auth.yaml:1',
        "+ agent b@h its host is replaced",
    ]
    assert [step.after for step in plan.steps[:5]] == [(), (), (1, 2), (3,), (4,)]


def test_an_agent_that_left_the_file_goes_with_its_replaced_host() -> None:
    """It is ended for the replacement and not made again."""
    world = a_world(host("h"), agent("old"))

    assert rows(wants(want_host("h", source="/new")), world, replace_host=["h"]) == [
        "- agent old@h its host is replaced",
        "- host h.local replaced: source: - -> /new",
        "+ host h.local replaced: source: - -> /new",
    ]


def test_a_host_is_not_replaced_under_a_protected_agent() -> None:
    """`protect` is never destroyed without --force, whatever else the user agrees to."""
    world = a_world(host("h"), agent("a", protect=True))
    desired = wants(want_host("h", source="/new"), want("a", protect=True))

    assert rows(desired, world, everything=True) == [
        "! host h.local source: - -> /new; protected: a held: ends a (--force)"
    ]
    assert rows(desired, world, everything=True, force=True)[0] == (
        "- agent a@h its host is replaced"
    )


def test_a_host_is_not_replaced_under_others() -> None:
    """A machine is shared, and theirs is not this team's to end."""
    world = a_world(host("h"), agent("a"), agent("x", team="other"))
    desired = wants(want_host("h", source="/new"), want("a"))

    assert rows(desired, world, everything=True) == [
        "! host h.local others live on it: x@h held (first: mng destroy x@h)"
    ]


def test_a_host_is_not_replaced_for_one_agent_that_was_named() -> None:
    """`up a` may not end b, which it would not bring back."""
    world = a_world(host("h"), agent("a"), agent("b"))
    desired = wants(want_host("h", source="/new"), want("a"), want("b"))

    assert rows(desired, world, only=["a"], replace_host=["h"]) == [
        "! host h.local others live on it: b@h held (first: mng destroy b@h)"
    ]


def test_an_agent_that_left_the_file_is_held() -> None:
    """Its destruction is planned, with the flag that does it."""
    world = a_world(agent("a"), agent("old", resumes=True), agent("older", state="DONE"))

    assert rows(wants(want("a", args=())), world) == [
        "- agent old@h not in auth.yaml held: ends the conversation (--prune)",
        "- agent older@h not in auth.yaml held (--prune)",
    ]


def test_a_host_that_left_the_file_is_held() -> None:
    """With what it holds that is nowhere else."""
    unsaved = {"old": "2 new commits, saved first"}
    world = a_world(host("h"), host("old"), unsaved=unsaved)

    assert rows(wants(want_host("h")), world) == [
        "- host old.local not in auth.yaml held: 2 new commits, saved first (--prune)"
    ]


@pytest.mark.parametrize("consent", [{"prune": True}, {"everything": True}])
def test_prune_comes_last_and_only_after_the_rest(consent: dict[str, Any]) -> None:
    """Each end waits for every change, and a host for its agents' ends."""
    world = a_world(host("h"), host("old"), agent("x@old"), agent("b", protect=True))
    desired = wants(want("a", says=["A"]), want("b"))
    plan = planned(desired, world, **consent)

    assert rows(desired, world, **consent) == [
        "+ agent a@h not found",
        '> agent a@h message 1 "A" auth.yaml:1',
        "~ agent b@h protect: true -> false",
        f"- agent x@old not in {FILE}",
        f"- host old.local not in {FILE}",
    ]
    assert [step.after for step in plan.steps] == [(), (1,), (), (1, 2, 3), (1, 2, 3, 4)]


def test_a_protected_agent_is_not_pruned() -> None:
    """Not without --force; nor is its host."""
    world = a_world(host("h"), agent("a", protect=True))
    desired = Desired(owner=Owner("auth", FILE))

    assert rows(desired, world, prune=True) == [
        "- agent a@h asked for; protected held (--force)",
        "- host h.local an agent on it stays held (--force)",
    ]
    assert rows(desired, world, prune=True, force=True) == [
        "- agent a@h asked for",
        "- host h.local asked for",
    ]


def test_force_alone_prunes_nothing() -> None:
    """It widens a consent; it is none."""
    world = a_world(agent("a"), agent("old", protect=True))

    assert rows(wants(want("a")), world, force=True) == [
        "- agent old@h not in auth.yaml held: ends the running process (--prune)"
    ]


def test_work_is_discarded_only_on_the_host_that_the_user_names() -> None:
    """Yes to everything is no consent to lose work."""
    world = a_world(host("h"), host("h2"))
    want_nothing = Desired(owner=Owner("auth", FILE))

    def discards(plan: Plan) -> list[str]:
        ends = [step.action for step in plan.steps if isinstance(step.action, DestroyHost)]
        return [end.name.name for end in ends if end.discard_work]

    assert discards(planned(want_nothing, world, everything=True, force=True)) == []
    assert discards(planned(want_nothing, world, prune=True, discard_work={"h"})) == ["h"]


def test_a_renamed_agent_without_was_is_a_new_one_and_an_old_one() -> None:
    """The plan suggests how to keep the process."""
    world = a_world(agent("old", args=("x",)))

    assert rows(wants(want("new", args=("x",))), world) == [
        "+ agent new@h not found (renamed? say `was: old`)",
        "- agent old@h not in auth.yaml held: ends the running process (--prune)",
    ]


def test_was_renames_without_touching_the_process() -> None:
    """What it was told stays told."""
    world = a_world(agent("old", sent=["A"]))
    desired = wants(want("new", was="old", says=["A", "B"]))
    send = planned(desired, world).steps[1]

    assert rows(desired, world) == [
        "~ agent new@h renamed from old",
        '> agent new@h message 2 "B" auth.yaml:2',
    ]
    assert send.after == (1,)
    assert isinstance(send.action, SendMessage)
    assert send.action.incarnation == "old-1"


def test_all_that_a_renamed_agent_gets_comes_after_its_new_name() -> None:
    """A held change of the same agent doesn't break the order."""
    world = a_world(agent("old", sent=[begun("A")], args=("x",)))
    plan = planned(wants(want("new", was="old", says=["A"], args=("y",))), world)

    assert [step.after for step in plan.steps] == [(), (1,)]


def test_a_name_is_taken_over_once() -> None:
    """The second agent that says the same `was` is a new one."""
    desired = wants(want("b", was="a"), want("c", was="a", type="codex"))

    assert rows(desired, a_world(agent("a"))) == [
        "~ agent b@h renamed from a",
        "+ agent c@h not found",
    ]


def test_a_rename_that_is_done_is_nothing_to_do() -> None:
    """`was` may stay in the file."""
    assert rows(wants(want("new", was="old")), a_world(agent("new"))) == []


def test_anothers_agent_is_not_renamed() -> None:
    """It would change hands."""
    world = a_world(agent("old", team="other"))

    assert rows(wants(want("new", was="old")), world) == [
        "x agent new@h old@h is not this team's, so it can't be renamed refused"
    ]


def test_a_host_that_is_gone_is_made_again_with_its_agents() -> None:
    """Proven gone is not unknown."""
    desired = wants(want("a@h.modal", says=["A"]))

    assert rows(desired, a_world()) == [
        "+ host h.modal not found",
        "+ agent a@h not found",
        '> agent a@h message 1 "A" auth.yaml:1',
    ]


def test_a_secret_is_named_and_never_shown() -> None:
    """A plan holds no value of a secret."""
    world = a_world(agent("a", env={"KEY": "plain"}))

    assert rows(wants(want("a", env={"KEY": Secret("MY_KEY")})), world) == [
        "! agent a@h env.KEY: plain -> secret MY_KEY held: ends the running process (--recreate a)"
    ]


def test_a_resumed_agent_carries_its_ledger() -> None:
    """What was said to the conversation is not said to it again."""
    world = a_world(agent("a", sent=["A"], state="FAILED", resumes=True))
    start = build_plan(wants(want("a", says=["A"])), world, Consent(), Scope(AUTH)).steps[0]

    assert isinstance(start.action, StartAgent)
    assert [entry.key for entry in start.action.carried] == [key("A")]
