"""The plan: hosts first, then agents with their messages, destruction last."""

from __future__ import annotations

from mng.model.action import (
    Consent,
    CreateHost,
    DestroyAgent,
    DestroyHost,
    Held,
    Plan,
    Scope,
    SweepHost,
    UpdateHost,
)  # fmt: skip
from mng.model.name import HostName
from mng.model.spec import Change, Desired, WantedHost
from mng.model.world import LiveAgent, LiveHost, World
from mng.reconcile.agents import by_need, plan_agent, plan_end
from mng.reconcile.builder import Builder
from mng.reconcile.drift import classes, drift, in_words

_EASY = {"setup", "env", "timeout", "idle_timeout"}  # may change while a host is being made


def build_plan(
    desired: Desired, world: World, consent: Consent = Consent(), scope: Scope = Scope()
) -> Plan:
    """What to do so that the world becomes what is desired, within the scope, as consented."""
    builder = Builder(desired, world, consent, scope)
    wanted_hosts = {name for name in desired.hosts if scope.has_host(name)}
    wanted_agents = [name for name in desired.agents if scope.has_agent(name)]
    wanted_hosts |= {name.host for name in wanted_agents}
    for host in sorted(wanted_hosts):
        _plan_host(builder, host, desired.hosts[host])
    for agent in by_need(desired, wanted_agents):
        plan_agent(builder, agent, desired.agents[agent])
    _plan_ends(builder)
    return builder.plan()


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
            builder.made[name] = builder.add(create, "not found", at=wanted.at)
    elif not wanted.external and _may_manage_host(builder, live, wanted):
        _converge_host(builder, live, wanted)
    if live and live.leftovers and name not in builder.closed:
        sweep = SweepHost(name, live.mark, live.leftovers)
        builder.add(sweep, f"{len(live.leftovers)} buffers of an interrupted mng")


def _may_manage_host(builder: Builder, live: LiveHost, wanted: WantedHost) -> bool:
    if live.owner.team == wanted.owner.team:
        return True
    if not live.owner.adhoc:
        whose = f"belongs to team {live.owner.team} ({live.owner.file})"
        builder.refuse(live.name, whose, "say `external: true` to put agents on it")
    elif builder.consent.adopt or builder.consent.everything:
        return True
    else:
        builder.hold(Held("!", live.name, "made by hand, not by this file", "--adopt"))
    builder.closed[live.name] = "the host is not this team's"
    return False


def _converge_host(builder: Builder, live: LiveHost, wanted: WantedHost) -> None:
    drifts = drift(live.spec, wanted.spec)
    hard = {one.field for one in drifts if one.change is Change.REPLACE}
    if live.unfinished and hard <= _EASY:
        finish = CreateHost(live.name, wanted.spec, wanted.owner)
        because = f"unfinished: {live.unfinished}"
        builder.made[live.name] = builder.add(finish, because, at=wanted.at)
    elif Change.REPLACE in classes(drifts):
        _replace_host(builder, live, wanted, in_words(drifts, Change.REPLACE))
    elif drifts or live.owner.team != wanted.owner.team:
        words = in_words(drifts, Change.IN_PLACE) or "adopted"
        update = UpdateHost(live.name, live.mark, wanted.spec, wanted.owner)
        builder.made[live.name] = builder.add(update, words, at=wanted.at)


def _replace_host(builder: Builder, live: LiveHost, wanted: WantedHost, words: str) -> None:
    """Save, destroy, create; its agents follow as new ones."""
    agents = builder.world.agents_on(live.name)
    others = [agent for agent in agents if not _ours(builder, agent)]
    if others:
        builder.hold(_held_by_others("!", live, others))
        builder.closed[live.name] = "the host is to be replaced"
        return
    if not builder.consents(builder.consent.replace_host, live.name.name):
        flag = f"--replace-host {live.name.name}"
        builder.hold(Held("!", live.name, words, flag, loses=_loses(builder, live, agents)))
        return  # its agents go on as they are: the old host serves them until it is replaced
    ended = [plan_end(builder, agent, "its host is replaced") for agent in agents]
    end = DestroyHost(live.name, live.mark, live.spec, _discards(builder, live))
    gone = builder.add(end, f"replaced: {words}", ended, wanted.at)
    create = CreateHost(live.name, wanted.spec, wanted.owner)
    builder.made[live.name] = builder.add(create, f"replaced: {words}", [gone], wanted.at)
    builder.replaced.add(live.name)


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
        elif agent.name.host in homes:
            kept.add(agent.name.host)
    for host in doomed:
        _plan_host_removal(builder, host, (*before, *ends.get(host.name, [])), host.name in kept)


def _plan_removal(builder: Builder, agent: LiveAgent, before: tuple[int, ...]) -> int | None:
    because = _missing(builder)
    if agent.spec.protect and not builder.consent.force:
        builder.hold(Held("-", agent.name, f"{because}; protected", "--force"))
    elif builder.world.unknown(agent.name.host):
        builder.doubt(agent.name, builder.world.unknown(agent.name.host))
    elif builder.consent.prune or builder.consent.everything:
        return builder.add(DestroyAgent(agent.name, agent.incarnation), because, before)
    else:
        loses = "its conversation" if agent.alive else ""
        builder.hold(Held("-", agent.name, because, "--prune", loses))
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
        end = DestroyHost(host.name, host.mark, host.spec, _discards(builder, host))
        builder.add(end, because, before)


def _surplus_hosts(builder: Builder) -> list[LiveHost]:
    return [
        host
        for name, host in sorted(builder.world.hosts.items())
        if name not in builder.desired.hosts
        and builder.scope.has_host(name)
        and builder.scope.team in (None, host.owner.team)
    ]


def _surplus_agents(builder: Builder) -> list[LiveAgent]:
    renamed = {wanted.was for wanted in builder.desired.agents.values() if wanted.was}
    return [
        agent
        for name, agent in sorted(builder.world.agents.items())
        if name not in builder.desired.agents
        and builder.scope.has_agent(name)
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
    """Within reach of the command: of its team, or named by it where it speaks for no team."""
    if builder.scope.team is not None:
        return agent.owner.team == builder.scope.team
    return builder.scope.has_agent(agent.name)


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


def _discards(builder: Builder, host: LiveHost) -> bool:
    return host.name.name in builder.consent.discard_work
