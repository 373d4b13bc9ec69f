"""Which files real agents change is seen, and told where two of one host change the same one."""

from __future__ import annotations

import json

import pytest

from tests.tmux.waiting import eventually

from .rig import AgentStage
from .test_states import BYPASS

# A call of each program's tool that writes a file. Codex 0.169.0 fires no hook when it patches one.
WRITES = {
    "claude": '[[tool Write {{"file_path": "{0}", "content": "x"}}]]',
    "gemini": '[[tool write_file {{"file_path": "{0}", "content": "x"}}]]',
    "opencode": '[[tool write {{"filePath": "{0}", "content": "x"}}]]',
}


@pytest.mark.parametrize("program", WRITES)
def test_two_agents_that_change_one_file_are_told(stage: AgentStage, program: str) -> None:
    work = stage.host_dir() / "work"
    file = work / "both.txt"
    agents = {"a": stage.real(program, "go " + WRITES[program].format(file), **BYPASS)}
    stage.raised(agents)
    eventually(file.exists, timeout=60)
    alone = stage.must("list", "-o", "wide").err
    following = stage.start("events", "-f", "-o", "json")
    reads = f'[[tool Read {{"file_path": "{file}"}}]]'
    words = f"{reads} {WRITES['claude'].format(file)}"
    stage.raised(agents | {"b": stage.real("claude", words, **BYPASS)})

    assert following.stdout
    line = next(line for line in following.stdout if b'"what": "file"' in line)
    assert json.loads(line)["why"] == f"{file} was changed by a and b"
    assert "both.txt" not in alone
    assert "both.txt was changed by a and b within" in stage.must("list", "-o", "wide").err
