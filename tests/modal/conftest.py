"""Tests against the loopback Modal, with the real SDK."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.modal_loopback.fixture import Loopback

from .cloud import Cloud


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


@pytest.fixture
def cloud(loopback: Loopback) -> Iterator[Cloud]:
    """A stage of its own on the session's Modal."""
    root = Path(tempfile.mkdtemp(prefix="mng-"))
    made = Cloud(root, loopback)
    try:
        yield made
    finally:
        loopback.inject()
        made.close()
        shutil.rmtree(root, ignore_errors=True)
