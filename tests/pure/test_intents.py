"""A want is a function of the world: each command edits what is live and names what it edits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from mng.errors import AgentError, HostError, MngError, NotFound
from mng.model.action import Consent, Plan, Scope, SendMessage
from mng.model.spec import AgentSpec, Desired, HostSpec, MessageSpec, Owner, WantedAgent
from mng.model.world import AgentState, World
from mng.reconcile import intent
from mng.reconcile.intent import Intent
from mng.reconcile.plan import build_plan
from mng.reconcile.text import rows_text
from tests.pure.worlds import (
    a_host,
    a_world,
    agent,
    an_agent,
    by_hand,
    host,
    uncertain,
    want,
    wants,
)

HI = MessageSpec("adhoc-1", "hi", when="now", origin="adhoc")
DEMO = WantedAgent(AgentSpec(type="demo"))


def carry_out(
    want_it: Intent, world: World, hosts: Iterable[str] = (), agents: Iterable[str] = (),
    **consent: Any,
) -> Plan:  # fmt: skip
    """The plan of a command that names these hosts and agents."""
    scope = Scope(None, frozenset(map(a_host, hosts)), frozenset(map(an_agent, agents)))
    return build_plan(want_it(world), world, Consent(**consent), scope)


def rows(want_it: Intent, world: World, **how: object) -> list[str]:
    return rows_text(carry_out(want_it, world, **how)).splitlines()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "state", [state for state in AgentState if state is not AgentState.UNKNOWN]
)
@pytest.mark.parametrize("resumes", [True, False])
def test_what_is_live_wants_nothing(state: AgentState, resumes: bool) -> None:
    """As desired, the world has an empty plan: what has ended stays ended, too."""
    world = a_world(
        host("h", source="/s"), host("h2", team="other"), host("h3.modal", team="-"),
        agent("a", sent=["A", by_hand("x"), uncertain("B")], state=state, resumes=resumes),
        agent("b@h2", sent=["A", "A"], team="other", restart="always", state=state),
        agent("c@h3.modal", team="-", protect=True, after={"a": "ready"}),
    )  # fmt: skip

    assert rows_text(build_plan(intent.as_desired(world), world)) == ""


def test_up_ignores_what_is_live() -> None:
    """The file is the want, whatever the world is."""
    desired = wants(want("a"))

    assert intent.up(desired)(a_world(agent("x"))) is desired


def test_down_wants_nothing_of_the_team() -> None:
    """Not a host, not an agent, and it says whose."""
    desired = intent.down(Desired(owner=Owner("auth")))(a_world(agent("a")))

    assert (desired.hosts, desired.agents, desired.owner.team) == ({}, {}, "auth")


def test_create_adds_one_agent_to_a_host() -> None:
    """Nobody else is touched, not even one that has failed."""
    world = a_world(agent("b", state="FAILED"), agent("c", args=("x",)))
    create = intent.create(an_agent("a"), DEMO, None)

    assert rows(create, world, hosts=["h"], agents=["a"]) == ["+ agent a@h not found"]


def test_create_makes_the_host_where_it_may() -> None:
    """`--new-host`, or the default local host."""
    create = intent.create(an_agent("a"), DEMO, HostSpec(source="/s"), new_host=True)

    assert rows(create, a_world(), hosts=["h"], agents=["a"]) == [
        "+ host h.local not found",
        "+ agent a@h not found",
    ]


def test_create_says_its_messages() -> None:
    """In order, as a file would."""
    wanted = WantedAgent(AgentSpec(type="demo"), messages=(MessageSpec("k1", "A"),))
    create = intent.create(an_agent("a"), wanted, None)

    assert rows(create, a_world(host("h")), hosts=["h"], agents=["a"]) == [
        "+ agent a@h not found",
        '> agent a@h message "A"',
    ]


def test_create_takes_the_hosts_environment() -> None:
    """The agent's own wins."""
    wanted = WantedAgent(AgentSpec(type="demo", env={"B": "mine"}))
    world = a_world(host("h", env={"A": "1", "B": "2"}))
    made = intent.create(an_agent("a"), wanted, None)(world).agents[an_agent("a")]

    assert made.spec.env == {"A": "1", "B": "mine"}


def test_create_again_does_nothing() -> None:
    """Two at once make one agent; the same thing is fine."""
    world = a_world(host("h", team="-"), agent("a", team="-"))
    create = intent.create(an_agent("a"), DEMO, HostSpec(), new_host=True)

    assert rows(create, world, hosts=["h"], agents=["a"]) == []


def why_not(want_it: Intent, world: World) -> MngError:
    with pytest.raises(MngError) as caught:
        want_it(world)
    return caught.value


def test_create_of_another_agent_of_that_name_is_an_error() -> None:
    """It says what is different, and never to destroy what is there."""
    create = intent.create(an_agent("a"), DEMO, None)
    other_args = why_not(create, a_world(agent("a", team="-", args=("x",))))

    assert isinstance(other_args, AgentError)
    assert str(other_args) == "a@h exists: args.0: x -> -"
    assert other_args.hint == "choose another name, or talk to it: mng message a@h TEXT"
    assert str(why_not(create, a_world(agent("a")))) == "a@h exists: it belongs to team auth"


def test_create_without_the_host_says_how_to_make_it() -> None:
    """Exit 4: there is no such name."""
    error = why_not(intent.create(an_agent("a"), DEMO, None), a_world())

    assert isinstance(error, NotFound)
    assert (str(error), error.exit_code) == ("no host h.local", 4)
    assert error.hint == "mng create a@h --new-host"


