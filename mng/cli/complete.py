"""Shell completion of live names. Silent whatever goes wrong: a shell is waiting."""

from __future__ import annotations


def agent_names(incomplete: str) -> list[str]:
    return [name for name in _live()[0] if name.startswith(incomplete)]


def any_names(incomplete: str) -> list[str]:
    agents, hosts = _live()
    return [name for name in (*agents, *hosts) if name.startswith(incomplete)]


def kind_names(incomplete: str) -> list[str]:
    from mng.agents.kind import KINDS

    return [name for name in KINDS if name.startswith(incomplete)]


def _live() -> tuple[list[str], list[str]]:
    try:
        from mng.engine.fleet import Fleet
        from mng.engine.observe import observe

        world = observe(Fleet(), ["local"])
    except Exception:
        return [], []
    names = [name.name for name in world.agents]
    agents = [name.name if names.count(name.name) == 1 else str(name) for name in world.agents]
    return sorted(agents), sorted(str(name) for name in world.hosts)
