"""What holds for every file, every world and every consent: `kill -9` anywhere, in memory."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from mng.model.action import (
    AwaitAgent,
    CreateHost,
    DestroyAgent,
    DestroyHost,
    Plan,
    Step,
    Subject,
)
from mng.model.name import AgentName, HostName
from mng.model.world import World
from mng.reconcile.builder import subject_of
from mng.reconcile.plan import build_plan
from mng.reconcile.text import plan_text
from tests.pure.simulate import simulate
from tests.pure.strategies import Case, cases

K = TypeVar("K")
V = TypeVar("V")

often = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
thorough = settings(often, max_examples=500)


def plan_of(case: Case, world: World | None = None) -> Plan:
    seen = case.world if world is None else world
    return build_plan(case.desired, seen, case.consent, case.scope)


def some_order(plan: Plan, seed: int) -> list[Step]:
    """The steps as a pool may do them: any that waits for nothing may be next."""
    dice, left, done = random.Random(seed), list(plan.steps), set[int]()
    order = []
    while left:
        step = dice.choice([step for step in left if done.issuperset(step.after)])
        left.remove(step)
        done.add(step.number)
        order.append(step)
    return order


def converges(case: Case, steps: Sequence[Step]) -> None:
    """A run that ends after these steps is finished by the next, and then nothing is left."""
    cut_short = simulate(steps, case.world)
    again = plan_of(case, cut_short)
    after = simulate(again.steps, cut_short)
    left = list(plan_of(case, after).changes)
    if left:
        note(plan_text(plan_of(case)))
        note(f"after {len(steps)} steps:\n{plan_text(again)}\n{plan_text(plan_of(case, after))}")
    assert left == []


@thorough
@given(cases())
def test_every_prefix_of_every_plan_converges(case: Case) -> None:
    """Kill it anywhere, run it again; then a further run has nothing to do."""
    plan = plan_of(case)

    for cut in range(len(plan.steps) + 1):
        converges(case, plan.steps[:cut])


@thorough
@given(cases(), st.integers(0, 1_000_000))
def test_every_order_that_a_pool_may_take_converges(case: Case, seed: int) -> None:
    """`after` says all that matters about the order, so no step finds what it didn't expect."""
    order = some_order(plan_of(case), seed)

    converges(case, order[: seed % (len(order) + 1)])
    converges(case, order)


@often
@given(cases())
def test_a_step_waits_only_for_earlier_steps(case: Case) -> None:
    """So that a plan can always be carried out."""
    plan = plan_of(case)

    assert [step.number for step in plan.steps] == list(range(1, len(plan.steps) + 1))
    assert all(number < step.number for step in plan.steps for number in step.after)


def may_touch(case: Case, subject: Subject) -> bool:
    """It is the team's, or ad hoc and adopted; and it was named, if names were given."""
    live = (
        case.world.hosts.get(subject)
        if isinstance(subject, HostName)
        else case.world.agents.get(subject)
    )
    adopts = case.consent.adopt or case.consent.everything
    ours = live is None or live.owner.team == "auth" or (live.owner.adhoc and adopts)
    return ours and not foreign(case, subject) and not unknown(case, subject)


def foreign(case: Case, subject: Subject) -> bool:
    return subject in case.world.foreign_hosts or (
        # A foreign session on a host that is ended goes with that host.
        subject in case.world.foreign_agents
        and host_name(subject) not in destroyed_hosts(plan_of(case))
    )


def unknown(case: Case, subject: Subject) -> bool:
    return bool(case.world.unknown(host_name(subject)))


def host_name(subject: Subject) -> HostName:
    return subject.host if isinstance(subject, AgentName) else subject


def destroyed_hosts(plan: Plan) -> set[HostName]:
    return {step.action.name for step in plan.steps if isinstance(step.action, DestroyHost)}


