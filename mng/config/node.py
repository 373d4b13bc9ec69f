"""Values that know their file, line and column."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from mng.config.diagnostic import Place

Path_: TypeAlias = tuple["str | int", ...]  # keys and indexes, from the top of the file


# One character of a text, as it is written in each style of quotes.
_WRITTEN = {
    "": re.compile("."),
    "'": re.compile("''|."),
    '"': re.compile(r"\\x..|\\u.{4}|\\U.{8}|\\.|."),
}


class WrittenInt(int):
    """A whole number that knows how it was written: `env: {CODE: 007}` keeps its zeros."""

    written: str


class WrittenFloat(float):
    """A number that knows how it was written: `python: 3.10` is not 3.1."""

    written: str


@dataclass(slots=True, eq=False)
class Node:
    """A value and where it stands. value: dict[str, Node], list[Node] or a plain scalar.

    key: where its key stands; for an item of a list, where the item does.
    style: how a text was quoted (`|`, `>`, `"`, `'`), "" if not; None once it was rendered.
    """

    value: Any
    at: Place
    key: Place
    style: str | None = ""

    def children(self) -> Iterator[tuple[str | int, Node]]:
        if isinstance(self.value, dict):
            yield from self.value.items()
        elif isinstance(self.value, list):
            yield from enumerate(self.value)

    def get(self, *path: str | int) -> Node | None:
        """The node below this one at a path, or None."""
        node: Node | None = self
        for part in path:
            if node is None or not isinstance(node.value, dict | list):
                return None
            if isinstance(node.value, dict):
                node = node.value.get(part)
            else:
                inside = isinstance(part, int) and part < len(node.value)
                node = node.value[int(part)] if inside else None
        return node

    def near(self, *path: str | int) -> Node:
        """The node at a path, or else the nearest one above it."""
        while (found := self.get(*path)) is None:
            path = path[:-1]
        return found

    def plain(self) -> Any:
        """The value without the places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def place_of(self, offset: int) -> Place:
        """Where a character of this text stands in the file, as exactly as its style tells."""
        text, at = self.value, self.at
        if not text or not isinstance(text, str) or self.style is None:
            return at
        if self.style == "|":
            return self._in_block(text, offset)
        if self.style == ">" or (not self.style and " " in text):
            return self._in_folded(text, offset)
        begin = at.col - 1 + len(self.style)
        written = _WRITTEN[self.style].finditer(at.source.lines[at.line - 1], begin)
        char = next(itertools.islice(written, offset, None), None)
        # Quoted text of several lines is folded, so only its first line is as it was written.
        return Place(at.source, at.line, char.start() + 1) if char else at

    def _in_block(self, text: str, offset: int) -> Place:
        """In `|`: lines are as written, but for their indentation."""
        lines, number = self.at.source.lines, self.at.line + text.count("\n", 0, offset)
        start = text.rfind("\n", 0, offset) + 1
        content = text[start:].split("\n", 1)[0]
        if number >= len(lines) or not lines[number].endswith(content):
            return self.at
        col = len(lines[number]) - len(content) + offset - start + 1
        return Place(self.at.source, number + 1, col)

    def _in_folded(self, text: str, offset: int) -> Place:
        """In `>` or without quotes: all is as written, but for blanks and line ends."""
        left = len("".join(text[:offset].split()))
        row = self.at.line if self.style == ">" else self.at.line - 1
        col = 0 if self.style == ">" else self.at.col - 1
        for number, line in enumerate(self.at.source.lines[row:], row + 1):
            for char in re.finditer(r"\S", line[col:]):
                if not left:
                    return Place(self.at.source, number, col + char.start() + 1)
                left -= 1
            col = 0
        return self.at
