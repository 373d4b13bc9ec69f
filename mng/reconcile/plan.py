"""The plan: hosts first, then agents with their messages, destruction last."""

from __future__ import annotations

import dataclasses

from mng.model.action import (
    Consent,
    CreateHost,
    DestroyAgent,
    DestroyHost,
    Held,
    Plan,
    Scope,
    StopAgent,
    StopHost,
    SweepHost,
    UpdateHost,
)  # fmt: skip
from mng.model.name import AgentName, HostName
from mng.model.spec import Change, Desired, HostSpec, WantedHost
from mng.model.world import LiveAgent, LiveHost, World
from mng.reconcile.agents import by_need, cost_of_end, plan_agent, plan_end
from mng.reconcile.builder import Builder, count, not_owned
from mng.reconcile.drift import Drift, drift, in_words

_EASY = {"setup", "env", "timeout", "idle_timeout"}


def build_plan(
    desired: Desired, world: World, consent: Consent = Consent(), scope: Scope = Scope()
) -> Plan:
    """What to do so that the world becomes what is desired, within the scope, as consented."""
    scope = _with_former(desired, scope)
    builder = Builder(desired, world, consent, scope)
    wanted_hosts = {name for name in desired.hosts if scope.has_host(name)}
    wanted_agents = [name for name in desired.agents if scope.has_agent(name)]
    wanted_hosts |= {name.host for name in wanted_agents}
    for host in sorted(wanted_hosts):
        _plan_host(builder, host, desired.hosts[host])
    for agent in by_need(desired, wanted_agents):
        plan_agent(builder, agent, desired.agents[agent])
    for host in sorted(wanted_hosts):
        _plan_stop(builder, host, desired.hosts[host])
    _plan_ends(builder)
    return builder.plan()


def _with_former(desired: Desired, scope: Scope) -> Scope:
    """Who may touch an agent may touch it under the name that it is to lose."""
    if scope.agents is None:
        return scope
    former = {
        AgentName(name.host, wanted.was)
        for name, wanted in desired.agents.items()
        if name in scope.agents and wanted.was
    }
    return dataclasses.replace(scope, agents=scope.agents | former)


def _plan_host(builder: Builder, name: HostName, wanted: WantedHost) -> None:
    live = builder.world.hosts.get(name)
    if why := builder.world.unknown(name):
        builder.closed[name] = why
        builder.doubt(name, why)
    elif name in builder.world.foreign_hosts:
        builder.closed[name] = "the host is not mng's"
        builder.refuse(name, "something of that name has no mark of mng", "choose another name")
    elif live is None:
        if wanted.external:
            builder.closed[name] = "the host is external and not there"
            builder.refuse(name, "external, and not there", "bring up the team that owns it")
        else:
            create = CreateHost(name, wanted.spec, wanted.owner)
            because = builder.world.lost.get(name, "not found")
            builder.made[name] = builder.add(create, because, at=wanted.at)
    elif live.ended:
        _plan_ended(builder, live, wanted)
    elif not wanted.external and _may_manage_host(builder, live, wanted):
        _converge_host(builder, live, wanted)
    if live and live.leftovers and not wanted.external and not _leaves(builder, name):
        sweep = SweepHost(name, live.mark, live.leftovers)
        builder.add(sweep, f"{count(len(live.leftovers), 'buffer')} of an interrupted mng")


def _plan_ended(builder: Builder, live: LiveHost, wanted: WantedHost) -> None:
    """Bring back a host that has ended, if anything is to run there; else leave it as it is."""
    name, scope = live.name, builder.scope
    called = scope.has_host(name) and not wanted.stopped
    called = called or any(
        agent.host == name and scope.has_agent(agent) and not one.stopped
        for agent, one in builder.desired.agents.items()
    )
    if not called:
        return
    if wanted.external:
        builder.closed[name] = f"the host is external, and {live.reason}"
        builder.refuse(name, f"external, and {live.reason}", "bring up the team that owns it")
    elif _may_manage_host(builder, live, wanted):
        _bring_back(builder, live, wanted)


def _bring_back(builder: Builder, live: LiveHost, wanted: WantedHost) -> None:
    """As it was, where the user has to agree to what differs."""
    drifts = drift(live.spec, wanted.spec, provider=live.name.provider)
    spec, kept = wanted.spec, live.kept
    if words := in_words(drifts, Change.REPLACE):
        held = _why_not_replaced(builder, live, builder.world.agents_on(live.name), words)
        if held is None:
            _replace_host(builder, live, wanted, words)
            return
        builder.hold(held)
        spec = live.spec
    assert kept is not None
    because = f"{live.reason}; restored from {kept.name}"
    create = CreateHost(live.name, spec, wanted.owner, kept)
    number = builder.add(create, because, at=wanted.at)
    builder.made[live.name] = builder.back[live.name] = number


