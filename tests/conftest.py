"""What every test relies on."""

from __future__ import annotations

import signal

import pytest

from tests import warm
from tests.modal_loopback.fixture import loopback, modal_server

__all__ = ["loopback", "modal_server"]

# Whoever starts the tests in the background has Ctrl-C ignored, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--everywhere", action="store_true",
        help="each scenario on every provider, also where they are alike; death at every moment",
    )  # fmt: skip


def pytest_sessionfinish() -> None:
    warm.close()
