"""Each state of each program: within two seconds of the change `mng list` says so."""

from __future__ import annotations

import os
import re
import signal

import pytest

from tests.tmux.waiting import eventually

from .rig import AgentStage
from .test_states import PROGRAMS, TOOL

# What stands on the screen while it works, and while it asks.
BUSY = {
    "claude": "esc to interrupt", "codex": "• All", "gemini": r"esc to cancel, \d",
    "opencode": "esc interrupt",
}  # fmt: skip
ASKS = {
    "claude": "Do you want to proceed", "codex": "Would you like to", "gemini": "Allow execution",
    "opencode": "Permission required",
}  # fmt: skip
DONE = {"opencode": r"▣ .*· [\d.]+s"}  # its title is made by the model, too


def shown(stage: AgentStage, words: str) -> bool:
    return re.search(words, stage.screen("a")) is not None


def says(stage: AgentStage, state: str) -> str:
    return str(stage.until_state("a", state, timeout=2)["reason"])


@pytest.mark.timeout(180)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_state_is_told_within_two_seconds(stage: AgentStage, program: str) -> None:
    """At work, idle, asking, killed, and killed with its tmux; then it goes on where it was."""
    file = stage.raised({"a": stage.real(program, "work [[slow 3]]")})
    eventually(lambda: shown(stage, BUSY[program]), timeout=30)
    says(stage, "RUNNING")
    eventually(lambda: shown(stage, DONE.get(program, "All is done")), timeout=30)
    says(stage, "WAITING")
    stage.must("message", "a", f"go {TOOL[program][0]}")
    eventually(lambda: shown(stage, ASKS[program]), timeout=30)
    assert TOOL[program][1] in says(stage, "BLOCKED")

    os.kill(stage.pid("a"), signal.SIGKILL)
    assert "signal 9" in says(stage, "FAILED")
    stage.must("up", "-f", file, "--wait")
    stage.until_state("a", "WAITING")
    os.kill(stage.server(), signal.SIGKILL)
    assert "session vanished" in says(stage, "FAILED")
    stage.must("up", "-f", file, "--wait")
    stage.must("message", "a", "and now")
    eventually(lambda: stage.heard()[-1] == "and now", timeout=60)
    assert stage.requests()[-1]["turns"][0] == ["work [[slow 3]]"]
    assert [one["turns"][-1] for one in stage.requests()].count(["work [[slow 3]]"]) == 1
