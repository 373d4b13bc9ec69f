"""A host that has ended and kept its work is a normal event: it comes back, or it goes for good."""

from __future__ import annotations

from typing import Any

from mng.model.action import Consent, CreateHost, Scope, StartAgent
from mng.model.spec import AgentSpec, Desired, WantedAgent
from mng.model.world import LiveAgent, LiveHost, World
from mng.reconcile import intent
from mng.reconcile.plan import build_plan
from mng.reconcile.text import rows_text

from .simulate import simulate
from .worlds import a_host, a_world, agent, an_agent, host, planned, rows, want, want_host, wants

TIME_OVER = "its time was over"
KEPT = "restored from h/20300101T000000Z"
WITH_HOST = "when its host ended"


def an_ended_world(*things: LiveHost | LiveAgent, **spec: Any) -> World:
    """The host `h.modal`, which has ended, and others."""
    return a_world(host("h.modal", ended=TIME_OVER, **spec), *things)


def sleeper(name: str = "a@h.modal", **more: Any) -> LiveAgent:
    """An agent that ended with its host."""
    return agent(name, state="STOPPED", reason=WITH_HOST, **{"resumes": True, **more})


def by_hand(want: intent.Intent, world: World, agents: set[str], hosts: set[str]) -> list[str]:
    """The rows of an imperative command that is about these."""
    scope = Scope(None, frozenset(map(a_host, hosts)), frozenset(map(an_agent, agents)))
    return rows_text(build_plan(want(world), world, Consent(prune=True), scope)).splitlines()


def test_up_restores_an_ended_host_and_says_only_what_is_missing() -> None:
    """Its agents go on with their conversation and their ledger."""
    world = an_ended_world(sleeper(sent=["A"]))
    desired = wants(want_host("h.modal"), want("a@h.modal", says=["A", "B"]))
    plan = planned(desired, world)

    assert rows_text(plan).splitlines() == [
        f"+ host h.modal {TIME_OVER}; {KEPT}",
        f"+ agent a@h stopped {WITH_HOST}",
        '> agent a@h message 2 "B" auth.yaml:2',
    ]
    make, start = plan.steps[0].action, plan.steps[1].action
    assert isinstance(make, CreateHost)
    assert make.back == world.hosts[a_host("h.modal")].kept
    assert isinstance(start, StartAgent)
    assert start.resume
    assert len(start.carried) == 1
    assert plan.steps[1].after == (1,)
    assert rows(desired, simulate(plan.steps, world)) == []


def test_a_host_that_kept_nothing_is_made_anew_and_says_so() -> None:
    """Nobody has to guess why the conversation is not there."""
    lost = f"{TIME_OVER}, and it had kept nothing"
    world = a_world(lost={"h.modal": lost})

    assert rows(wants(want_host("h.modal")), world) == [f"+ host h.modal {lost}"]


def test_what_had_ended_before_its_host_stays_ended() -> None:
    """`DONE` is `DONE`, on the new machine, too."""
    done = agent("a@h.modal", state="DONE", sent=["A"])
    desired = wants(want_host("h.modal"), want("a@h.modal", says=["A"]))

    assert rows(desired, an_ended_world(done)) == [f"+ host h.modal {TIME_OVER}; {KEPT}"]


def test_all_that_touches_an_agent_waits_until_its_host_is_back() -> None:
    """Its record, its name, and its end, too."""
    world = an_ended_world(agent("a@h.modal", state="DONE"), sleeper("b@h.modal"))
    desired = wants(want_host("h.modal"), want("a@h.modal", protect=True))
    plan = planned(desired, world, prune=True)

    assert [(type(step.action).__name__, step.after) for step in plan.steps] == [
        ("CreateHost", ()), ("UpdateAgent", (1,)), ("DestroyAgent", (1, 2)),
    ]  # fmt: skip


