"""The kind `demo`: the stand-in TUI that ships with mng, to try it without any account."""

from __future__ import annotations

import json
from pathlib import Path

from mng.agents.kind import AgentKind, Facts, Launch, Sighting
from mng.model.spec import AgentSpec
from mng.model.world import AgentState

_STATES = {
    "idle": AgentState.WAITING,
    "busy": AgentState.RUNNING,
    "blocked": AgentState.BLOCKED,
}


class Demo(AgentKind):
    name = "demo"
    resumes = True
    queues = True
    enter_delay = 0.02
    proof = 3
    rests = ("status.json", '"state": "idle"')

    def launch(self, spec: AgentSpec, *, resume: bool) -> Launch:
        program = Path(__file__).with_name("demo_tui").glob("*.py")
        more = ("--resume",) if resume else ()
        argv = ("python3", "{dir}/demo_tui", *more, *spec.args)
        return Launch(argv, {f"demo_tui/{file.name}": file.read_bytes() for file in program})

    def sight(self, spec: AgentSpec, facts: Facts) -> Sighting:
        """Its own status file decides, if this very process wrote it."""
        try:
            status = json.loads(facts.files.get("status.json", "{}"))
        except ValueError:
            status = {}
        if status.get("pid") != facts.pid or status.get("state") not in _STATES:
            return Sighting(AgentState.STARTING, "its composer is not up yet")
        if status["state"] != "blocked" and facts.files.get("draft") == str(facts.pid):
            return Sighting(AgentState.BLOCKED, "someone's half-typed text stands there")
        reason = status.get("reason") or ("at work" if status["state"] == "busy" else "idle")
        return Sighting(_STATES[status["state"]], reason, int(status.get("since") or 0) or None)


KIND = Demo()
