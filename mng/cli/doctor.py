"""The command that looks at this machine: doctor."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

import typer

from mng.agents.kind import find_kind
from mng.engine.threads import at_once
from mng.errors import MngError
from mng.hosts.local import mng_home
from mng.hosts.provider import find_provider, has_modal_token

Check = Callable[[], str]  # its line, which begins with ok, with - for what may be missing, or BAD


def doctor() -> None:
    """Check what mng needs on this machine, and say what fixes what is missing."""
    checks: list[Check] = [
        partial(_program, "tmux", "-V", (3, 2)),
        partial(_program, "git", "--version", (2, 30)),
        *(partial(_agents, name) for name in ("claude", "codex", "opencode", "gemini")),
        _modal,
        _home,
    ]
    lines = at_once(lambda check: check(), checks)
    print("\n".join(lines))
    raise typer.Exit(1 if any(line.startswith("BAD") for line in lines) else 0)


def _program(name: str, flag: str, least: tuple[int, int]) -> str:
    version = _version(name, flag)
    found = ".".join(map(str, version)) if version else "missing"
    if version is not None and version >= least:
        return f"ok  {name} {found}"
    fix = f"apt install {name}   or   brew install {name}"
    return f"BAD {name} {found} (needs {'.'.join(map(str, least))}): {fix}"


def _version(program: str, flag: str) -> tuple[int, ...] | None:
    if not shutil.which(program):
        return None
    said = subprocess.run([program, flag], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    return tuple(map(int, found.groups())) if found else (0,)


def _agents(name: str) -> str:
    """What an agent program would find to log in with: the names alone."""
    kind = find_kind(name)
    if not shutil.which(kind.program):
        return f"-   {name} is not here: {kind.install}"
    keys = [key for key in kind.credentials if not key.endswith("_BASE_URL")]
    there = [key for key in kind.credentials if os.environ.get(key)]
    login = (Path.home() / kind.login).is_file()
    if not login and not set(keys) & set(there):  # a base URL proves nothing
        found = f"no {' or '.join(keys)} is set"
        return f"-   {name}: {found}, and there is no ~/{kind.login}: {kind.program}"
    return f"ok  {name}: {', '.join([*there, *[f'~/{kind.login}'] * login])}"


def _modal() -> str:
    """Whether Modal takes the token; asked within the deadline of every look there."""
    if not has_modal_token():
        return "-   modal has no token: modal setup"
    try:
        find_provider("modal").find()
    except MngError as error:
        hint = "" if error.hint in str(error) else f"; try: {error.hint}"
        return f"BAD modal: {error}{hint}"
    return "ok  modal: it takes the token"


def _home() -> str:
    home = mng_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        (home / ".probe").touch()
        (home / ".probe").unlink()
    except OSError as error:
        return f"BAD {home}: {error.strerror}: export MNG_HOME=DIRECTORY"
    return f"ok  {home} can be written"
