"""Every test of this directory runs the real programs, alone with a model on loopback."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .rig import AgentStage, installed, loopback_alone


@pytest.fixture(scope="session")
def programs() -> Path:
    return installed()


@pytest.fixture
def stage(programs: Path) -> Iterator[AgentStage]:
    root = Path(tempfile.mkdtemp(prefix="mng-"))
    try:
        with loopback_alone():
            made = AgentStage(root, programs)
            try:
                yield made
            finally:
                made.close()
    finally:
        shutil.rmtree(root, ignore_errors=True)
