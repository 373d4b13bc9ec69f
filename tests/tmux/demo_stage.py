"""The demo agent in a real tmux server of its own, in a git repository of its own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.tmux.waiting import eventually

DEMO = Path(__file__).parents[2] / "mng" / "agents" / "demo_tui"
BIN = DEMO.parent / "scripts" / "bin"
QUIET = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}


class Stage:
    """A tmux server of its own, one pane with the demo agent, and the tree it works in."""

    def __init__(self, home: Path) -> None:
        self.home, self.tree, self.records = home, home / "tree", home / "records"
        self.tree.mkdir()

    def tmux(self, *argv: str, stdin: bytes = b"") -> str:
        command = ["tmux", "-u", "-f", "/dev/null", "-S", str(self.home / "s"), *argv]
        env = {**os.environ, **QUIET, "MNG_AGENT": "ada", "MNG_HOST": "box", "TMUX": ""}
        env["MNG_AGENT_DIR"] = str(self.records)
        env["PATH"] = f"{BIN}:{os.environ['PATH']}"
        for role in ("AUTHOR", "COMMITTER"):
            env |= {f"GIT_{role}_NAME": "ada", f"GIT_{role}_EMAIL": "ada@mng.invalid"}
        done = subprocess.run(command, input=stdin, capture_output=True, env=env, check=True)
        return done.stdout.decode()

    def open(self, shell: str, *, size: tuple[int, int] = (100, 30)) -> None:
        self.tmux(
            *("set-option", "-g", "remain-on-exit", "on", ";", "new-session", "-d", "-s", "demo"),
            *("-x", str(size[0]), "-y", str(size[1]), "-c", str(self.tree), shell),
        )

    def start(self, *options: str) -> None:
        """Run the demo agent as the pane's own process, until it is ready."""
        self.open("exec " + demo(*options))
        eventually(lambda: self.state() == "idle")

    def paste(self, text: bytes) -> None:
        paste = ["paste-buffer", "-p", "-r", "-d", "-t", "=demo:"]
        self.tmux("load-buffer", "-", ";", *paste, stdin=text)

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", "-t", "=demo:", *keys)

    def say(self, text: bytes) -> None:
        self.paste(text)
        self.press("Enter")

    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-t", "=demo:")

    def scrollback(self) -> str:
        return self.tmux("capture-pane", "-p", "-S", "-", "-t", "=demo:")

    def composer(self) -> str:
        """The rows between the last two rules of the screen; "" while there are not two."""
        rows = self.screen().split("\n")
        rules = [at for at, row in enumerate(rows) if row.startswith("────")]
        return "\n".join(rows[rules[-2] + 1 : rules[-1]]) if len(rules) > 1 else ""

    def status(self) -> dict[str, Any]:
        status: dict[str, Any] = json.loads((self.records / "status.json").read_text())
        return status

    def state(self) -> str:
        return str(self.status()["state"])

    def transcript(self, kind: str = "user") -> list[dict[str, Any]]:
        """The whole lines: who reads while 1 MB is being written sees the begin of the last one."""
        lines = (self.records / "transcript.jsonl").read_text().split("\n")[:-1]
        return [entry for entry in map(json.loads, lines) if entry["type"] == kind]

    def told(self, kind: str = "user") -> list[str]:
        try:
            return [entry["text"] for entry in self.transcript(kind)]
        except FileNotFoundError:
            return []

    def ended(self) -> str:
        """How the pane's process ended, as "STATUS" or "signal N", once it has."""
        # A tmux with libutempter may miss a pane's SIGCHLD (tmux#311); that of a job makes it look.
        self.tmux("run-shell", "-b", "true")
        form = "#{pane_dead} #{?pane_dead_signal,signal #{pane_dead_signal},#{pane_dead_status}}"
        shown = self.tmux("display-message", "-p", "-t", "=demo:", form)
        dead, _, how = shown.strip().partition(" ")
        return how if dead == "1" else ""

    def git(self, *argv: str) -> str:
        env = {**os.environ, **QUIET}
        who = ["-c", "user.name=user", "-c", "user.email=user@mng.invalid"]
        done = subprocess.run(
            ["git", *who, *argv], cwd=self.tree, env=env, capture_output=True, check=True
        )
        return done.stdout.decode()

    def repository(self) -> None:
        """The tree is a git repository with one commit and a file in it."""
        self.git("init", "-q")
        (self.tree / "shared.txt").write_text("one\n")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "first")


def demo(*options: str) -> str:
    return shlex.join([sys.executable, str(DEMO), *options])


def idle(stage: Stage, *, turns: int) -> bool:
    return len(stage.told("assistant")) == turns and stage.state() == "idle"
