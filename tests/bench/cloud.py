"""Many hosts on the loopback Modal: 50 sandboxes with 10 agents each come up, and go again."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from tests.modal_loopback.fixture import start, stop

from .measure import MNG, Bench

HOSTS, AGENTS = 50, 10


def cloud(bench: Bench, hosts: int = HOSTS, agents: int = AGENTS) -> None:
    """With what is left afterwards, and how many requests each command made."""
    server = start(Path(tempfile.mkdtemp(dir=bench.root)))
    bench.env |= server.env | {"MNG_MODAL_APP": "bench"}
    document = {
        "name": "bench",
        "hosts": {f"h{n}": {"provider": "modal", "source": None} for n in range(hosts)},
        "agents": {
            f"a{n}-{m}": {"type": "demo", "host": f"h{n}", "args": ["--busy", "0"], "message": "go"}
            for n in range(hosts)
            for m in range(agents)
        },
    }
    file = bench.root / "cloud.yaml"
    file.write_text(json.dumps(document))

    def row(name: str, *argv: str) -> None:
        began = time.time()
        bench.row(f"{name}, {hosts} hosts, {hosts * agents} agents", [*MNG, *argv], runs=1)
        print(f"  {len(server.rpcs(since=began))} requests", flush=True)

    try:
        row("mng up", "up", "-f", str(file), "--wait")
        row("mng list", "list")
        row("mng up, nothing to do", "up", "-f", str(file))
        row("mng down", "down", "-f", str(file))
        began = time.time()
        bench.quiet("list")
        asked = sum(one["rpc"] == "TaskExecStart" for one in server.rpcs(since=began))
        print(f"  hosts left: {asked}")
    finally:
        stop(server)
