"""Each scenario plays on a stage of its own, once for each provider of hosts.

What is about this machine by its nature is marked `local_only`, with the reason; what is the same
for every provider is marked `alike`, and plays on Modal too if pytest is given `--everywhere`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.modal.cloud import Cloud

from .stage import Stage


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "stage" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker
        alike = marked("alike") and not metafunc.config.getoption("everywhere")
        places = ["local"] if alike or marked("local_only") else ["local", "modal"]
        metafunc.parametrize("stage", places, indirect=True)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A stage in a short directory, since a socket's path may have no more than 107 bytes."""
    root = Path(tempfile.mkdtemp(prefix="mng-"))
    modal = request.param == "modal"
    made = Cloud(root, request.getfixturevalue("loopback")) if modal else Stage(root)
    try:
        yield made
    finally:
        try:
            made.close()
        finally:
            shutil.rmtree(root, ignore_errors=True)
