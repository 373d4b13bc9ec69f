"""Each test has a place of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .place import Place, a_place


@pytest.fixture
def place() -> Iterator[Place]:
    with a_place() as made:
        yield made
