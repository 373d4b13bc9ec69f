"""The files below a directory that live programs write to meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def contents_below(root: Path) -> Iterator[tuple[Path, bytes]]:
    """Each file that stays long enough to be read, and what it holds."""
    for path in root.rglob("*"):
        with suppress(FileNotFoundError):  # taken away since it was listed
            if path.is_file():
                yield path, path.read_bytes()


def files_with(root: Path, words: str) -> list[Path]:
    """Those that hold these words."""
    return [path for path, content in contents_below(root) if words.encode() in content]
