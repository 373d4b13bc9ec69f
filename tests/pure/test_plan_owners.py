"""Whose a thing is: `up` touches only what belongs to the team, and says why it leaves the rest."""

from __future__ import annotations

import dataclasses

import pytest

from mng.model.action import Consent, Scope
from mng.model.spec import AgentSpec, Desired, HostSpec, Owner, WantedAgent, WantedHost
from mng.reconcile.plan import build_plan
from mng.reconcile.text import rows_text
from tests.pure.worlds import (
    a_host,
    a_world,
    agent,
    an_agent,
    host,
    planned,
    rows,
    want,
    want_host,
    wants,
)

A = AgentSpec(type="demo")
NOTHING = Desired(owner=Owner("auth"))


def test_another_teams_agent_is_no_surplus() -> None:
    """Two files with different teams never see each other's agents as theirs."""
    world = a_world(host("h2", team="other"), agent("a"), agent("x@h2", team="other"))

    assert rows(wants(want("a")), world, prune=True, force=True, everything=True) == []


def test_an_agent_made_by_hand_is_no_surplus() -> None:
    """Pruning is for what the file made."""
    world = a_world(agent("a"), agent("by-hand", team="-"))

    assert rows(wants(want("a")), world, prune=True) == []


def test_a_host_that_others_live_on_is_not_pruned() -> None:
    """The team's agents go, and the host stays for the others."""
    world = a_world(agent("a"), agent("x", team="other"))

    assert rows(NOTHING, world, prune=True) == [
        "- agent a@h asked for",
        "- host h.local others live on it: x@h held (first: mng destroy x@h)",
    ]


@pytest.mark.parametrize("consent", [{}, {"adopt": True}, {"everything": True}])
def test_a_name_that_another_team_has_is_an_error(consent: dict[str, bool]) -> None:
    """No consent takes another team's agent."""
    world = a_world(agent("a", team="other", args=("x",)))
    desired = wants(want("a", says=["A"]))

    assert rows(desired, world, **consent) == [
        "x agent a@h belongs to team other (other.yaml) refused; choose another name"
    ]
    assert planned(desired, world).exit_status == 1


def test_a_team_that_nobody_named_is_the_team_of_one_file() -> None:
    """Two directories of one name are two teams: nothing is taken, pruned or destroyed."""
    mine = Owner("auth", "/here/auth.yaml", unnamed=True)
    desired = Desired({a_host("h"): WantedHost(HostSpec(), mine)}, {}, mine)
    desired = dataclasses.replace(desired, agents={an_agent("a"): WantedAgent(A, mine)})
    world = a_world(agent("a"), agent("old"), host("h2"))
    whole = Consent(everything=True, prune=True)

    assert rows_text(build_plan(desired, world, whole, Scope(mine))).splitlines() == [
        "x host h.local team auth is also used by auth.yaml refused; "
        "give your file another `name:`",
        ". agent a@h the host is not this team's",
    ]
    assert build_plan(Desired(owner=mine), world, whole, Scope(mine)).rows == ()


def test_a_team_that_was_named_may_have_several_files() -> None:
    """Its file may be moved, too."""
    mine = Owner("auth", "/moved/auth.yaml")
    world = a_world(agent("a"))

    plan = build_plan(Desired(owner=mine), world, Consent(prune=True), Scope(mine))
    assert len(plan.steps) == 2


def test_a_name_that_was_made_by_hand_is_held() -> None:
    """Nothing is said to it until it is adopted."""
    world = a_world(agent("a", team="-"))

    assert rows(wants(want("a", says=["A"])), world) == [
        "! agent a@h made by hand, not by this file held (--adopt)"
    ]


@pytest.mark.parametrize("consent", [{"adopt": True}, {"everything": True}])
def test_adopt_takes_over_what_was_made_by_hand(consent: dict[str, bool]) -> None:
    """Its record changes hands; its process goes on, and gets its messages."""
    world = a_world(host("h", team="-"), agent("a", team="-"))

    assert rows(wants(want("a", says=["A"])), world, **consent) == [
        "~ host h.local adopted",
        "~ agent a@h adopted",
        '> agent a@h message 1 "A" auth.yaml:1',
    ]


def test_adopting_is_no_consent_to_recreate() -> None:
    """A change that ends the process is still held."""
    world = a_world(agent("a", team="-", args=("x",)))

    assert rows(wants(want("a", args=("y",))), world, adopt=True) == [
        "! agent a@h args.0: x -> y held: ends the running process (--recreate a)"
    ]


def test_an_agent_to_be_adopted_doesnt_keep_its_host_from_being_replaced() -> None:
    """Both consents at once need one run."""
    world = a_world(host("h"), agent("a", team="-"))
    desired = wants(want_host("h", source="/new"), want("a"))

    assert rows(desired, world, adopt=True, replace_host=["h"])[0] == (
        "- agent a@h its host is replaced"
    )


def test_nothing_starts_on_a_host_that_was_made_by_hand() -> None:
    """It is held, and its agents wait for that."""
    world = a_world(host("h", team="-"))

    assert rows(wants(want("a")), world) == [
        "! host h.local made by hand, not by this file held (--adopt)",
        ". agent a@h the host is not this team's",
    ]


