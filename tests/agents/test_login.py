"""The user's own login, on the user's own machine: reached, and never copied."""

from __future__ import annotations

import json
import time

import pytest

from tests.tmux.waiting import eventually

from .rig import AgentStage

SECRET = "dummy-0123456789-of-the-login"
OAUTH = {
    "accessToken": f"sk-ant-oat01-{SECRET}", "refreshToken": f"sk-ant-ort01-{SECRET}",
    "expiresAt": int(time.time() + 86400) * 1000, "scopes": ["user:inference", "user:profile"],
    "subscriptionType": "max",
}  # fmt: skip
# Where a program keeps its login, what stands there, and where the agent looks for it.
LOGINS = {
    "claude": (".claude/.credentials.json", {"claudeAiOauth": OAUTH}, ".credentials.json"),
    "codex": (".codex/auth.json", {"OPENAI_API_KEY": f"sk-{SECRET}"}, "auth.json"),
    "opencode": (
        ".local/share/opencode/auth.json",
        {"anthropic": {"type": "api", "key": f"sk-{SECRET}"}},
        "data/opencode/auth.json",
    ),
}
# Codex has its model's address from a configuration that goes with a key.
HEARD = ("claude", "opencode")


@pytest.mark.parametrize("program", LOGINS)
def test_the_users_login_is_reached_and_not_copied(stage: AgentStage, program: str) -> None:
    """Of two copies of a refresh token the second to be used would be refused."""
    for name in [name for name in stage.env if name.endswith("_API_KEY")]:
        del stage.env[name]
    theirs, login, ours = LOGINS[program]
    file = stage.user / theirs
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(login))
    told = ["hello"] if program in HEARD else []
    stage.must("up", "-f", stage.team({"a": stage.real(program, *told)}), "--wait")

    stage.until_state("a", "WAITING")
    eventually(lambda: stage.heard() == told, timeout=60)
    assert (stage.host_dir() / "agents" / "a" / "home" / ours).resolve() == file.resolve()
    assert json.loads(file.read_text()) == login
    copies = [path for path in stage.home.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [str(path) for path in copies if SECRET.encode() in path.read_bytes()] == []
