"""Each test has a place of its own, once for each provider."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.modal_loopback.fixture import Loopback

from .place import Ground, Place, a_place
from .place_modal import ModalPlace


@pytest.fixture(params=["local", "modal"])
def ground(request: pytest.FixtureRequest) -> Ground:
    """What makes places whose hosts are of this provider."""
    if request.param == "local":
        return Ground("local", Place)
    server: Loopback = request.getfixturevalue("loopback")
    return Ground("modal", partial(ModalPlace, server))


@pytest.fixture
def place(ground: Ground) -> Iterator[Place]:
    with a_place(ground) as made:
        yield made
