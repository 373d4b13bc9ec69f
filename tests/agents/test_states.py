"""What the programs do, mng says; and what was said to them outlives them."""

from __future__ import annotations

import json
import os
import signal

import pytest

from tests.tmux.waiting import eventually

from .rig import AgentStage

# A call of a tool that each program asks about, and what it does.
TOOL = {
    "claude": ('[[tool Bash {"command": "touch asked"}]]', "Bash: touch asked"),
    "codex": (
        '[[tool exec_command {"cmd": "touch asked", "sandbox_permissions": "require_escalated",'
        ' "justification": "it is needed"}]]',
        "Bash: touch asked",
    ),
    "gemini": (
        '[[tool run_shell_command {"command": "touch asked", "description": "x"}]]',
        "Shell: touch asked",
    ),
    "opencode": (
        '[[tool bash {"command": "touch asked", "description": "x"}]]',
        "bash: touch asked",
    ),
}
BYPASS = {"permissions": "bypass", "allow_unsafe": True}
PROGRAMS = ["claude", "codex", "gemini", "opencode"]


def up(stage: AgentStage, program: str, *messages: object, **more: object) -> None:
    stage.raised({"a": stage.real(program, *messages, **more)})


@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_said_to_a_busy_agent_comes_in_order(stage: AgentStage, program: str) -> None:
    up(stage, program, "work [[slow 4]]")
    stage.until_state("a", "RUNNING")
    said = [stage.must("message", "a", f"number {n}", "--ready-timeout", "20s") for n in (1, 2)]

    def heard() -> list[str]:  # of several in its queue Claude ends all but the last with a newline
        return [text.strip() for text in stage.heard()[1:]]

    eventually(lambda: heard() == ["number 1", "number 2"], timeout=60)
    stage.until_state("a", "WAITING")

    assert all("accepted" in one.err or "queued" in one.err for one in said)
    ledger = stage.must("messages", "a").out
    assert ledger.count("accepted") == 3, ledger


def test_what_is_to_wait_for_the_end_of_a_turn_does(stage: AgentStage) -> None:
    """Claude's status file says `idle` for a while after its turn has begun."""
    later = {"text": "later", "when": "idle"}
    file = stage.team({"a": stage.real("claude", "work [[slow 8]]", later)})
    first = stage.must("up", "-f", file)
    said = stage.must("messages", "a").out
    stage.must("up", "-f", file, "--wait")
    eventually(lambda: stage.heard()[1:] == ["later"])

    assert "waits until it is idle" in first.err
    assert "later" not in said


def test_a_long_text_is_proved_whatever_its_end(stage: AgentStage) -> None:
    """Claude keeps the blank behind it: that of the user is not typed, and mng's own is needed."""
    words = "one of many words " * 100
    up(stage, "claude", f"{words}\n\t ", f"{words}C:\\")

    assert stage.must("messages", "a").out.count("accepted") == 2
    assert stage.heard() == [words.rstrip(), f"{words}C:\\ "]


def test_what_is_said_between_two_tools_of_a_turn_is_proved(stage: AgentStage) -> None:
    """Claude fires no hook for it; at the end of the turn its transcript tells."""
    up(stage, "claude", 'work [[tool Bash {"command": "sleep 2; echo ]"}]]', **BYPASS)
    stage.until_state("a", "RUNNING")
    said = stage.must("message", "a", "and this")
    stage.until_state("a", "WAITING")

    assert "accepted" in said.err or "queued" in said.err
    eventually(lambda: stage.must("messages", "a").out.count("accepted") == 2)
    assert stage.heard()[1:] == ["and this"]


def test_what_was_queued_when_a_program_dies_is_held(stage: AgentStage) -> None:
    """Claude's queue ends with it: nobody says that it was heard, and nobody says it again."""
    first, queued = "work [[slow 15]]", {"text": "queued one", "when": "now"}
    stage.raised({"a": stage.real("claude", first)})
    stage.until_state("a", "RUNNING")
    file = stage.team({"a": stage.real("claude", first, queued)})
    said = (stage.must("up", "-f", file).err, stage.must("message", "a", "by hand").err)
    ledger = json.loads(stage.must("messages", "a", "-o", "json").out)["messages"]
    os.kill(stage.pid("a"), signal.SIGKILL)
    stage.until_state("a", "FAILED")

    for up in (stage.up(file, "--wait"), stage.up(file)):
        assert up.status == 3, up
        assert "uncertain: its process ended before anything proved that it was taken" in up.all
        assert "--messages send" in up.all
    assert all("queued" in one for one in said), said
    assert [one["state"] for one in ledger] == ["accepted", "queued", "queued"]
    assert stage.must("messages", "a").out.count("uncertain") == 2
    assert "queued one" not in stage.heard()
    stage.must("up", "-f", file, "--messages", "send", "--wait")
    eventually(lambda: stage.heard()[-1] == "queued one")


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_conversation_survives_kill_9(stage: AgentStage, program: str) -> None:
    """The next request carries what was said before, and nothing is said twice."""
    agents = {"a": stage.real(program, "the first", "the second")}
    stage.raised(agents)
    stage.until_state("a", "WAITING")  # with the answer to the second
    os.kill(stage.pid("a"), signal.SIGKILL)
    stage.until_state("a", "FAILED")
    agents = {"a": stage.real(program, "the first", "the second", "the third")}
    stage.must("up", "-f", stage.team(agents), "--wait")

    eventually(lambda: stage.heard()[-1] == "the third", timeout=60)
    assert stage.requests()[-1]["turns"] == [["the first"], ["the second"], ["the third"]]
    assert len([one for one in stage.requests() if one["turns"][-1] == ["the second"]]) == 1
