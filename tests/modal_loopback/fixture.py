"""The loopback Modal for pytest: one server a session, which tests may hurt and look into.

The top conftest alone takes these fixtures: each that did would have a server of its own, and the
SDK within the process remembers the first.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.modal_loopback.inside import linux

_REPOSITORY = Path(__file__).resolve().parents[2]
_LONGEST_START = 20.0


class NoLoopback(Exception):
    """The server ended before it was there; the text is what it said."""


@dataclass(frozen=True)
class Loopback:
    """A server that runs, and what it takes to speak with it."""

    process: subprocess.Popen[bytes]
    url: str
    rpc_log: Path
    faults_file: Path

    @property
    def env(self) -> dict[str, str]:
        """The variables by which the SDK, and so `mng`, finds this Modal and no other."""
        return {
            "MODAL_SERVER_URL": self.url,
            "MODAL_TOKEN_ID": "ak-test",
            "MODAL_TOKEN_SECRET": "as-test",
            "MODAL_CONFIG_PATH": "/nonexistent",
            "MODAL_ENVIRONMENT": "main",
        }

    def inject(self, *rules: dict[str, object]) -> None:
        """Make these the faults from the next request on, see faults.py; none at all heals it."""
        new = self.faults_file.with_suffix(".new")
        new.write_text(json.dumps(rules))
        new.rename(self.faults_file)

    def rpcs(self, *, since: float = 0.0) -> list[dict[str, Any]]:
        """The requests that began after a time of the clock, by the order of their begin."""
        text = self.rpc_log.read_text() if self.rpc_log.exists() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        return sorted((one for one in lines if one["start"] >= since), key=lambda one: one["start"])


def depth(rpcs: list[dict[str, Any]]) -> int:
    """How many round trips lie one after the other: what latency is multiplied by."""
    count, free_at = 0, 0.0
    for one in sorted(rpcs, key=lambda one: one["end"]):
        if one["start"] >= free_at:
            count, free_at = count + 1, one["end"]
    return count


def start(directory: Path, *options: str) -> Loopback:
    """Start a server that ends with this process at the latest. Raises NoLoopback."""
    announce, log, faults = (directory / name for name in ("announce", "rpcs", "faults"))
    command = [sys.executable, "-m", "tests.modal_loopback", "--announce", str(announce)]
    command += ["--rpc-log", str(log), "--faults", str(faults), *options]
    with (directory / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            command,
            cwd=_REPOSITORY,
            stderr=stderr,
            preexec_fn=lambda: linux.die_with_parent(signal.SIGKILL),
        )
    deadline = time.monotonic() + _LONGEST_START
    while not announce.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            said = (directory / "stderr").read_text(errors="replace")
            raise NoLoopback(said.strip() or "the server did not start in time")
        time.sleep(0.01)
    return Loopback(process, json.loads(announce.read_text())["url"], log, faults)


def stop(server: Loopback) -> None:
    """End a server, and with it all that it runs."""
    server.process.kill()
    server.process.wait()


@pytest.fixture(scope="session")
def modal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loopback]:
    """One server for all tests of a session; it also becomes this process's Modal."""
    try:
        server = start(tmp_path_factory.mktemp("modal"), "--page-size", "3")
    except NoLoopback as error:
        pytest.fail(str(error))
    before = {name: os.environ.get(name) for name in server.env}
    os.environ.update(server.env)
    yield server
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    stop(server)


@pytest.fixture
def loopback(modal_server: Loopback) -> Iterator[Loopback]:
    """The session's server, healed of what a test before did to it."""
    modal_server.inject()
    yield modal_server
    modal_server.inject()