def test_a_changed_host_comes_back_as_it_was_until_the_user_agrees() -> None:
    """What was kept belongs to the host that kept it."""
    world = an_ended_world(sleeper(), source="/old")
    desired = wants(want_host("h.modal", source="/new"), want("a@h.modal"))
    plan = planned(desired, world)
    make = plan.steps[0].action

    assert rows_text(plan).splitlines()[0] == (
        "! host h.modal source: /old -> /new held (--replace-host h)"
    )
    assert isinstance(make, CreateHost)
    assert make.spec.source == "/old"


def test_an_agreed_replacement_fetches_what_was_kept_first() -> None:
    """As with a host that runs: save, end, make; there is no agent to end."""
    world = an_ended_world(sleeper(), source="/old")
    desired = wants(want_host("h.modal", source="/new"))
    words = "replaced: source: /old -> /new"

    assert rows(desired, world, replace_host=["h"], prune=True) == [
        f"- host h.modal {words}", f"+ host h.modal {words}",
    ]  # fmt: skip


def test_down_of_an_ended_host_ends_no_agent_one_by_one() -> None:
    """There is no process: what the host kept is fetched, and it is forgotten as a whole."""
    world = an_ended_world(sleeper())
    plan = planned(Desired(owner=host().owner), world, prune=True)

    assert rows_text(plan) == "- host h.modal asked for"
    assert simulate(plan.steps, world).agents == {}


def test_one_agent_of_an_ended_host_is_not_destroyed_alone() -> None:
    """What was kept can't be edited; the way out is named."""
    world = an_ended_world(sleeper(), sleeper("b@h.modal"))
    without = intent.without([], [an_agent("a@h.modal")])

    assert by_hand(without, world, {"a@h.modal"}, set()) == [
        f"x agent a@h its host has ended: {TIME_OVER} "
        "refused; mng start h.modal or mng destroy h.modal"
    ]


def test_stop_ends_a_host_with_a_deadline_after_its_agents() -> None:
    """A machine at a provider costs money; one's own directory does not."""
    agents = {"a@h.modal", "b"}
    world = a_world(host("h.modal", expires=9), agent("a@h.modal"), host(), agent("b"))
    hosts = {"h.modal", "h"}
    stop = intent.stopped([*map(an_agent, agents)], stop=True, hosts=[*map(a_host, hosts)])

    assert by_hand(stop, world, agents, hosts) == [
        "- agent b@h asked for", "- agent a@h asked for", "- host h.modal asked for",
    ]  # fmt: skip


def test_start_and_a_message_bring_a_stopped_host_back_and_stop_does_not() -> None:
    """A host comes back when anything is to run there."""
    world = an_ended_world(sleeper())
    one, back = [an_agent("a@h.modal")], f"+ host h.modal {TIME_OVER}; {KEPT}"

    start = by_hand(intent.stopped(one, stop=False), world, {"a@h.modal"}, set())
    stop = by_hand(intent.stopped(one, stop=True), world, {"a@h.modal"}, {"h.modal"})
    join = intent.create(an_agent("c@h.modal"), WantedAgent(AgentSpec(type="demo")), None)

    assert start == [back, f"+ agent a@h stopped {WITH_HOST}"]
    assert stop == []
    assert by_hand(join, world, {"c@h.modal"}, {"h.modal"})[0] == back


def test_a_host_that_is_only_lived_on_is_not_brought_back() -> None:
    """That is up to the team that owns it."""
    world = an_ended_world()
    desired = wants(want_host("h.modal", external=True), want("a@h.modal"))

    assert rows(desired, world)[0] == (
        f"x host h.modal external, and {TIME_OVER} refused; bring up the team that owns it"
    )
    assert len(rows(desired, world)) == 2


def test_an_interrupted_restoration_goes_on_with_the_same_work() -> None:
    """The new host knows what its tree is to begin with; the file does not."""
    world = a_world(host("h.modal", unfinished="work tree", restored="h/1"))
    make = planned(wants(want_host("h.modal")), world).steps[0].action

    assert isinstance(make, CreateHost)
    assert make.spec.restored == "h/1"
