"""One agent's part of the plan: its process, its recorded spec, its messages."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from mng.model.action import (
    AwaitAgent,
    DestroyAgent,
    Held,
    RecordMessages,
    RenameAgent,
    SendMessage,
    StartAgent,
    StopAgent,
    UpdateAgent,
)  # fmt: skip
from mng.model.name import AgentName
from mng.model.spec import Change, Condition, Desired, MessageSpec, WantedAgent, message_name
from mng.model.world import AgentState, LiveAgent, Sent, SentState
from mng.reconcile.builder import PASTED, Builder, count, not_owned
from mng.reconcile.drift import Drift, classes, drift, in_words
from mng.reconcile.messages import Verdict, settle


def by_need(desired: Desired, names: Iterable[AgentName]) -> list[AgentName]:
    """The names, each behind the ones that it comes `after`; else by name."""
    left, order = sorted(names), []
    while left:
        chosen = set(left)
        free = [name for name in left if not chosen & set(_needs(desired, name))] or left
        order += free
        left = [name for name in left if name not in free]
    return order


def _needs(desired: Desired, name: AgentName) -> dict[AgentName, Condition]:
    after = desired.agents[name].spec.after
    return {other: after[other.name] for other in sorted(desired.agents) if other.name in after}


def cost_of_end(live: LiveAgent) -> str:
    """What is lost when an agent's process ends."""
    if not live.alive:
        return ""
    return f"ends the {'conversation' if live.resumes else 'running process'}"


def plan_end(builder: Builder, agent: LiveAgent, because: str) -> int:
    return builder.add(DestroyAgent(agent.name, agent.incarnation), because)


def plan_agent(builder: Builder, name: AgentName, wanted: WantedAgent) -> None:
    """Append the rows of one agent that is wanted."""
    world = builder.world
    if name.host in builder.closed:
        if world.unknown(name.host):
            builder.doubt(name, builder.closed[name.host])
        else:
            builder.pend(name, builder.closed[name.host], stuck=True)
        return
    live = builder.live(name)
    old = _former(builder, name, wanted) if live is None else None
    if name in world.foreign_agents and name.host not in builder.replaced:
        builder.refuse(name, "a session of that name has no mark of mng", "choose another name")
    elif here := live or old:
        if here.state is AgentState.UNKNOWN:
            builder.doubt(name, here.reason)
        elif old:
            _rename(builder, name, wanted, old)
        elif _may_manage(builder, here, wanted):
            _converge(builder, here, wanted)
    else:
        _start_new(builder, name, wanted)


def _former(builder: Builder, name: AgentName, wanted: WantedAgent) -> LiveAgent | None:
    """The agent that is to get this name, if it is there and wanted under no other."""
    if not wanted.was:
        return None
    old = AgentName(name.host, wanted.was)
    taken = old in builder.desired.agents or old in builder.former.values()
    return None if taken else builder.live(old)


def _start_new(builder: Builder, name: AgentName, wanted: WantedAgent) -> None:
    gates = _gates(builder, name)
    if isinstance(gates, str):
        more = f", with {count(len(wanted.messages), 'message')}" if wanted.messages else ""
        builder.pend(name, gates + more, wanted.at)
        return
    start = StartAgent(name, wanted.spec, wanted.owner)
    _start(builder, start, _why_new(builder, name, wanted), gates, wanted)


def _why_new(builder: Builder, name: AgentName, wanted: WantedAgent) -> str:
    """`not found`, with the hint of a rename where one agent of the same spec has left the file."""
    if name.host in builder.replaced:
        return "its host is replaced"
    twins = [
        live.name.name
        for other, live in sorted(builder.world.agents.items())
        if other.host == name.host
        and other not in builder.desired.agents
        and live.alive
        and wanted.owner.owns(live.owner)
        and live.spec == wanted.spec
    ]
    return f"not found (renamed? say `was: {twins[0]}`)" if len(twins) == 1 else "not found"


def _start(
    builder: Builder, start: StartAgent, because: str, after: Iterable[int | None],
    wanted: WantedAgent,
) -> None:  # fmt: skip
    name = start.name
    number = builder.add(start, because, [builder.made.get(name.host), *after], wanted.at)
    builder.started[name] = number
    _plan_messages(builder, name, wanted, start.carried, None, number)
    if name not in builder.talked:
        _await(builder, name, "started")


