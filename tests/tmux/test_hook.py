"""What a program's hook leaves for mng."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from mng.agents import remote
from mng.agents.kind import find_kind
from mng.model.spec import MessageSpec
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


@pytest.mark.parametrize("kept", ["", " "])
def test_a_text_is_proved_with_or_without_the_blank_at_its_end(tmp_path: Path, kept: str) -> None:
    """Claude keeps it where the text is long, also in its transcript."""
    log, said = tmp_path / "log", 'a "path" ends with C:\\'
    line = {"type": "queued_command", "prompt": said + kept}
    log.write_text(json.dumps(line, separators=(",", ":")) + "\n")
    hook(tmp_path, "UserPromptSubmit", "took", prompt=said + kept).wait(20)
    hook(tmp_path, "Stop", "told", transcript_path=str(log)).wait(20)

    claude = find_kind("claude")
    digest = remote.digest_of(claude.proves(claude.typed(MessageSpec("k", said))))
    assert (tmp_path / "evidence").read_text().split() == [digest, digest]
