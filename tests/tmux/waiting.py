"""Waiting for what is about to become true, instead of sleeping and hoping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def whole_lines(text: str) -> list[str]:
    """The lines of what somebody may just be writing: one without its end is not there yet."""
    return text[: text.rfind("\n") + 1].splitlines()


def eventually(condition: Callable[[], T], *, timeout: float = 60.0) -> T:
    """What the condition returns as soon as that is true. `timeout` is seconds.

    Raises AssertionError with the last value. A condition may raise OSError for "not yet".
    """
    deadline = time.monotonic() + timeout
    while True:
        value: T | OSError
        try:
            value = condition()
            if value:
                return value
        except OSError as error:
            value = error
        assert time.monotonic() < deadline, f"not within {timeout:g} s; the last was {value!r}"
        time.sleep(0.01)
