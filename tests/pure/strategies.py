"""Files, worlds and consents of every sort, for hypothesis.

Each thing is one choice from all of its sort, the plainest first: few choices are quick to make
and quick to shrink.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import permutations, product

from hypothesis import strategies as st

from mng.model.action import Consent, Scope
from mng.model.name import AgentName, HostName
from mng.model.spec import AgentSpec, Condition, Desired, HostSpec, WantedAgent, WantedHost
from mng.model.world import (
    AgentState,
    HostState,
    Kept,
    LiveAgent,
    LiveHost,
    Sent,
    SentState,
    World,
)
from mng.reconcile.messages import Settlement
from tests.pure.worlds import AUTH, FILE, a_host, key, messages, owner

HOSTS = [a_host("h1"), a_host("h2"), a_host("h3.modal")]
AGENTS = ["a", "b", "c", "d"]  # a later one may come `after` an earlier one
GONE = ["x", "y"]  # names that only the world has
SAID = [SentState.SUBMITTED, SentState.ACCEPTED, SentState.RECORDED]
CONDITIONS: list[Condition] = ["started", "ready", "idle", "done"]


@dataclass(frozen=True)
class Case:
    """One file, one world, one command line."""

    desired: Desired
    world: World
    consent: Consent
    scope: Scope


def _lists(items: list[str], most: int) -> list[tuple[str, ...]]:
    return [one for size in range(most + 1) for one in permutations(items, size)]


def _spec(args: str, restart: str, kind: str, protect: bool) -> AgentSpec:
    words = (args,) if args else ()
    return AgentSpec(type=kind, args=words, restart=restart, protect=protect)  # type: ignore[arg-type]


_agent_specs = [
    _spec(*one)
    for one in product(
        ("", "x"), ("on-failure", "never", "always"), ("demo", "command"), (False, False, True)
    )
]
_host_specs = [HostSpec(), HostSpec(timeout=60), HostSpec(source="/s"), HostSpec(setup="make")]
_teams = [*["auth"] * 8, "-", "other"]

wanted_hosts = st.sampled_from(
    [
        WantedHost(spec, AUTH, external=external)
        for external, spec in product((False, False, False, False, True), _host_specs)
    ]
)
says = st.sampled_from([*_lists(["A", "B", "C", "A!"], 3), ("A", "A"), ("A", "B", "A")])
live_hosts = st.sampled_from(
    [
        (owner(team), spec, unfinished, left, unreachable)
        for unreachable, left, unfinished, spec, team in product(
            (False,) * 7 + (True,), ((), ("mng.a.1",)), ("", "", "setup"), _host_specs, _teams
        )
    ]
)
lives = st.sampled_from(
    [
        (owner(team), state, resumes)
        for team, resumes, state in product(
            _teams, (False, True), [*AgentState, AgentState.WAITING, AgentState.RUNNING]
        )
    ]
)
_settlements: list[Settlement | None] = [None, "send", "accept"]
consents = st.sampled_from(
    [
        Consent(
            frozenset(recreate), frozenset(replace), prune=prune, adopt=adopt, force=force,
            everything=everything, messages=settle,
        )
        for everything, recreate, replace, settle, prune, adopt, force in product(
            (False, False, True), ((), ("a",), ("b", "c"), ("*",)), ((), ("h1",), ("h2",), ("*",)),
            _settlements, (False, True), (False, True), (False, True),
        )
    ]
)  # fmt: skip


def _ledgers() -> list[tuple[Sent, ...]]:
    """Any ledger; a paste without its Enter is only ever the last entry."""
    made = []
    for number, texts in enumerate(_lists(["A", "B", "C", "by hand"], 3)):
        entries = tuple(
            Sent(key(text), SAID[number % 3], "adhoc" if text == "by hand" else "file")
            for text in texts
        )
        made += [entries, entries]
        for index, last in enumerate(entries):
            unsure = dataclasses.replace(last, state=SentState.UNCERTAIN)
            made.append((*entries[:index], unsure, *entries[index + 1 :]))
        if entries:
            made.append((*entries[:-1], dataclasses.replace(entries[-1], state=SentState.BEGUN)))
    return sorted(made, key=len)


ledgers = st.sampled_from(_ledgers())


@st.composite
def wants(draw: st.DrawFn) -> Desired:
    hosts = draw(st.lists(st.sampled_from(HOSTS), min_size=1, unique=True))
    former = list(GONE)
    agents: dict[AgentName, WantedAgent] = {}
    for name in sorted(draw(st.sets(st.sampled_from(AGENTS)))):
        spec = dataclasses.replace(
            draw(st.sampled_from(_agent_specs)), after=draw(_afters([one.name for one in agents]))
        )
        was = former.pop() if former and draw(st.integers(0, 4)) == 1 else None
        agents[AgentName(draw(st.sampled_from(hosts)), name)] = WantedAgent(
            spec, AUTH, messages(draw(says)), was=was
        )
    return Desired({name: draw(wanted_hosts) for name in hosts}, agents, AUTH, FILE)


def _afters(names: list[str]) -> st.SearchStrategy[dict[str, Condition]]:
    one = [{name: condition} for name in names for condition in CONDITIONS]
    two = [{**a, **b} for a, b in zip(one, reversed(one), strict=True)]
    none: list[dict[str, Condition]] = [{}]
    return st.sampled_from(none * (1 + len(one)) + one + two)


@st.composite
def worlds(draw: st.DrawFn, desired: Desired) -> World:
    hosts: dict[HostName, LiveHost] = {}
    agents: dict[AgentName, LiveAgent] = {}
    unreachable: dict[HostName, str] = {}
    for name in sorted(draw(st.sets(st.sampled_from(HOSTS)))):
        who, spec, unfinished, left, lost = draw(live_hosts)
        wanted = desired.hosts.get(name)
        like = wanted.spec if wanted and draw(st.booleans()) else spec
        hosts[name] = LiveHost(
            name, who, like, f"mark-of-{name.name}", unfinished=unfinished, leftovers=left
        )
        unreachable |= {name: "no answer"} if lost else {}
        ended = not lost and draw(st.integers(0, 4)) == 1
        if ended:
            hosts[name] = dataclasses.replace(
                hosts[name], state=HostState.GONE, reason="its time was over", unfinished="",
                leftovers=(), kept=Kept(f"{name.name}/1", "place"),
            )  # fmt: skip
        for agent in sorted(draw(st.sets(st.sampled_from([*AGENTS, *GONE]), max_size=4))):
            live = draw(_live_agent(AgentName(name, agent), desired))
            if lost:
                live = dataclasses.replace(live, state=AgentState.UNKNOWN, reason="no answer")
            if ended and live.alive:
                live = dataclasses.replace(live, state=AgentState.STOPPED, reason="with its host")
            agents[live.name] = live
    foreign = draw(st.integers(0, 9))  # 1: a host, 2: a session, 3: a provider that is silent
    return World(
        hosts, agents, unreachable,
        silent={"modal": "no token"} if foreign == 3 else {},
        foreign_hosts=frozenset(HOSTS if foreign == 1 else []) - set(hosts),
        foreign_agents=frozenset(
            AgentName(name, "a") for name in hosts if foreign == 2
        ) - set(agents),
    )  # fmt: skip


@st.composite
def _live_agent(draw: st.DrawFn, name: AgentName, desired: Desired) -> LiveAgent:
    who, state, resumes = draw(lives)
    wanted = desired.agents.get(name)
    like = draw(st.integers(0, 2)) if wanted else 0
    spec = wanted.spec if wanted and like else draw(st.sampled_from(_agent_specs))
    return LiveAgent(
        name, who, spec, f"{name.name}-1", state, f"is {state}",
        sent=draw(ledgers), resumes=resumes,
    )  # fmt: skip


@st.composite
def cases(draw: st.DrawFn) -> Case:
    desired = draw(wants())
    return Case(desired, draw(worlds(desired)), draw(consents), draw(_scopes(desired)))


@st.composite
def _scopes(draw: st.DrawFn, desired: Desired) -> Scope:
    """The team, or some agents of the file with those that they come after."""
    names = sorted(desired.agents)
    if not names or draw(st.integers(0, 3)) != 1:
        return Scope(AUTH)
    chosen = set(draw(st.lists(st.sampled_from(names), min_size=1)))
    for _ in names:
        needs = {other for name in chosen for other in desired.agents[name].spec.after}
        chosen |= {name for name in names if name.name in needs}
    return Scope(AUTH, frozenset(), frozenset(chosen))
