"""What an agent may do unasked, and which commands are its own."""

from __future__ import annotations

import json

import pytest

from tests.tmux.waiting import eventually

from .rig import QUIET, AgentStage
from .test_edits import WRITES
from .test_states import PROGRAMS, TOOL

BLANK = " \u2800"  # what is put before a command, so that it is none


@pytest.mark.parametrize("program", PROGRAMS)
def test_bypass_is_refused_on_ones_own_machine_unless_said_so(
    stage: AgentStage, program: str
) -> None:
    told = [f"go {TOOL[program][0]}".replace("require_escalated", "use_default")]
    agent = stage.real(program, *told, permissions="bypass")
    refused = stage.mng("up", "-f", stage.team({"a": agent}))
    nothing = stage.listed()["agents"]
    stage.raised({"a": {**agent, "allow_unsafe": True}})

    assert (refused.status, nothing) == (2, [])
    assert "allow_unsafe" in refused.err
    eventually(lambda: (stage.host_dir() / "work" / "asked").exists(), timeout=60)


@pytest.mark.parametrize("mode", ["bypassPermissions", "acceptEdits"])
def test_the_tree_does_not_say_what_is_permitted(stage: AgentStage, mode: str) -> None:
    """A repository's own settings are no consent of the user's."""
    (stage.repo / ".claude").mkdir()
    settings = json.dumps({"permissions": {"defaultMode": mode}})
    (stage.repo / ".claude" / "settings.json").write_text(settings)
    file = stage.host_dir() / "work" / "made"
    write = json.dumps({"file_path": str(file), "content": "x"})
    env = {**QUIET, "IS_SANDBOX": "1"}  # without it no mode of root's is one that asks for nothing
    agent = stage.real("claude", f"go [[tool Write {write}]]", env=env)

    stage.up(stage.team({"a": agent}))

    assert "permission" in stage.until_state("a", "BLOCKED")["reason"]
    assert not file.exists()


@pytest.mark.parametrize("program", ["claude", "codex"])
def test_a_command_is_one_only_if_said_so(stage: AgentStage, program: str) -> None:
    stage.raised({"a": stage.real(program, "hello")})
    stage.until_state("a", "WAITING")
    stage.must("message", "a", "/status")
    stage.until_state("a", "WAITING")
    eventually(lambda: [text.strip(BLANK) for text in stage.heard()] == ["hello", "/status"])
    stage.must("message", "a", "--command", "/status")

    eventually(lambda: "Session" in stage.screen("a"))
    assert len(stage.heard()) == 2


@pytest.mark.parametrize("program", PROGRAMS)
def test_accept_edits_is_for_edits_alone(stage: AgentStage, program: str) -> None:
    """A file is written unasked; a command that is none of the sandbox's is asked about."""
    file = stage.host_dir() / "work" / "both.txt"
    in_its_sandbox = '[[tool exec_command {{"cmd": "echo x >{0}"}}]]'
    write = WRITES.get(program, in_its_sandbox).format(file)
    # Claude takes `touch` for an edit.
    directive, asked = (text.replace("touch", "git tag") for text in TOOL[program])
    stage.raised({"a": stage.real(program, f"go {write} {directive}", permissions="accept-edits")})

    stage.until_state("a", "BLOCKED", reason=f"permission: {asked}")
    assert file.exists()
    assert stage.git("tag", cwd=file.parent) == ""
