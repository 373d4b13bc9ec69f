"""What a program reads of the live state: one JSON document. A stable contract."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any

from mng.agents import remote
from mng.cli.options import Output
from mng.engine.fleet import Fleet
from mng.engine.threads import at_once
from mng.errors import MngError
from mng.model.name import HostName
from mng.model.world import LiveAgent, LiveHost, SentState, World


def print_document(document: dict[str, Any], output: Output, names: Iterable[str] = ()) -> None:
    """The document as JSON or as YAML, or the names alone, one a line."""
    match output:
        case Output.YAML:
            print(yaml_text(document), end="")
        case Output.NAME:
            print("".join(f"{name}\n" for name in names), end="")
        case _:
            print(json.dumps(document, indent=2, ensure_ascii=False))


def yaml_text(document: dict[str, Any]) -> str:
    """Plain values as YAML, in their own order."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 100
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def list_document(
    fleet: Fleet, world: World, agents: list[LiveAgent], hosts: list[LiveHost]
) -> dict[str, Any]:
    known = [host.name for host in hosts if not (host.ended or world.unknown(host.name))]
    work_dirs = dict(at_once(lambda name: (name, _work_dir(fleet, name)), known))
    return {
        "schema": "mng.list/1",
        "agents": [agent_document(agent, work_dirs.get(agent.name.host)) for agent in agents],
        "hosts": [host_document(host) for host in hosts],
        "unknown": dict(world.silent),
    }


def _work_dir(fleet: Fleet, host: HostName) -> str | None:
    """Where agents start on the host; None while that can't be known."""
    try:
        return remote.start_dir(fleet.machine(host))
    except MngError:
        return None


def agent_document(agent: LiveAgent, work_dir: str | None) -> dict[str, Any]:
    delivered = [s for s in agent.sent if s.state not in (SentState.BEGUN, SentState.UNCERTAIN)]
    open_ = [s for s in agent.sent if s.state is SentState.BEGUN]
    doubt = [s for s in agent.sent if s.state is SentState.UNCERTAIN]
    return {
        "name": agent.name.name, "host": agent.name.host.name,
        "provider": agent.name.host.provider, "team": agent.owner.team, "type": agent.spec.type,
        "state": str(agent.state), "reason": agent.reason, "since": agent.since,
        "pid": agent.pid, "exit_status": agent.exit_status,
        "messages": {
            "declared": sum(s.origin == "file" for s in agent.sent), "delivered": len(delivered),
            "pending": len(open_), "held": len(doubt),
        },
        "work_dir": work_dir, "file": agent.owner.file,
        "labels": dict(agent.spec.labels),
    }  # fmt: skip


def host_document(host: LiveHost) -> dict[str, Any]:
    return {
        "name": host.name.name, "provider": host.name.provider, "team": host.owner.team,
        "state": str(host.state), "reason": host.reason, "created": host.created,
        "expires": host.expires, "source": host.spec.source,
    }  # fmt: skip
