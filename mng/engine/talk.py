"""Waiting for an agent, and saying something to it."""

from __future__ import annotations

import time

from mng.agents import remote
from mng.agents.kind import QUEUES, find_kind
from mng.engine.context import Context
from mng.errors import AgentError, HostError, MngError
from mng.model.action import AwaitAgent, SendMessage
from mng.model.event import Outcome, Result
from mng.model.name import AgentName
from mng.model.world import AgentState, LiveAgent, SentState

_SAID = {SentState.SUBMITTED, SentState.ACCEPTED, SentState.RECORDED}
_BLINK = 2.0  # seconds for which an agent may look blocked by what is just being sent
_TAIL = 50  # lines in which its last words are looked for
_SETTLE = 5.0  # seconds that `up` gives a turn to end before a message stays pending


def await_agent(action: AwaitAgent, context: Context) -> Outcome:
    """Wait until an agent is ready, or, if nobody has to talk to it, until it is clearly alive."""
    name = action.name
    began = time.monotonic()

    def met(agent: LiveAgent) -> bool:
        if not agent.alive or agent.state is not AgentState.STARTING:
            return not _may_pass(agent, began)
        patience = find_kind(agent.spec.type).patience(agent.spec)
        waived = action.condition == "started" and patience is not None
        return waived and time.monotonic() - began > (patience or 0.0)

    agent = context.watch(name.host).wait(name.name, met, context.ready_timeout)
    if agent is None:
        raise AgentError(f"{name} is gone", hint="mng up")
    _check_alive(agent, context)
    if agent.state is AgentState.BLOCKED:
        return Outcome(Result.HELD, f"blocked: {agent.reason}")
    if agent.state is AgentState.STARTING and not met(agent):
        return Outcome(Result.PENDING, f"not ready yet: {agent.reason}")
    return Outcome(Result.DONE, agent.reason)


def _may_pass(agent: LiveAgent, began: float) -> bool:
    return agent.state is AgentState.BLOCKED and time.monotonic() - began < _BLINK


def _check_alive(agent: LiveAgent, context: Context) -> None:
    """An agent that has failed is told with the last lines that it printed."""
    if agent.state is not AgentState.FAILED:
        return
    said, began = _printed(agent, context), time.monotonic()
    while not said and time.monotonic() - began < _BLINK:
        time.sleep(0.1)  # tmux may still have to read what a process wrote before it ended
        said = _printed(agent, context)
    tail = "".join(f"\n    | {line}" for line in said)
    raise AgentError(f"{agent.name} {agent.reason}{tail}", hint=f"mng logs {agent.name}")


def _printed(agent: LiveAgent, context: Context) -> list[str]:
    try:
        printed = remote.logs(context.machine(agent.name.host), agent.name, _TAIL)
    except MngError:
        return []
    return [line for line in printed if line.strip()][-5:]


def send(action: SendMessage, context: Context) -> Outcome:
    """Wait until a key may be sent, then deliver once."""
    name = action.name
    incarnation = action.incarnation or context.incarnations[name]
    agent = _ready(action, context)
    if agent is None or (agent.incarnation != incarnation and action.incarnation is not None):
        raise AgentError(f"{name} is gone, or was started anew", hint="run it again")
    _check_alive(agent, context)
    kind = find_kind(agent.spec.type)
    if any(sent.key == action.message.key and sent.state in _SAID for sent in agent.sent):
        return Outcome(Result.ALREADY, "already delivered")
    if not agent.alive:
        return Outcome(Result.HELD, f"{agent.reason} before it was said")
    if agent.state is AgentState.BLOCKED:
        return Outcome(Result.HELD, f"blocked: {agent.reason}")
    if agent.state is AgentState.STARTING:
        return Outcome(Result.PENDING, f"not ready yet: {agent.reason}")
    if not _may_type(action, agent):
        return Outcome(Result.PENDING, f"waits until it is idle: {agent.reason}")
    busy = agent.state is AgentState.RUNNING
    # A program takes a command without a word, and what it has queued only when it is idle.
    proof = 0 if action.message.command else min(kind.proof, QUEUES) if busy else kind.proof
    watch = context.watch(name.host)
    watch.forget(name.name)
    with context.slot():
        said_so = remote.deliver(
            context.machine(name.host), name, agent.incarnation, action.message, kind,
            pasted=action.pasted, proof=proof,
        )  # fmt: skip
    if said_so == "dialog":
        return Outcome(Result.HELD, f"blocked: {_dialog(name, context)}")
    return _outcome("queued" if busy and kind.proof and said_so == "submitted" else said_so, name)


def _dialog(name: AgentName, context: Context) -> str:
    """What stands in the composer's place."""
    agent = context.watch(name.host).wait(
        name.name, lambda agent: agent.state is AgentState.BLOCKED, _BLINK
    )
    blocked = agent is not None and agent.state is AgentState.BLOCKED
    return agent.reason if agent and blocked else "its composer is not on its screen"


def _may_type(action: SendMessage, agent: LiveAgent) -> bool:
    """It waits for input, or it works and its kind queues what is typed meanwhile."""
    if agent.state is AgentState.WAITING:
        return True
    queues = find_kind(agent.spec.type).queues
    return agent.state is AgentState.RUNNING and queues and action.wait == "ready"


def _ready(action: SendMessage, context: Context) -> LiveAgent | None:
    name = action.name
    began = time.monotonic()
    watch = context.watch(name.host)

    def may(agent: LiveAgent) -> bool:
        # What was typed a moment ago has to show before quiet means idle.
        settled = time.monotonic() - began >= find_kind(agent.spec.type).settles
        return (
            not agent.alive
            or (agent.state is AgentState.BLOCKED and not _may_pass(agent, began))
            or (_may_type(action, agent) and (settled or action.pasted))
        )

    def started(agent: LiveAgent) -> bool:
        return agent.state is not AgentState.STARTING

    agent = watch.wait(name.name, started, context.ready_timeout)
    if agent is None or not started(agent) or may(agent):
        return agent
    # Work before the first message is a start that takes long, and no turn.
    return watch.wait(name.name, may, _SETTLE if agent.sent else context.ready_timeout)


def _outcome(said: str, name: AgentName) -> Outcome:
    match said:
        case "accepted" | "submitted" | "queued":
            return Outcome(Result.DONE, said)
        case "already":
            return Outcome(Result.ALREADY, "already delivered")
        case "mode":
            return Outcome(Result.HELD, "blocked: someone reads its scrollback (copy mode)")
        case "draft":
            return Outcome(Result.HELD, "blocked: someone's half-typed text stands there")
        case "behind":
            return Outcome(Result.HELD, "blocked: someone typed behind it, and has not sent it")
        case "long":
            return Outcome(Result.HELD, "its terminal takes no line of more than 4095 bytes")
        case "unsent":
            return Outcome(Result.HELD, "blocked: it stands in the composer and Enter sends it not")
        case "uncertain":
            return Outcome(Result.HELD, "uncertain: it was pasted and is not in the composer")
        case "ended":
            return Outcome(Result.HELD, "it ended before the message was submitted")
        case "gone":
            raise AgentError(f"{name} is gone, or was started anew", hint="run it again")
        case "torn":
            raise HostError("the connection broke while the text was sent; nothing was typed")
        case _:
            raise HostError(f"delivery to {name} said {said!r}")
