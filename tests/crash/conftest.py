"""Each test has a place of its own, once for each provider.

To die at every point and moment takes half an hour: a part of them has to do, unless pytest is
given `--everywhere`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import pytest

from tests.modal_loopback.fixture import Loopback

from .place import PARTS, Ground, Place, a_place
from .place_modal import ModalPlace

# What a test is given, and what of it has to do without `--everywhere`.
CASES: dict[str, tuple[Sequence[object], Sequence[object]]] = {
    "part": (range(PARTS), [0]),  # of the points at which a command is killed
    "moment": (["before", "after"], ["before"]),  # what comes after an effect comes before the next
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, (all_, some) in CASES.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, all_ if metafunc.config.getoption("everywhere") else some)
    if "ground" in metafunc.fixturenames:
        metafunc.parametrize("ground", ["local", "modal"], indirect=True)


@pytest.fixture
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
