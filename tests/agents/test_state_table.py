"""Each state of each program: within two seconds of the change `mng list` says so."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time

import psutil
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
# How a person ends it.
END = {"claude": "/exit", "codex": "/quit", "gemini": "/quit"}
SLOW = ("gemini", "opencode")  # the others have started before anybody could look


def shown(stage: AgentStage, words: str) -> bool:
    return re.search(words, stage.screen("a")) is not None


def says(stage: AgentStage, state: str, reason: str = "") -> str:
    return str(stage.until_state("a", state, timeout=2, reason=reason)["reason"])


def end(stage: AgentStage, program: str) -> None:
    """As a person does, who looks whether it was taken."""
    pid = stage.pid("a")
    if program in END:
        stage.keys("a", END[program])

    def ended() -> bool:
        stage.keys("a", "Enter" if program in END else "C-c")
        time.sleep(1)
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE  # tmux may be slow to wait
        return True

    eventually(ended, timeout=30)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_state_is_told_within_two_seconds(stage: AgentStage, program: str) -> None:
    """At work, idle, asking, killed, killed with its tmux, stopped, starting, ended by a person.

    Each time it goes on where it was, and nothing is said again.
    """
    file = stage.raised({"a": stage.real(program, "work [[slow 3]]")})
    eventually(lambda: shown(stage, BUSY[program]), timeout=30)
    says(stage, "RUNNING")
    eventually(lambda: shown(stage, DONE.get(program, "All is done")), timeout=30)
    says(stage, "WAITING")
    stage.must("message", "a", f"go {TOOL[program][0]}")
    eventually(lambda: shown(stage, ASKS[program]), timeout=30)
    says(stage, "BLOCKED", TOOL[program][1])

    os.kill(stage.pid("a"), signal.SIGKILL)
    assert "signal 9" in says(stage, "FAILED")
    stage.must("up", "-f", file, "--wait")
    stage.until_state("a", "WAITING")
    os.kill(stage.server(), signal.SIGKILL)
    assert "session vanished" in says(stage, "FAILED")
    stage.must("up", "-f", file, "--wait")
    stage.must("message", "a", "and now")
    eventually(lambda: stage.heard()[-1] == "and now", timeout=60)

    stage.must("stop", "a")
    says(stage, "STOPPED")
    starting = stage.start("up", "-f", file, "--wait")
    if program in SLOW:
        stage.until_state("a", "STARTING", timeout=10)
    assert starting.wait(120) == 0
    end(stage, program)
    says(stage, "DONE")
    stage.must("up", "-f", file)
    says(stage, "DONE")
    again = stage.team({"a": stage.real(program, "work [[slow 3]]", "one more")})
    stage.must("up", "-f", again, "--wait")
    eventually(lambda: stage.heard()[-1] == "one more", timeout=60)
    turns = [one["turns"] for one in stage.requests()]
    # What a command of its own has printed may come along as a turn.
    said = [turn[-1] for turn in turns[-1] if not turn[-1].startswith("<")]
    assert [said[n] for n in (0, -2, -1)] == ["work [[slow 3]]", "and now", "one more"]
    assert [turn[-1] for turn in turns].count(["work [[slow 3]]"]) == 1


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_turn_that_is_interrupted_has_ended(stage: AgentStage, program: str) -> None:
    """Esc: not every program's hooks tell of it."""
    stage.raised({"a": stage.real(program, "work [[slow 60]]")})
    eventually(lambda: shown(stage, BUSY[program]), timeout=30)
    says(stage, "RUNNING")
    stage.keys("a", "Escape")
    if program == "opencode":
        eventually(lambda: shown(stage, "esc again"))
        stage.keys("a", "Escape")
    eventually(lambda: shown(stage, "(?i)interrupted|cancelled"), timeout=30)

    says(stage, "WAITING")