@often
@given(cases())
def test_nothing_of_others_is_touched(case: Case) -> None:
    """Not another team's, not what has no marks, not what can't be seen, not out of scope."""
    scope = case.scope
    for step in plan_of(case).changes:  # waiting for an agent does not touch it
        subject = subject_of(step.action)
        assert may_touch(case, subject), step
        if isinstance(subject, AgentName):
            renamed = {
                AgentName(name.host, wanted.was): name
                for name, wanted in case.desired.agents.items()
                if wanted.was
            }
            assert scope.has_agent(subject) or scope.has_agent(renamed[subject]), step
        elif scope.agents is not None:
            assert subject in {name.host for name in scope.agents}, step


@often
@given(cases())
def test_an_external_host_is_only_lived_on(case: Case) -> None:
    """Never made, changed, swept or destroyed."""
    external = {name for name, wanted in case.desired.hosts.items() if wanted.external}

    assert external.isdisjoint(subject_of(step.action) for step in plan_of(case).steps)


@often
@given(cases())
def test_a_host_goes_after_all_its_agents(case: Case) -> None:
    """Every agent that lives on it is ended by a step that its end waits for."""
    plan = plan_of(case)
    ends = [step for step in plan.steps if isinstance(step.action, DestroyHost)]
    for end in ends:
        if case.world.hosts[host_name(subject_of(end.action))].ended:
            continue  # there is no process: they go with what their host has kept
        before = [plan.steps[number - 1].action for number in end.after]
        ended = {action.name for action in before if isinstance(action, DestroyAgent)}
        lived = {agent.name for agent in case.world.agents_on(end.action.name)}  # type: ignore[arg-type]
        assert lived <= ended


@often
@given(cases())
def test_what_is_destroyed_for_good_waits_for_all_the_rest(case: Case) -> None:
    """Pruning is last of all; a host that is made again is no pruning."""
    plan = plan_of(case)
    created = {step.action.name for step in plan.steps if isinstance(step.action, CreateHost)}
    again = created & destroyed_hosts(plan)
    ends = [
        step
        for step in plan.steps
        if isinstance(step.action, DestroyAgent | DestroyHost)
        and host_name(subject_of(step.action)) not in again
    ]
    others = {
        step.number
        for step in plan.steps
        if step not in ends and not isinstance(step.action, AwaitAgent)
    }
    for end in ends:
        assert others <= set(end.after)


@often
@given(cases())
def test_nothing_is_destroyed_or_ended_without_consent(case: Case) -> None:
    """An empty consent creates, tells and renames; it ends nothing that lives."""
    bare = dataclasses.replace(case, consent=type(case.consent)())
    after = simulate(plan_of(bare).steps, bare.world)

    lives = {agent.incarnation for agent in case.world.agents.values() if agent.alive}
    assert lives <= {agent.incarnation for agent in after.agents.values()}
    assert set(case.world.hosts) <= set(after.hosts)


@often
@given(cases())
def test_what_is_protected_ends_only_by_force(case: Case) -> None:
    """Recreating starts it again at once; nothing else ends it. The file may take that back."""
    careful = dataclasses.replace(case, consent=dataclasses.replace(case.consent, force=False))
    ended = {
        step.action.name for step in plan_of(careful).steps if isinstance(step.action, DestroyAgent)
    }

    wanted = case.desired.agents
    assert not [n for n in ended if (wanted.get(n) or case.world.agents[n]).spec.protect]


@often
@given(cases(), st.randoms(use_true_random=False))
def test_a_plan_is_a_function_of_its_values(case: Case, dice: random.Random) -> None:
    """The order in which things were declared or seen makes no difference."""

    def shuffled(items: Mapping[K, V]) -> dict[K, V]:
        return dict(dice.sample(list(items.items()), len(items)))

    desired = dataclasses.replace(
        case.desired,
        hosts=shuffled(case.desired.hosts),
        agents=shuffled(case.desired.agents),
    )
    world = dataclasses.replace(
        case.world,
        hosts=shuffled(case.world.hosts),
        agents=shuffled(case.world.agents),
    )

    assert build_plan(desired, world, case.consent, case.scope) == plan_of(case)
