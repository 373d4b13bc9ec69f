"""What it does: work as an agent does, in a tree that other agents change too."""

from __future__ import annotations

import os
import re
import signal
import time

from .screen import readable

TIMEOUT = 30.0  # seconds for each git command; a hook may never end


class Turn:
    """One message, and how far the work on it is: asking, working, saving."""

    def __init__(self, message: bytes, seconds: float) -> None:
        command = message.strip()
        busy = re.fullmatch(rb"/busy ([0-9]{1,9})", command)
        self.message, self.result = message, ""
        self.line = readable(re.split(rb"[\r\n]", command, maxsplit=1)[0]).rstrip() or "(blank)"
        self.seconds = float(busy.group(1)) if busy else seconds
        self.notes = not busy and command != b"/ask"
        self.work()
        if command == b"/ask" or re.search(rb"(?m)^\s*please ask\s*$", message):
            self.phase = "asking"

    def work(self) -> None:
        self.phase, self.ends = "working", time.monotonic() + self.seconds

    def save(self, agent: str, *, commit: bool) -> None:
        try:
            self.result = take_note(agent, self.line, commit=commit) if self.notes else "done"
        except Exception as error:  # whatever a broken tree brings is told, and is no crash
            self.result = f"failed: {error}"


def take_note(agent: str, line: str, *, commit: bool) -> str:
    """Change a file of the shared tree and commit it. Says what was done.

    Raises OSError if the file can't be written or git refuses or takes too long.
    """
    path = f"notes/{agent}.md"
    os.makedirs("notes", exist_ok=True)
    with open(path, "a", encoding="utf-8") as file:
        file.write(f"- {line}\n")
    if commit and in_repository():
        run("mng-commit", "-m", f"{agent}: {line[:60]}", path)
        return f"noted in {path} and committed"
    return f"noted in {path}"


def in_repository() -> bool:
    try:
        run("git", "rev-parse", "--git-dir")
    except OSError as error:
        if "not a git repository" in str(error):
            return False
        raise
    return True


def run(*command: str) -> str:
    """What a command prints. It may neither ask nor last; what it starts ends with it."""
    import subprocess  # 10 ms that the first screen does not need

    env = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true"}
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    child = subprocess.Popen(
        command, stdin=null, stdout=pipe, stderr=pipe, env=env, encoding="utf-8", errors="replace",
        start_new_session=True,
    )  # fmt: skip
    try:
        out, err = child.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGTERM)  # not SIGKILL, which would leave git's own locks
        child.wait(5)
        raise TimeoutError(f"{command[0]} took more than {TIMEOUT:g} s") from None
    if child.returncode:
        raise OSError(f"{command[0]}: {err.strip() or child.returncode}")
    return out