def _gates(builder: Builder, name: AgentName) -> list[int | None] | str:
    """The steps that must come before an agent's first start, or why it can't start yet."""
    gates: list[int | None] = []
    for other, condition in _needs(builder.desired, name).items():
        met = _gate(builder, other, condition)
        if met is False:
            return f"waits for {other.name}: {condition}"
        gates.append(None if met is True else met)
    return gates


def _gate(builder: Builder, other: AgentName, condition: Condition) -> bool | int:
    """True: met. A number: met after that step. False: not within this plan."""
    live, starting = builder.live(other), builder.started.get(other)
    if condition == "started":
        return starting or live is not None
    if condition == "ready":
        if starting or (live and live.state is AgentState.STARTING):
            return _await(builder, other, "ready")
        return live is not None and (live.alive or live.state is AgentState.DONE)
    if starting or live is None:
        return False
    if condition == "idle":
        said_all = other not in builder.talked
        return live.state is AgentState.DONE or (live.state is AgentState.WAITING and said_all)
    return live.state is AgentState.DONE


def _await(builder: Builder, name: AgentName, condition: Condition) -> int:
    key = (name, condition)
    if key not in builder.awaited:
        after = [_before(builder, name), *builder.talked.get(name, [])[:1]]
        builder.awaited[key] = builder.add(AwaitAgent(name, condition), "", after)
    return builder.awaited[key]


def _before(builder: Builder, name: AgentName) -> int | None:
    """The step that must come before any other of this agent."""
    back = builder.back.get(name.host)
    return builder.started.get(name) or builder.renamed.get(name) or back


def _rename(builder: Builder, name: AgentName, wanted: WantedAgent, old: LiveAgent) -> None:
    if not wanted.owner.owns(old.owner):
        builder.refuse(name, f"{old.name} is not this team's, so it can't be renamed")
        return
    rename = RenameAgent(old.name, name.name, old.incarnation)
    because, after = f"renamed from {old.name.name}", [builder.back.get(name.host)]
    builder.renamed[name] = builder.add(rename, because, after, wanted.at)
    builder.former[name] = old.name
    _converge(builder, dataclasses.replace(old, name=name), wanted)


def _may_manage(builder: Builder, live: LiveAgent, wanted: WantedAgent) -> bool:
    if wanted.owner.owns(live.owner):
        return True
    if not live.owner.adhoc:
        builder.refuse(live.name, *not_owned(live.owner, wanted.owner, "choose another name"))
        return False
    if builder.consent.adopt or builder.consent.everything:
        return True
    builder.hold(Held("!", live.name, "made by hand, not by this file", "--adopt"))
    return False


def _converge(builder: Builder, live: LiveAgent, wanted: WantedAgent) -> None:
    name, consent = live.name, builder.consent
    if wanted.stopped:
        if live.alive:
            builder.add(StopAgent(name, live.incarnation), "asked for", [_before(builder, name)])
        return
    drifts = drift(live.spec, wanted.spec)
    hard = in_words(drifts, Change.RESTART, Change.REPLACE)
    if hard and live.alive and not builder.consents(consent.recreate, name.name):
        builder.hold(Held("!", name, hard, f"--recreate {name.name}", cost_of_end(live)))
        _plan_messages(builder, name, wanted, live.sent, live, _before(builder, name))
    elif hard:
        _restart(builder, live, wanted, hard, resume=False)
    elif because := _why_restart(builder, live, wanted):
        _restart(builder, live, wanted, because, resume=live.resumes)
    else:
        _keep(builder, live, wanted, drifts)


def _why_restart(builder: Builder, live: LiveAgent, wanted: WantedAgent) -> str:
    """Why the agent is to be started again though its spec says the same, or "".

    What runs is never restarted for a consent: that would make each `up` with it do so again.
    """
    policy = wanted.spec.restart
    asked = live.name.name in builder.consent.recreate or "*" in builder.consent.recreate
    match live.state:
        case AgentState.STOPPED:
            return f"stopped {live.reason}".strip()
        case AgentState.FAILED if policy != "never" or asked:
            return live.reason
        case AgentState.DONE if policy == "always" or asked:
            return live.reason
        case AgentState.DONE if live.resumes and _settle(builder, wanted, live.sent).send:
            return "resumed for a new message"
        case _:
            return ""


