"""The real agent programs, pinned and cached, and a stage on which they can reach nothing but a
model on loopback: dummy keys, a home of their own, a network with nothing else in it."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import warm
from tests.scenarios.stage import Stage
from tests.tmux.waiting import eventually, whole_lines

HERE = Path(__file__).parent
_CLONE_NEWNET = 0x40000000

# Nothing of the programs looks for news or tells tales; on loopback it would only wait for it.
QUIET = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
    "DISABLE_TELEMETRY": "1", "DISABLE_ERROR_REPORTING": "1", "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1", "npm_config_fetch_retries": "0",
    "CLAUDE_CODE_MAX_RETRIES": "1",
}  # fmt: skip
_FILES = ("--- Content from referenced files", "Called the Read tool", "<path>")
KEY = "sk-ant-api03-dummy-0123456789-abcdefghijklmnopqrstuvwxyz"

# The model that each is asked to use, so that it makes no request to choose one.
ARGS = {
    "claude": ["--model", "claude-sonnet-4-5"],
    "codex": ["--model", "gpt-5"],
    "gemini": ["--model", "gemini-2.5-flash"],
    "opencode": ["--model", "anthropic/claude-sonnet-4-5"],
}


PINNED = Path(os.environ.get("MNG_TEST_PROGRAMS") or HERE / "package.json")


def installed(wanted: Path = PINNED) -> Path:
    """The directory of the programs, from npm unless they were installed before.

    npm gets a home to throw away, for a package may run what it likes when it is installed.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mng-tests"
    cache.mkdir(parents=True, exist_ok=True)
    prefix = cache / f"agents-{hashlib.sha256(wanted.read_bytes()).hexdigest()[:12]}"
    with open(cache / "agents.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not prefix.exists():
            home = Path(tempfile.mkdtemp(dir=cache))
            shutil.copy(wanted, home / "package.json")
            kept = ("PATH", "LANG", "NODE_EXTRA_CA_CERTS", "HTTPS_PROXY", "NO_PROXY")
            env = {key: os.environ[key] for key in kept if key in os.environ}
            npm = ["npm", "install", "--no-audit", "--no-fund", "--no-update-notifier"]
            done = subprocess.run(
                npm, cwd=home, env={**env, "HOME": str(home)}, capture_output=True, text=True
            )
            assert done.returncode == 0, f"npm could not install the programs:\n{done.stderr}"
            home.rename(prefix)
    return prefix / "node_modules" / ".bin"


@contextlib.contextmanager
def loopback_alone() -> Iterator[None]:
    """Whatever this thread starts lives in a network that has nothing but loopback."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as before:
        assert libc.unshare(_CLONE_NEWNET) == 0, (
            f"no network of one's own: {os.strerror(ctypes.get_errno())} (run the tests as root)"
        )
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            assert [name for _, name in socket.if_nameindex()] == ["lo"]
            warm.close()  # commands live in the network of the process that they are forked from
            yield
        finally:
            warm.close()
            libc.setns(before.fileno(), _CLONE_NEWNET)


def _said(turn: list[str]) -> list[str]:
    """A turn without the files that it names, which Gemini and OpenCode put behind it."""
    files = [n for n, text in enumerate(turn) if text.strip().startswith(_FILES)]
    return turn[: files[0]] if files else turn


def main_requests(log: str) -> list[dict[str, Any]]:
    """What a model was asked, as its log tells, side requests of the programs' own left out."""
    asked = [json.loads(line) for line in whole_lines(log)]
    return [one for one in asked if one.get("main")]


class AgentStage(Stage):
    """A stage whose user has the real programs, dummy keys, and a model on loopback."""

    def __init__(self, root: Path, programs: Path) -> None:
        super().__init__(root)
        self.log = root / "model.jsonl"
        self.log.touch()
        self.model = subprocess.Popen(
            [sys.executable, str(HERE / "model_server.py"), str(self.log)], env=self.env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self.model.stdout
        url = f"http://127.0.0.1:{int(self.model.stdout.readline())}"
        self.env |= {
            "PATH": f"{programs}:{self.env['PATH']}",
            "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": url,
            "OPENAI_API_KEY": "sk-dummy", "OPENAI_BASE_URL": f"{url}/v1",
            "GEMINI_API_KEY": "dummy", "GOOGLE_GEMINI_BASE_URL": url,
        }  # fmt: skip

    def real(self, type_: str, *messages: object, **more: object) -> dict[str, object]:
        """An agent that is one of the real programs."""
        told = {"messages": list(messages)} if messages else {}
        return {"type": type_, "args": ARGS[type_], "env": QUIET, **told, **more}

    def requests(self) -> list[dict[str, Any]]:
        """What the model was asked."""
        return main_requests(self.log.read_text())

    def heard(self) -> list[str]:
        """What the model was told, in order, by however many requests."""
        told: list[str] = []
        for one in self.requests():
            texts = [text for turn in one["turns"] for text in _said(turn)]
            told += texts[len(told) :] if texts[: len(told)] == told else texts
        return told

    def screen(self, agent: str) -> str:
        return self.tmux("capture-pane", "-p", "-t", f"={agent}:", check=False)

    def keys(self, agent: str, *keys: str) -> None:
        """What a person types who is attached."""
        self.tmux("send-keys", "-t", f"={agent}:", *keys)

    def until_state(
        self, agent: str, state: str, timeout: float = 60, *, reason: str = ""
    ) -> dict[str, Any]:
        """reason: what it says, which a program's hook may tell a moment after the state."""

        def there() -> dict[str, Any]:
            found = self.agent(agent)
            if found["state"] != state or reason not in found["reason"]:
                raise OSError(f"{found['state']}: {found['reason']}\n{self.screen(agent)}")
            return found

        return eventually(there, timeout=timeout)

    def close(self) -> None:
        """Stop the agents as a user would: of what they have started nothing may be left."""
        if agents := list(self.agents()):
            self.mng("stop", *agents)
        assert self.model.stdin
        assert self.model.stdout
        self.model.stdin.close()
        self.model.wait()
        self.model.stdout.close()
        super().close()