def _plan_stop(builder: Builder, name: HostName, wanted: WantedHost) -> None:
    """Only a machine that would be lost at its deadline has all that brings it back elsewhere."""
    live = builder.world.hosts.get(name)
    if not wanted.stopped or live is None or live.ended or live.expires is None:
        return
    ends = [
        step.number
        for step in builder.plan().steps
        if isinstance(step.action, StopAgent) and step.action.name.host == name
    ]
    builder.add(StopHost(name, live.mark, live.spec), "asked for", ends)


def _leaves(builder: Builder, name: HostName) -> bool:
    return name in builder.closed or name in builder.replaced


def _may_manage_host(builder: Builder, live: LiveHost, wanted: WantedHost) -> bool:
    if wanted.owner.owns(live.owner):
        return True
    if not live.owner.adhoc:
        way = "say `external: true` to put agents on it"
        builder.refuse(live.name, *not_owned(live.owner, wanted.owner, way))
    elif builder.consent.adopt or builder.consent.everything:
        return True
    else:
        builder.hold(Held("!", live.name, "made by hand, not by this file", "--adopt"))
    builder.closed[live.name] = "the host is not this team's"
    return False


def _converge_host(builder: Builder, live: LiveHost, wanted: WantedHost) -> None:
    # How its tree came to be is the host's to say, and still counts where that is not finished.
    name, spec = live.name, dataclasses.replace(wanted.spec, restored=live.spec.restored)
    drifts = _as_it_costs(drift(live.spec, spec, provider=name.provider), live, spec)
    hard = {one.field for one in drifts if one.change is Change.REPLACE}
    # One that is to be stopped is not opened for that.
    easy = bool(live.unfinished) and hard <= _easy(live) and not wanted.stopped
    # Who asks for another host gets it, though the end of this one was interrupted.
    if hard and (not easy or name.name in builder.consent.replace_host):
        _replace_host(builder, live, wanted, in_words(drifts, Change.REPLACE))
        return
    adopted = not wanted.owner.owns(live.owner)
    if adopted or (drifts and not easy):
        words = in_words(drifts, Change.IN_PLACE) or "adopted"
        update = UpdateHost(name, live.mark, spec, wanted.owner)
        builder.made[name] = builder.add(update, words, at=wanted.at)
    if easy:
        finish = CreateHost(name, spec, wanted.owner)
        because = f"unfinished: {live.unfinished}"
        builder.made[name] = builder.add(finish, because, [builder.made.get(name)], wanted.at)


def _as_it_costs(drifts: tuple[Drift, ...], live: LiveHost, wanted: HostSpec) -> tuple[Drift, ...]:
    """A machine with a deadline got it when it was made, and nothing moves it any more."""
    if live.expires is None or wanted.timeout == live.expires - live.created:
        return drifts
    return tuple(
        dataclasses.replace(one, change=Change.REPLACE) if one.field == "timeout" else one
        for one in drifts
    )


def _easy(live: LiveHost) -> set[str]:
    """What may change while a host is being made."""
    return _EASY if live.expires is None else _EASY - {"timeout"}


def _replace_host(builder: Builder, live: LiveHost, wanted: WantedHost, words: str) -> None:
    """Save, destroy, create; its agents follow as new ones."""
    agents = builder.world.agents_on(live.name)
    if held := _why_not_replaced(builder, live, agents, words):
        builder.hold(held)
        if live.unfinished:
            builder.closed[live.name] = f"the host is unfinished: {live.unfinished}"
        return  # its agents go on as they are: the old host serves them until it is replaced
    because = "its host is replaced"
    ended = [] if live.ended else [plan_end(builder, agent, because) for agent in agents]
    end = _end_host(builder, live)
    gone = builder.add(end, f"replaced: {words}", ended, wanted.at)
    create = CreateHost(live.name, wanted.spec, wanted.owner)
    builder.made[live.name] = builder.add(create, f"replaced: {words}", [gone], wanted.at)
    builder.replaced.add(live.name)


def _why_not_replaced(
    builder: Builder, live: LiveHost, agents: list[LiveAgent], words: str
) -> Held | None:
    others = [agent for agent in agents if not (_ours(builder, agent) or _to_adopt(builder, agent))]
    if others:
        return _held_by_others("!", live, others)
    loses = _loses(builder, live, agents)
    if not builder.consents(builder.consent.replace_host, live.name.name):
        return Held("!", live.name, words, f"--replace-host {live.name.name}", loses)
    safe = [agent.name.name for agent in agents if _protected(builder, agent)]
    if safe and not builder.consent.force:
        return Held("!", live.name, f"{words}; protected: {', '.join(safe)}", "--force", loses)
    return None


def _protected(builder: Builder, agent: LiveAgent) -> bool:
    """As the want says: what it has just taken back would be no reason at the next `up`."""
    wanted = builder.desired.agents.get(agent.name)
    return (wanted or agent).spec.protect


