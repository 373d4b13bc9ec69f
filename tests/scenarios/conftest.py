"""Each scenario plays on a stage of its own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .stage import Stage


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A stage in a short directory, since a socket's path may have no more than 107 bytes."""
    root = Path(tempfile.mkdtemp(prefix="mng-"))
    made = Stage(root)
    try:
        yield made
    finally:
        try:
            made.close()
        finally:
            shutil.rmtree(root, ignore_errors=True)
