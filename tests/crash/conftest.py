"""Each test has a place of its own, once for each provider.

On Modal, which takes longer, every other point and one of two moments have to do, unless pytest is
given `--everywhere`: what comes after an effect comes before the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from tests.modal_loopback.fixture import Loopback

from .place import Ground, Place, a_place
from .place_modal import ModalPlace

CASES: dict[str, list[tuple[str, object]]] = {
    "half": [("local", 0), ("local", 1), ("modal", 0), ("modal", 1)],
    "moment": [("local", "before"), ("local", "after"), ("modal", "before"), ("modal", "after")],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "ground" not in metafunc.fixturenames:
        return
    for name, cases in CASES.items():
        if name in metafunc.fixturenames:
            some = cases if metafunc.config.getoption("everywhere") else cases[:-1]
            metafunc.parametrize(("ground", name), some, indirect=["ground"])
            return
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