def test_create_with_a_new_host_that_is_there_is_an_error() -> None:
    """Somebody else's machine is not taken by accident."""
    create = intent.create(an_agent("a"), DEMO, HostSpec(), new_host=True)
    error = why_not(create, a_world(host("h")))

    assert isinstance(error, HostError)
    assert str(error) == "host h.local exists"
    assert error.hint == "mng create a@h (no --new-host)"


def test_create_makes_no_host_that_may_exist() -> None:
    """Unknown is not gone."""
    create = intent.create(an_agent("a@h.modal"), DEMO, HostSpec(), new_host=True)

    assert str(why_not(create, a_world(silent={"modal": "no token"}))) == (
        "host h.modal is unknown: no token"
    )


@pytest.mark.parametrize("state", ["STARTING", "RUNNING", "WAITING", "BLOCKED"])
def test_a_message_is_one_step(state: str) -> None:
    """It reaches only whom it names; what else the file may have said is nobody's concern."""
    world = a_world(agent("a", sent=["A"], state=state), agent("b", state="FAILED"))
    message = intent.message([an_agent("a")], HI)
    plan = carry_out(message, world, agents=["a"])
    send = plan.steps[0].action

    assert rows(message, world, agents=["a"]) == ['> agent a@h message "hi"']
    assert isinstance(send, SendMessage)
    assert (send.incarnation, send.wait, send.message.origin) == ("a-1", "ready", "adhoc")


def test_a_message_goes_to_several() -> None:
    """One step each."""
    world = a_world(agent("a"), agent("b"), agent("c"))
    message = intent.message([an_agent("a"), an_agent("c")], HI)

    assert rows(message, world, agents=["a", "c"]) == [
        '> agent a@h message "hi"',
        '> agent c@h message "hi"',
    ]


def test_a_message_is_sent_though_another_is_uncertain() -> None:
    """What mng can't prove about an older one is no reason to keep silent now."""
    world = a_world(agent("a", sent=["A", uncertain("B")]))
    message = intent.message([an_agent("a")], HI)

    assert rows(message, world, agents=["a"]) == ['> agent a@h message "hi"']


def test_a_message_under_an_id_is_sent_once() -> None:
    """The ledger knows it by its id."""
    world = a_world(agent("a", sent=[by_hand("adhoc-1")]))

    assert rows(intent.message([an_agent("a")], HI), world, agents=["a"]) == []


@pytest.mark.parametrize("state", ["DONE", "FAILED", "STOPPED"])
def test_a_message_resumes_a_conversation(state: str) -> None:
    """Where the type can, and only what is new is said."""
    world = a_world(agent("a", sent=["A"], state=state, resumes=True))
    first, second = rows(intent.message([an_agent("a")], HI), world, agents=["a"])

    assert first.startswith("+ agent a@h ")
    assert second == '> agent a@h message "hi"'


@pytest.mark.parametrize(
    ("state", "reason"),
    [("DONE", "ended with 0"), ("FAILED", "ended with 1"), ("STOPPED", "by mng stop")],
)
def test_a_message_to_nobody_is_an_error(state: str, reason: str) -> None:
    """It says how to bring the agent back."""
    error = why_not(intent.message([an_agent("a")], HI), a_world(agent("a", state=state)))

    assert isinstance(error, AgentError)
    assert (str(error), error.hint) == (f"a@h is {state}: {reason}", "mng start a@h")


def test_a_message_to_an_unknown_agent_is_left_undone() -> None:
    """Exit 1, and nothing is typed."""
    world = a_world(host("h"), agent("a", state="UNKNOWN"), unreachable={"h": "no answer"})
    plan = carry_out(intent.message([an_agent("a")], HI), world, agents=["a"])

    assert list(plan.changes) == []
    assert plan.exit_status == 1


def test_destroy_ends_what_it_names() -> None:
    """The host of its last agent goes with it, after that agent."""
    world = a_world(agent("a"), agent("b@h2"), agent("c@h2"))
    destroy = intent.without([a_host("h")], [an_agent("a"), an_agent("b@h2")])
    scope = {"hosts": ["h"], "agents": ["a", "b@h2"]}

    assert rows(destroy, world, **scope, prune=True) == [
        "- agent a@h asked for",
        "- agent b@h2 asked for",
        "- host h.local asked for",
    ]
    assert carry_out(destroy, world, **scope, prune=True).steps[-1].after == (1,)


def test_a_host_stays_for_the_agent_that_came_meanwhile() -> None:
    """Only the agent was named: the host would have gone with its last one."""
    world = a_world(agent("a"), agent("new"))
    destroy = intent.without([], [an_agent("a")], emptied=[a_host("h")])
    scope = {"hosts": ["h"], "agents": ["a"]}

    assert rows(destroy, world, **scope, prune=True) == ["- agent a@h asked for"]


def test_destroy_of_a_protected_agent_needs_force() -> None:
    """`mng destroy` is a consent to prune, not to that."""
    world = a_world(agent("a", protect=True))
    destroy = intent.without([a_host("h")], [an_agent("a")])

    assert rows(destroy, world, hosts=["h"], agents=["a"], prune=True) == [
        "- agent a@h asked for; protected held (--force)",
        "- host h.local an agent on it stays held (--force)",
    ]
