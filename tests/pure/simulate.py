"""What a plan's steps do to a world, values only; a step that would harm is an error."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import assert_never

from mng.model.action import (
    Action,
    AwaitAgent,
    CreateHost,
    DestroyAgent,
    DestroyHost,
    RecordMessages,
    RenameAgent,
    SendMessage,
    StartAgent,
    Step,
    StopAgent,
    StopHost,
    SweepHost,
    UpdateAgent,
    UpdateHost,
)
from mng.model.name import AgentName, HostName
from mng.model.world import AgentState, HostState, Kept, LiveAgent, LiveHost, Sent, SentState, World

SAID = {SentState.SUBMITTED, SentState.ACCEPTED, SentState.RECORDED}


class Harm(AssertionError):
    """A step that no guard on a host would let pass, or that would do what must never happen."""


def simulate(steps: Iterable[Step], world: World) -> World:
    """The world after these steps, in this order. What starts, and what is told, is at work."""
    scene = _Scene(dict(world.hosts), dict(world.agents))
    for step in steps:
        scene.perform(step.action)
    return dataclasses.replace(world, hosts=scene.hosts, agents=scene.agents)


@dataclasses.dataclass
class _Scene:
    hosts: dict[HostName, LiveHost]
    agents: dict[AgentName, LiveAgent]

    def perform(self, action: Action) -> None:
        match action:
            case CreateHost() | UpdateHost() | SweepHost() | StopHost() | DestroyHost():
                self._on_host(action)
            case StartAgent():
                self._start(action)
            case AwaitAgent(name):
                agent = self._there(name)
                if agent.state is AgentState.STARTING:
                    self.agents[name] = dataclasses.replace(agent, state=AgentState.RUNNING)
            case UpdateAgent(name, incarnation, spec, owner):
                agent = self._meant(name, incarnation)
                self.agents[name] = dataclasses.replace(agent, spec=spec, owner=owner)
            case RenameAgent(name, new, incarnation):
                agent = self._meant(name, incarnation)
                _check(AgentName(name.host, new) not in self.agents, f"{new} is taken")
                del self.agents[name]
                renamed = dataclasses.replace(agent, name=AgentName(name.host, new))
                self.agents[renamed.name] = renamed
            case StopAgent(name, incarnation):
                agent = self._meant(name, incarnation)
                self.agents[name] = dataclasses.replace(agent, state=AgentState.STOPPED)
            case DestroyAgent(name, incarnation):
                # Of what can't be judged, too: the user said so, and its host answers.
                _check(self._there(name).incarnation == incarnation, f"{name} was started anew")
                del self.agents[name]
            case SendMessage():
                self._send(action)
            case RecordMessages(name, incarnation, messages):
                agent = self._meant(name, incarnation)
                for message in messages:
                    agent = _entered(agent, Sent(message.key, SentState.RECORDED, message.origin))
                self.agents[name] = agent
            case _:
                assert_never(action)

    def _on_host(
        self, action: CreateHost | UpdateHost | SweepHost | StopHost | DestroyHost
    ) -> None:
        name = action.name
        host = self.hosts.get(name)
        if isinstance(action, CreateHost):
            if host is None:
                host = LiveHost(name, action.owner, action.spec, f"mark-of-new-{name.name}")
            adopted = host.ended and host.owner.adhoc
            _check(adopted or host.owner.team == action.owner.team, f"{name} is another team's")
            _check(not host.ended or host.kept == action.back, f"what {name} kept is ignored")
            self.hosts[name] = dataclasses.replace(
                host,
                owner=action.owner,
                spec=action.spec,
                unfinished="",
                state=HostState.RUNNING,
                kept=None,
            )
            return
        _check(host is not None and host.mark == action.mark, f"{name} is another host")
        assert host is not None
        _check(not host.ended or isinstance(action, DestroyHost), f"{name} has ended")
        match action:
            case UpdateHost(_, _, spec, owner):
                self.hosts[name] = dataclasses.replace(host, spec=spec, owner=owner)
            case SweepHost():
                self.hosts[name] = dataclasses.replace(host, leftovers=())
            case StopHost():
                alive = [agent for agent in self.agents.values() if agent.name.host == name]
                _check(not any(agent.alive for agent in alive), f"{name} is lived on")
                kept = Kept(f"{name.name}/1", "place")
                self.hosts[name] = dataclasses.replace(
                    host, state=HostState.STOPPED, reason="by mng stop", kept=kept
                )
            case DestroyHost() if host.ended:
                del self.hosts[name]
                self.agents = {k: v for k, v in self.agents.items() if k.host != name}
            case DestroyHost():
                _check(all(agent.host != name for agent in self.agents), f"{name} is lived on")
                del self.hosts[name]
            case _:
                assert_never(action)

    def _start(self, action: StartAgent) -> None:
        name = action.name
        _check(name.host in self.hosts, f"no host for {name}")
        _check(not self.hosts[name.host].ended, f"{name} has no machine")
        before = self.agents.get(name)
        incarnation = before.incarnation if before else None
        _check(incarnation == action.replaces, f"{name} is there")
        carried = {entry.state for entry in action.carried}
        _check(SentState.BEGUN not in carried, "a paste can't be carried")
        _check(action.resume or not carried, "a ledger without its conversation")
        resumes = before.resumes if before else action.spec.type == "demo"
        self.agents[name] = LiveAgent(
            name, action.owner, action.spec, f"{incarnation or name.name}+",
            AgentState.STARTING, "started", sent=action.carried, resumes=resumes,
        )  # fmt: skip

    def _send(self, action: SendMessage) -> None:
        name, message = action.name, action.message
        agent = self._there(name)
        _check(agent.incarnation.endswith("+") or action.incarnation is not None, f"which {name}?")
        _check(action.incarnation in (None, agent.incarnation), f"{name} was started anew")
        _check(agent.alive, f"{name} is dead")
        ledger = {entry.key: entry.state for entry in agent.sent}
        _check(ledger.get(message.key) not in SAID, f"{message.key} was said to {name}")
        pasted = ledger.get(message.key) is SentState.BEGUN
        _check(pasted is action.pasted, f"{message.key} is typed twice")
        standing = [key for key, state in ledger.items() if state is SentState.BEGUN]
        _check(standing in ([], [message.key]), f"{standing} stands in the terminal of {name}")
        _check(bool(message.text) or pasted, "nothing to type")
        told = _entered(agent, Sent(message.key, SentState.SUBMITTED, message.origin))
        self.agents[name] = dataclasses.replace(told, state=AgentState.RUNNING)

    def _there(self, name: AgentName) -> LiveAgent:
        _check(name in self.agents, f"{name} is not there")
        _check(not self.hosts[name.host].ended, f"{name} has no machine")
        return self.agents[name]

    def _meant(self, name: AgentName, incarnation: str) -> LiveAgent:
        agent = self._there(name)
        _check(agent.incarnation == incarnation, f"{name} was started anew")
        _check(agent.state is not AgentState.UNKNOWN, f"{name} is unknown")
        return agent


def _entered(agent: LiveAgent, entry: Sent) -> LiveAgent:
    others = tuple(one for one in agent.sent if one.key != entry.key)
    return dataclasses.replace(agent, sent=(*others, entry))


def _check(fact: bool, otherwise: str) -> None:
    if not fact:
        raise Harm(otherwise)