def _plan_ends(builder: Builder) -> None:
    """What the want has no more: planned last of all, after all else has succeeded."""
    before = builder.everything_so_far()
    doomed = [host for host in _surplus_hosts(builder) if host.name not in builder.closed]
    homes = {host.name for host in doomed}
    kept: set[HostName] = set()
    ends: dict[HostName, list[int]] = {}
    for agent in _surplus_agents(builder):
        if agent.name.host in builder.replaced:
            continue
        number = _plan_removal(builder, agent, before)
        if number:
            ends.setdefault(agent.name.host, []).append(number)
        elif number is None and agent.name.host in homes:
            kept.add(agent.name.host)
    for host in doomed:
        _plan_host_removal(builder, host, (*before, *ends.get(host.name, [])), host.name in kept)


def _plan_removal(builder: Builder, agent: LiveAgent, before: tuple[int, ...]) -> int | None:
    """The step that ends an agent; 0 if it needs none, None if it stays."""
    because, home = _missing(builder), builder.world.hosts.get(agent.name.host)
    if agent.spec.protect and not builder.consent.force:
        builder.hold(Held("-", agent.name, f"{because}; protected", "--force"))
    elif builder.world.unknown(agent.name.host):
        builder.doubt(agent.name, builder.world.unknown(agent.name.host))
    elif home and home.ended and home.name not in builder.back:
        if home in _surplus_hosts(builder):
            return 0  # it goes with its host
        way = f"mng start {home.name}   or   mng destroy {home.name}"
        builder.refuse(agent.name, f"its host has ended: {home.reason}", way)
    elif builder.consent.prune or builder.consent.everything:
        return builder.add(DestroyAgent(agent.name, agent.incarnation), because, before)
    else:
        builder.hold(Held("-", agent.name, because, "--prune", cost_of_end(agent)))
    return None


def _plan_host_removal(
    builder: Builder, host: LiveHost, before: tuple[int, ...], kept: bool
) -> None:
    because = _missing(builder)
    others = [agent for agent in builder.world.agents_on(host.name) if not _ours(builder, agent)]
    if why := builder.world.unknown(host.name):
        builder.doubt(host.name, why)
    elif others:
        builder.hold(_held_by_others("-", host, others))
    elif not (builder.consent.prune or builder.consent.everything):
        loses = _loses(builder, host, [])
        builder.hold(Held("-", host.name, because, "--prune", loses))
    elif kept:
        builder.hold(Held("-", host.name, "an agent on it stays", "--force"))
    else:
        builder.add(_end_host(builder, host), because, before)


def _surplus_hosts(builder: Builder) -> list[LiveHost]:
    return [
        host
        for name, host in sorted(builder.world.hosts.items())
        if name not in builder.desired.hosts
        and builder.scope.has_host(name)
        and builder.scope.may_touch(host.owner)
    ]


def _surplus_agents(builder: Builder) -> list[LiveAgent]:
    renamed = {wanted.was for wanted in builder.desired.agents.values() if wanted.was}
    return [
        agent
        for name, agent in sorted(builder.world.agents.items())
        if name not in builder.desired.agents
        and _ours(builder, agent)
        and name.host not in builder.closed
        and not (name.name in renamed and _takes_over(builder, agent))
    ]


def _takes_over(builder: Builder, old: LiveAgent) -> bool:
    """An agent of the want is this one under another name."""
    return any(
        wanted.was == old.name.name
        and name.host == old.name.host
        and name not in builder.world.agents
        for name, wanted in builder.desired.agents.items()
    )


def _ours(builder: Builder, agent: LiveAgent) -> bool:
    """Within reach of the command: of its team, if it speaks for one, and in its scope."""
    return builder.scope.may_touch(agent.owner) and builder.scope.has_agent(agent.name)


def _to_adopt(builder: Builder, agent: LiveAgent) -> bool:
    consented = builder.consent.adopt or builder.consent.everything
    wanted = agent.name in builder.desired.agents and builder.scope.has_agent(agent.name)
    return agent.owner.adhoc and wanted and consented


def _held_by_others(sign: str, host: LiveHost, others: list[LiveAgent]) -> Held:
    names = ", ".join(str(agent.name) for agent in others)
    destroy = f"first: mng destroy {names.replace(', ', ' ')}"
    return Held("-" if sign == "-" else "!", host.name, f"others live on it: {names}", destroy)


def _missing(builder: Builder) -> str:
    return f"not in {builder.desired.file}" if builder.desired.file else "asked for"


def _loses(builder: Builder, host: LiveHost, agents: list[LiveAgent]) -> str:
    alive = [agent.name.name for agent in agents if agent.alive]
    ends = f"ends {', '.join(alive)}" if alive else ""
    work = builder.world.unsaved.get(host.name, "")
    return "; ".join(part for part in (ends, work) if part)


def _end_host(builder: Builder, host: LiveHost) -> DestroyHost:
    discards = host.name.name in builder.consent.discard_work
    agents = tuple(agent.name.name for agent in builder.world.agents_on(host.name))
    return DestroyHost(host.name, host.mark, host.spec, discards, agents)
