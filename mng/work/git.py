"""git on the user's machine: read-only unless asked, and deaf to hooks and inherited variables."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from mng.errors import MissingProgram, MngError

OPTIONS = (
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0",
    "-c", "maintenance.auto=false", "-c", "transfer.fsckObjects=false",
    "-c", "safe.bareRepository=all", "-c", "core.bigFileThreshold=16m",  # streamed, not in memory
)  # fmt: skip

# Where git and its configuration are; every other GIT_ variable could point it elsewhere.
KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH")


class GitFailed(MngError):
    """git on the user's machine ended with a status other than 0."""


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The caller's environment without what would turn git to another repository."""
    kept = {k: v for k, v in os.environ.items() if k in KEPT or not k.startswith("GIT_")}
    kept |= {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    return kept | dict(more or {})


def start_git(
    where: Path, *args: str, env: Mapping[str, str] | None = None, **streams: object
) -> subprocess.Popen[bytes]:
    """Start git in a directory. Raises MissingProgram."""
    command = ["git", *OPTIONS, "-C", str(where), *args]
    try:
        return subprocess.Popen(command, env=environment(env), **streams)  # type: ignore[call-overload,no-any-return]
    except FileNotFoundError as error:
        raise MissingProgram("git is not on this machine", hint="install git") from error


def run_git(
    where: Path, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None
) -> bytes:
    """What git prints. env: more variables. Raises GitFailed, MissingProgram."""
    pipe = subprocess.PIPE
    process = start_git(where, *args, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
    stdout, stderr = process.communicate(stdin)
    if process.returncode != 0:
        raise GitFailed(f"git {args[0]}: {last_line(stderr) or process.returncode}")
    return stdout


def ask_git(where: Path, *args: str) -> str | None:
    """One line of git's output without its newline, or None where git has no answer."""
    try:
        return os.fsdecode(run_git(where, *args).removesuffix(b"\n"))
    except GitFailed:
        return None


def is_bare(repository: Path) -> bool:
    """Whether it has no work tree. Raises GitFailed."""
    return run_git(repository, "rev-parse", "--is-bare-repository") == b"true\n"


def last_line(stderr: bytes) -> str:
    """What matters of git's complaint: its last `fatal:` or `error:`, else its last line."""
    lines = [line for line in stderr.decode(errors="replace").splitlines() if line.strip()]
    marked = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (marked or lines or [""])[-1]
