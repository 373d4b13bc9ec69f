"""Shell completion of live names. Silent whatever goes wrong: a shell is waiting."""

from __future__ import annotations

from mng.model.world import World


def agent_names(incomplete: str) -> list[str]:
    return _fitting(incomplete, _agents(_live()))


def host_names(incomplete: str) -> list[str]:
    return _fitting(incomplete, [name.name for name in _live().hosts])


def any_names(incomplete: str) -> list[str]:
    world = _live()
    return _fitting(incomplete, [*_agents(world), *map(str, world.hosts)])


def team_names(incomplete: str) -> list[str]:
    """Teams, and what is theirs."""
    world = _live()
    teams = {owner.team for owner in world.owners if not owner.adhoc}
    return _fitting(incomplete, [*teams, *_agents(world), *map(str, world.hosts)])


def kind_names(incomplete: str) -> list[str]:
    from mng.agents.kind import KINDS

    return _fitting(incomplete, list(KINDS))


def _fitting(incomplete: str, names: list[str]) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})


def _agents(world: World) -> list[str]:
    """Bare names where they are unique, else addresses."""
    names = [name.name for name in world.agents]
    return [name.name if names.count(name.name) == 1 else str(name) for name in world.agents]


def _live() -> World:
    try:
        from mng.engine.fleet import Fleet
        from mng.engine.observe import observe

        return observe(Fleet(), ["local"])
    except Exception:
        return World()
