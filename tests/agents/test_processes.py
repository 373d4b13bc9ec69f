"""Of an agent that is destroyed no process is left, wherever it has gone."""

from __future__ import annotations

import os
import signal

import pytest

from tests.tmux.waiting import eventually

from .rig import AgentStage
from .test_states import BYPASS

# Codex as a user may have set it up, with the daemon that the kind `codex` starts it without.
CONFIG = """
check_for_update_on_startup = false
model = "gpt-5"
model_provider = "here"
model_providers.here = {{name = "here", base_url = "{url}", env_key = "OPENAI_API_KEY"}}
projects."{work}".trust_level = "trusted"
"""


@pytest.mark.parametrize("killed", [False, True], ids=["alive", "killed before"])
def test_a_daemon_ends_with_its_agent(stage: AgentStage, killed: bool) -> None:
    """It has a session of its own, and once the program is killed no parent but init."""
    home = stage.root / "codex"
    home.mkdir()
    work = stage.host_dir() / "work"
    config = CONFIG.format(url=stage.env["OPENAI_BASE_URL"], work=work)
    (home / "config.toml").write_text(config)
    env = {"CODEX_HOME": str(home), "OPENAI_API_KEY": "sk-dummy"}
    stage.raised({"a": {"type": "command", "command": "codex", "env": env}, "b": {"type": "demo"}})
    eventually(lambda: stage.running("app-server --listen"), timeout=60)
    if killed:
        os.kill(stage.pid("a"), signal.SIGKILL)
    stage.must("destroy", "a")

    assert not stage.running("codex")
    assert stage.state("b") == "WAITING"


def test_what_a_tool_has_left_behind_ends_with_its_agent(stage: AgentStage) -> None:
    directive = '[[tool Bash {"command": "setsid sleep 4321 >/dev/null 2>&1 &"}]]'
    agents = {"a": stage.real("claude", f"go {directive}", **BYPASS), "b": {"type": "demo"}}
    stage.raised(agents)
    eventually(lambda: stage.running("sleep 4321"), timeout=60)
    stage.must("destroy", "a")

    assert not stage.running("sleep 4321")
