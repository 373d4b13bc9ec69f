"""Short words for worlds and wants, so that a test on a plan reads like a sentence.

Everything is of the team `auth` and on the host `h.local` unless it says otherwise. A message is
given by its text, in a ledger too; `said` gives it an id or a `when`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from mng.model.action import Consent, Plan, Scope
from mng.model.name import AgentName, HostName
from mng.model.spec import (
    AgentSpec,
    Desired,
    HostSpec,
    MessageSpec,
    Owner,
    WantedAgent,
    WantedHost,
    When,
    message_keys,
)
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
from mng.reconcile.plan import build_plan
from mng.reconcile.text import rows_text

FILE = "auth.yaml"
AUTH = Owner("auth", FILE)

_REASONS = {
    "STARTING": "drawing its screen", "RUNNING": "at work", "WAITING": "waits for input",
    "BLOCKED": "a trust dialog", "DONE": "ended with 0", "FAILED": "ended with 1",
    "STOPPED": "by mng stop", "UNKNOWN": "no answer",
}  # fmt: skip


def a_host(name: str) -> HostName:
    """`h`, or `h.modal` where the provider matters."""
    host, _, provider = name.partition(".")
    return HostName(provider or "local", host)


def an_agent(name: str) -> AgentName:
    """`a`, or `a@h2`."""
    agent, _, host = name.partition("@")
    return AgentName(a_host(host or "h"), agent)


def owner(team: str) -> Owner:
    return AUTH if team == "auth" else Owner(team, "" if team == "-" else f"{team}.yaml")


def host(
    name: str = "h", *, team: str = "auth", unfinished: str = "",
    leftovers: Iterable[str] = (), expires: int | None = None, ended: str = "", **spec: Any,
) -> LiveHost:  # fmt: skip
    """A live host, or one that has `ended`; what is left over are fields of its spec."""
    return LiveHost(
        a_host(name), owner(team), HostSpec(**spec), f"mark-of-{name}",
        HostState.GONE if ended else HostState.RUNNING, ended, expires=expires,
        unfinished=unfinished, leftovers=tuple(leftovers),
        kept=Kept(f"{a_host(name).name}/20300101T000000Z", "place") if ended else None,
    )  # fmt: skip


def agent(
    name: str = "a", *, sent: Sequence[str | Sent] = (), state: str = "WAITING",
    team: str = "auth", resumes: bool = False, reason: str = "", **spec: Any,
) -> LiveAgent:  # fmt: skip
    """A live agent; `sent` is its ledger, and what is left over are fields of its spec."""
    whole = {"type": "demo", **spec}
    return LiveAgent(
        an_agent(name), owner(team), AgentSpec(**whole), f"{name}-1", AgentState(state),
        reason or _REASONS[state], sent=ledger(sent), resumes=resumes,
    )  # fmt: skip


def ledger(sent: Sequence[str | Sent]) -> tuple[Sent, ...]:
    keys = iter(message_keys((None, one) for one in sent if isinstance(one, str)))
    return tuple(
        Sent(next(keys), SentState.SUBMITTED) if isinstance(one, str) else one for one in sent
    )


def key(text: str) -> str:
    return message_keys([(None, text)])[0]


def begun(text: str) -> Sent:
    """Pasted, and the Enter is missing."""
    return Sent(key(text), SentState.BEGUN)


def uncertain(text: str) -> Sent:
    return Sent(key(text), SentState.UNCERTAIN)


def by_hand(id_: str) -> Sent:
    """What `mng message` sent."""
    return Sent(id_, SentState.SUBMITTED, "adhoc")


def a_world(
    *things: LiveHost | LiveAgent, unreachable: Mapping[str, str] | None = None,
    silent: Mapping[str, str] | None = None, foreign: Iterable[str] = (),
    foreign_hosts: Iterable[str] = (), unsaved: Mapping[str, str] | None = None,
    lost: Mapping[str, str] | None = None,
) -> World:  # fmt: skip
    """These things, with a plain host for each agent that names none of them."""
    hosts = {thing.name: thing for thing in things if isinstance(thing, LiveHost)}
    agents = {thing.name: thing for thing in things if isinstance(thing, LiveAgent)}
    homes = {name.host for name in [*agents, *map(an_agent, foreign)]}
    plain = {name: LiveHost(name, AUTH, HostSpec(), f"mark-of-{name.name}") for name in homes}
    return World(
        hosts={**plain, **hosts},
        agents=agents,
        unreachable={a_host(name): why for name, why in (unreachable or {}).items()},
        silent=silent or {},
        foreign_hosts=frozenset(map(a_host, foreign_hosts)),
        foreign_agents=frozenset(map(an_agent, foreign)),
        unsaved={a_host(name): words for name, words in (unsaved or {}).items()},
        lost={a_host(name): why for name, why in (lost or {}).items()},
    )


def said(text: str, *, id_: str | None = None, when: When | None = None) -> MessageSpec:
    """A message with more than its text."""
    return MessageSpec(id_ or key(text), text, when)


Wanted = tuple[HostName, WantedHost] | tuple[AgentName, WantedAgent]


def want_host(
    name: str = "h", *, external: bool = False, at: str = "", **spec: Any
) -> tuple[HostName, WantedHost]:
    return a_host(name), WantedHost(HostSpec(**spec), AUTH, at, external)


def want(
    name: str = "a", *, says: Sequence[str | MessageSpec] = (), was: str | None = None,
    at: str = "", **spec: Any,
) -> tuple[AgentName, WantedAgent]:  # fmt: skip
    """An agent of the file; what is left over are fields of its spec."""
    whole = {"type": "demo", **spec}
    return an_agent(name), WantedAgent(AgentSpec(**whole), AUTH, messages(says), at, was)


def messages(says: Sequence[str | MessageSpec]) -> tuple[MessageSpec, ...]:
    """As the file gives them: each with its line, the same text twice as two messages."""
    keys = iter(message_keys((None, one) for one in says if isinstance(one, str)))
    whole = [MessageSpec(next(keys), one) if isinstance(one, str) else one for one in says]
    return tuple(
        MessageSpec(one.key, one.text, one.when, one.origin, f"{FILE}:{line}")
        for line, one in enumerate(whole, 1)
    )


def wants(*things: Wanted) -> Desired:
    """A file with these things, and a plain host for each agent that names none of them."""
    hosts = {name: thing for name, thing in things if isinstance(thing, WantedHost)}
    agents = {name: thing for name, thing in things if isinstance(thing, WantedAgent)}
    named = [name.host for name, _ in things if isinstance(name, AgentName)]
    plain = {name: WantedHost(HostSpec(), AUTH) for name in named}
    wanted_hosts = {name: thing for name, thing in hosts.items() if isinstance(name, HostName)}
    wanted_agents = {name: thing for name, thing in agents.items() if isinstance(name, AgentName)}
    return Desired({**plain, **wanted_hosts}, wanted_agents, AUTH, FILE)


def planned(
    desired: Desired, world: World, *, only: Iterable[str] | None = None,
    recreate: Iterable[str] = (), replace_host: Iterable[str] = (),
    messages: Literal["send", "accept"] | None = None, **consent: Any,
) -> Plan:  # fmt: skip
    """The plan of `up` with these consents; `only`: the agents that were named."""
    agents = None if only is None else frozenset(map(an_agent, only))
    scope = Scope(AUTH, None if only is None else frozenset(), agents)
    agreed = Consent(
        recreate=frozenset(recreate), replace_host=frozenset(replace_host), messages=messages,
        **consent,
    )  # fmt: skip
    return build_plan(desired, world, agreed, scope)


def rows(desired: Desired, world: World, **how: Any) -> list[str]:
    """The plan's rows as text, one blank between words."""
    return rows_text(planned(desired, world, **how)).splitlines()