def test_an_adopted_host_that_is_unfinished_changes_hands_first() -> None:
    """Only its owner may finish it."""
    world = a_world(host("h", team="-", unfinished="setup"))
    plan = planned(wants(want("a")), world, adopt=True)

    assert rows(wants(want("a")), world, adopt=True) == [
        "~ host h.local adopted",
        "+ host h.local unfinished: setup",
        "+ agent a@h not found",
    ]
    assert [step.after for step in plan.steps[:3]] == [(), (1,), (2,)]


def test_a_host_of_another_team_is_an_error_that_names_the_way() -> None:
    """`external: true` is how teams share a machine."""
    world = a_world(host("h", team="other"))

    assert rows(wants(want("a")), world, everything=True) == [
        "x host h.local belongs to team other (other.yaml) refused; "
        "say `external: true` to put agents on it",
        ". agent a@h the host is not this team's",
    ]


def test_an_external_host_takes_agents() -> None:
    """It is used as it is."""
    world = a_world(host("h", team="other"))

    assert rows(wants(want_host("h", external=True), want("a")), world) == ["+ agent a@h not found"]


def test_an_external_host_is_never_changed() -> None:
    """Not its spec, not what is unfinished or left over on it."""
    theirs = host("h", team="other", unfinished="setup", leftovers=["mng.x.1"], source="/theirs")
    desired = wants(want_host("h", external=True, source="/ours", timeout=60))

    assert rows(desired, a_world(theirs), everything=True, replace_host=["h"]) == []


def test_an_external_host_is_never_destroyed() -> None:
    """When the file has it no more, only the team's own agents go."""
    world = a_world(host("h", team="other"), agent("a"))

    assert rows(NOTHING, world, prune=True) == ["- agent a@h asked for"]


def test_an_external_host_that_is_not_there_is_an_error() -> None:
    """This team can't make it."""
    desired = wants(want_host("h", external=True), want("a"))

    assert rows(desired, a_world()) == [
        "x host h.local external, and not there refused; bring up the team that owns it",
        ". agent a@h the host is external and not there",
    ]


def test_a_foreign_session_is_never_used() -> None:
    """Right name, no marks: an error, whatever the user agrees to."""
    world = a_world(host("h"), foreign=["a"])

    assert rows(wants(want("a", says=["A"])), world, everything=True, adopt=True) == [
        "x agent a@h a session of that name has no mark of mng refused; choose another name"
    ]


def test_a_foreign_host_is_never_used() -> None:
    """A sandbox or a directory that mng did not make."""
    world = a_world(foreign_hosts=["h"])

    assert rows(wants(want("a")), world, everything=True, adopt=True) == [
        "x host h.local something of that name has no mark of mng refused; choose another name",
        ". agent a@h the host is not mng's",
    ]


def test_up_of_names_touches_nothing_else() -> None:
    """Only the named agents and what they need."""
    world = a_world(host("h"), host("h2"), agent("old"))
    desired = wants(want("a", args=("x",)), want("b"), want("c@h2"))

    assert rows(desired, world, only=["a"], everything=True) == ["+ agent a@h not found"]


def test_down_ends_the_teams_agents_and_then_its_hosts() -> None:
    """The others' stay."""
    world = a_world(host("h2", team="other"), agent("a"), agent("b"), agent("x@h2", team="other"))
    plan = planned(NOTHING, world, prune=True)

    assert rows(NOTHING, world, prune=True) == [
        "- agent a@h asked for",
        "- agent b@h asked for",
        "- host h.local asked for",
    ]
    assert plan.steps[-1].after == (1, 2)


def test_a_want_without_a_team_reaches_only_what_it_names() -> None:
    """`mng destroy a` speaks for no team and ends a, whoever's it is."""
    world = a_world(agent("a", team="other"), agent("b"))
    scope = Scope(None, frozenset(), frozenset({an_agent("a")}))
    plan = build_plan(Desired(), world, Consent(prune=True), scope)

    assert rows_text(plan) == "- agent a@h asked for"


def test_a_host_that_was_not_named_stays() -> None:
    """The scope's hosts are those that may go."""
    world = a_world(host("h"), host("h2"))
    scope = Scope(None, frozenset({a_host("h2")}), frozenset())
    plan = build_plan(Desired(), world, Consent(prune=True), scope)

    assert rows_text(plan) == "- host h2.local asked for"


def test_the_order_in_which_things_were_seen_is_no_matter() -> None:
    """A plan is a function of its values: the same want and world, the same plan."""
    world = a_world(host("h"), host("h2"), *(agent(name) for name in "dcba"))
    desired = wants(*(want(f"{name}@h2", says=["A"]) for name in "xzy"))
    turned = dataclasses.replace(world, agents=dict(reversed(list(world.agents.items()))))
    other = dataclasses.replace(desired, agents=dict(reversed(list(desired.agents.items()))))

    assert planned(desired, world, prune=True) == planned(other, turned, prune=True)