def _restart(
    builder: Builder, live: LiveAgent, wanted: WantedAgent, because: str, *, resume: bool
) -> None:
    carried = carry(live.sent) if resume else ()
    taken = {message.key: message for message in _settle(builder, wanted, carried).record}
    carried = tuple(entry for entry in carried if entry.key not in taken)
    carried += tuple(Sent(key, SentState.RECORDED, one.origin) for key, one in taken.items())
    start = StartAgent(
        live.name, wanted.spec, wanted.owner, live.incarnation, resume=resume, carried=carried
    )
    _start(builder, start, because, [_before(builder, live.name)], wanted)


def _settle(builder: Builder, wanted: WantedAgent, sent: tuple[Sent, ...]) -> Verdict:
    return settle(wanted.messages, sent, builder.consent.messages)


def carry(sent: Iterable[Sent]) -> tuple[Sent, ...]:
    """The ledger that a resumed conversation keeps.

    A text that was pasted into a process that has ended, without Enter, was never said. One by
    hand stays to be seen: no file says it again.
    """
    return tuple(
        dataclasses.replace(entry, state=SentState.UNCERTAIN)
        if entry.state is SentState.BEGUN
        else entry
        for entry in sent
        if entry.state is not SentState.BEGUN or entry.origin != "file"
    )


def _keep(
    builder: Builder, live: LiveAgent, wanted: WantedAgent, drifts: tuple[Drift, ...]
) -> None:
    """The process stays as it is; its record and its messages follow."""
    before = _before(builder, live.name)
    if Change.IN_PLACE in classes(drifts) or not wanted.owner.owns(live.owner):
        words = in_words(drifts, Change.IN_PLACE) or "adopted"
        update = UpdateAgent(live.name, live.incarnation, wanted.spec, wanted.owner)
        builder.add(update, words, [before], wanted.at)
    if live.state is AgentState.FAILED:
        builder.note(live.name, f"{live.reason}; restart: {wanted.spec.restart}")
    _plan_messages(builder, live.name, wanted, live.sent, live, before)


def _plan_messages(
    builder: Builder, name: AgentName, wanted: WantedAgent, sent: tuple[Sent, ...],
    live: LiveAgent | None, previous: int | None,
) -> None:  # fmt: skip
    """live: the agent that is to get them, None for one that this plan starts."""
    verdict = _settle(builder, wanted, sent)
    place = {message.key: number for number, message in enumerate(wanted.messages, 1)}
    incarnation = live.incarnation if live else None
    if live and not live.alive:
        verdict = _of_the_dead(builder, live, verdict)
    for message in verdict.finish:
        words = f"{_quote(message, place)}{PASTED}"
        send = SendMessage(name, message, incarnation, pasted=True)
        previous = _talk(builder, name, send, words, previous)
    for message in verdict.send:
        first = place.get(message.key) == 1
        wait = "ready" if (message.when or ("now" if first else "idle")) == "now" else "idle"
        send = SendMessage(name, message, incarnation, wait=wait)  # type: ignore[arg-type]
        previous = _talk(builder, name, send, _quote(message, place), previous)
    if verdict.record and incarnation:
        quotes = ", ".join(_quote(message, place) for message in verdict.record)
        words = f"{quotes} recorded as delivered"
        builder.add(RecordMessages(name, incarnation, verdict.record), words, [previous])
    for message, why in verdict.held:
        flag = "--messages send | --messages accept"
        builder.hold(Held(">", name, f"{_quote(message, place)} {why}", flag))


def _of_the_dead(builder: Builder, live: LiveAgent, verdict: Verdict) -> Verdict:
    """What can be done with the messages of an agent that has ended and is not started again."""
    unsaid = len(verdict.send) + (0 if live.resumes else len(verdict.held))
    if unsaid:
        because = f"{live.reason}, and {count(unsaid, 'message')} not said"
        loses = "" if live.resumes else "says all its messages again"
        builder.hold(Held(">", live.name, because, f"--recreate {live.name.name}", loses))
    return Verdict(record=verdict.record, held=verdict.held if live.resumes else ())


def _talk(
    builder: Builder, name: AgentName, send: SendMessage, words: str, previous: int | None
) -> int:
    number = builder.add(send, words, [previous], send.message.at)
    builder.talked.setdefault(name, []).append(number)
    return number


def _quote(message: MessageSpec, place: dict[str, int]) -> str:
    """`message 2 "the first words..."`."""
    text = " ".join(message.text.split())
    text = text if len(text) <= 28 else text[:25] + "..."
    number = f" {place[message.key]}" if message.key in place and message.at else ""
    return f'message{number} "{text}"' if text else f"message {message_name(message.key)}"
