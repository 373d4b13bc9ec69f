"""What the tests of this directory stand on."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request

import pytest

from .rig import PINNED, AgentStage

PROGRAMS = {
    "claude": "@anthropic-ai/claude-code", "codex": "@openai/codex",
    "gemini": "@google/gemini-cli", "opencode": "opencode-ai",
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_programs_are_those_that_are_pinned(stage: AgentStage, program: str) -> None:
    pins = json.loads(PINNED.read_text())["dependencies"]

    said = subprocess.run([program, "--version"], env=stage.env, capture_output=True, text=True)

    assert pins[PROGRAMS[program]] in said.stdout


def test_nothing_can_leave_the_machine(stage: AgentStage) -> None:
    routes = subprocess.run(["ip", "route"], capture_output=True, check=True).stdout
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, check=True).stdout

    assert (routes, links.count(b"\n")) == (b"", 1)


@pytest.mark.parametrize("after", ["no other", "another"])
def test_agents_live_in_the_network_of_their_stage(stage: AgentStage, after: str) -> None:
    """Where commands were forked from a process of an earlier test, no model answered, or worse,
    the whole network did."""
    stage.raised({"a": {"type": "demo"}})

    for pid in (stage.server(), stage.pid("a")):
        assert os.readlink(f"/proc/{pid}/ns/net") == os.readlink("/proc/thread-self/ns/net")


def test_the_model_does_what_it_is_told(stage: AgentStage) -> None:
    """Every API: a turn is logged, a call of a tool comes as one."""
    text = 'go [[tool Run {"x": 1}]]'
    message = {"role": "user", "content": text}
    bodies: dict[str, dict[str, object]] = {
        "/v1/messages": {"messages": [message]},
        "/v1/responses": {"input": text},
        "/v1/chat/completions": {"messages": [message]},
        "/v1beta/models/m:streamGenerateContent": {"contents": [{"parts": [{"text": text}]}]},
    }
    for path, body in bodies.items():
        data = json.dumps({**body, "tools": [{"name": "Run"}], "stream": True}).encode()
        with urllib.request.urlopen(stage.env["ANTHROPIC_BASE_URL"] + path, data) as answer:
            assert b'"Run"' in answer.read()

    assert [one["turns"] for one in stage.requests()] == [[[text]]] * 4
