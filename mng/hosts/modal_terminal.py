"""connect: the user's terminal and an agent's, over a pty exec."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def attach(transport: Any, argv: Sequence[str]) -> int:
    raise NotImplementedError
