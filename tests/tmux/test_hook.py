"""What a program's hook leaves for mng."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.tmux.waiting import eventually

HOOK = Path(__file__).parents[2] / "mng" / "agents" / "scripts" / "hook.sh"


def hook(home: Path, *args: str, **payload: str) -> subprocess.Popen[bytes]:
    """The hook of an agent whose directory is `home`, as its program calls it."""
    env = {**os.environ, "MNG_AGENT_DIR": str(home)}
    process = subprocess.Popen(["sh", str(HOOK), *args], env=env, stdin=subprocess.PIPE)
    assert process.stdin
    with process.stdin as given:
        given.write(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return process


def test_what_is_proved_is_work(tmp_path: Path) -> None:
    """Who reads the proof of a message finds the event of its turn: it was idle for a moment yet,
    and the next message was typed into the turn."""
    os.mkfifo(tmp_path / "evidence")
    process = hook(tmp_path, "UserPromptSubmit", "took", prompt="hello")

    try:
        eventually(
            lambda: (tmp_path / "event").read_text().split()[1] == "UserPromptSubmit", timeout=20
        )
        assert len((tmp_path / "evidence").read_text()) == 17
    finally:
        process.kill()
        process.wait()
