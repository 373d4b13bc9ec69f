"""Tests against the loopback Modal, with the real SDK."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.modal_loopback.fixture import Loopback, loopback, modal_server

__all__ = ["loopback", "modal_server"]


@pytest.fixture(scope="session")
def app(modal_server: Loopback) -> Any:
    import modal

    return modal.App.lookup("tests", create_if_missing=True)


@pytest.fixture
def sandbox(loopback: Loopback, app: Any) -> Iterator[Callable[..., Any]]:
    """Makes sandboxes that last as long as the test."""
    import modal

    made = []

    def make(*command: str, **options: Any) -> Any:
        options.setdefault("image", modal.Image.debian_slim())
        one = modal.Sandbox.create(*command or ("sleep", "1000"), app=app, **options)
        made.append(one)
        return one

    yield make
    loopback.inject()
    for one in made:
        with contextlib.suppress(modal.exception.SandboxTimeoutError):
            one.terminate(wait=True)  # only then its name is free
        one.detach()
