"""Rows in columns, ages, and colour."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TextIO

_COLOURS = {"green": "32", "red": "31", "yellow": "33", "dim": "2", "bold": "1"}


class Paint:
    """Colour for a terminal that wants it, nothing for all else. Source: no-color.org."""

    def __init__(self, stream: TextIO, *, never: bool = False) -> None:
        self.on = stream.isatty() and not never and not os.environ.get("NO_COLOR")

    def __call__(self, colour: str, text: str) -> str:
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self.on and text else text


def columns(rows: Sequence[Sequence[str]], *, gap: int = 3) -> list[str]:
    """Rows in columns as wide as their cells."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))] if rows else []
    return [
        (" " * gap)
        .join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        .rstrip()
        for row in rows
    ]


def short(text: str) -> str:
    """The text as one line of at most 60 characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= 60 else flat[:57] + "..."


def ago(since: int, now: float | None = None) -> str:
    """`12s`, `5m`, `3h`, `2d` since then."""
    if not since:
        return ""
    seconds = max(0, int((now or time.time()) - since))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
