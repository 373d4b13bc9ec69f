"""A host's home for each test of the scripts, once with dash and once with bash."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tmux.demo_stage import Stage

from .host_home import Home


@pytest.fixture(params=["dash", "bash"])
def home(request: pytest.FixtureRequest) -> Iterator[Home]:
    """In a short directory, since a socket's path may have no more than 107 bytes."""
    root = Path(tempfile.mkdtemp(prefix="mng-"))
    made = Home(root, request.param)
    try:
        yield made
    finally:
        try:
            made.close()
        finally:
            shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def stage() -> Iterator[Stage]:
    home = Path(tempfile.mkdtemp(prefix="mng-"))
    stage = Stage(home)
    yield stage
    subprocess.run(["tmux", "-S", str(home / "s"), "kill-server"], capture_output=True, check=False)
    shutil.rmtree(home, ignore_errors=True)
