"""Faults of a file, as the user reads them: `file:line:col: what`, the line, a caret."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mng.errors import InvalidFile

SHOWN_WIDTH = 100  # characters of a source line that are shown around the caret
LINE_END = re.compile(r"\r\n|\n|\r")  # what ends a line in YAML 1.2, and so in its line numbers
UNTYPABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # all but TAB and LF
_CONTROLS = (
    "NUL SOH STX ETX EOT ENQ ACK BEL BS TAB LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN "
    "EM SUB ESC FS GS RS US"
)


@dataclass(eq=False)
class Source:
    """A text that the user wrote. `shown` is its path as given; `order` sorts the report."""

    path: Path
    shown: str
    order: int = 0
    text: str = ""

    @cached_property
    def lines(self) -> list[str]:
        return LINE_END.split(self.text)

    def place(self, offset: int) -> Place:
        """Where a character stands, counted from the beginning of the text."""
        before = LINE_END.split(self.text[:offset])
        return Place(self, len(before), len(before[-1]) + 1)


@dataclass(frozen=True, slots=True)
class Place:
    """A character of a text. Lines and columns count from 1; line 0 is the file as a whole."""

    source: Source
    line: int = 0
    col: int = 1

    def __str__(self) -> str:
        """`file:line`, as the plan shows it."""
        return f"{self.source.path.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fault: where, what, and what may have been meant."""

    place: Place
    words: str
    hint: str = ""

    def __str__(self) -> str:
        place, what = self.place, self.words + (f"; {self.hint}" if self.hint else "")
        if not place.line:
            return f"{place.source.shown}: {what}"
        head = f"{place.source.shown}:{place.line}:{place.col}: {what}"
        lines = place.source.lines
        if place.line > len(lines):
            return head
        text, col = _crop(lines[place.line - 1], place.col - 1)
        pad = "".join("\t" if char == "\t" else " " * _width(char) for char in text[:col])
        shown = UNTYPABLE.sub("\ufffd", text)
        number = f"{place.line:>5}"
        return f"{head}\n{number} | {shown}\n{' ' * len(number)} | {pad}^"


def _crop(line: str, col: int) -> tuple[str, int]:
    """The part of a long line around a column, and the column within that part."""
    col = min(col, len(line))
    start = 0 if len(line) <= SHOWN_WIDTH else max(0, col - SHOWN_WIDTH // 2)
    head = "…" if start else ""
    tail = "…" if start + SHOWN_WIDTH < len(line) else ""
    return head + line[start : start + SHOWN_WIDTH] + tail, col - start + len(head)


def _width(char: str) -> int:
    """The terminal columns that a character takes."""
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def char_name(char: str) -> str:
    """A character that can't be shown, by name: `ESC (U+001B)`."""
    code = ord(char)
    if code < 0x20:
        name = _CONTROLS.split()[code]
    elif code == 0x7F:
        name = "DEL"
    else:
        name = "a lone surrogate" if 0xD800 <= code < 0xE000 else "a control character"
    return f"{name} (U+{code:04X})"


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """`did you mean 'x'?` if an option is near to the word, else ""."""
    import difflib  # only a file with faults pays its 8 ms

    named = {option.lower(): option for option in options}
    near = difflib.get_close_matches(word.lower(), list(named), 1, 0.6)
    return f"did you mean {named[near[0]]!r}?" if near else ""


class Faults:
    """The faults found so far. One is kept once, however often it is met."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, str, int, int, str], Diagnostic] = {}
        self._unreadable: set[tuple[str, int]] = set()

    def add(self, place: Place, words: str, hint: str = "") -> None:
        if (place.source.shown, place.line) not in self._unreadable:
            self._add(Diagnostic(place, words, hint))

    def unreadable(self, place: Place, words: str, hint: str = "") -> None:
        """Tell a fault that keeps its line from being understood: nothing more is said of it."""
        self._unreadable.add((place.source.shown, place.line))
        self._add(Diagnostic(place, words, hint))

    def _add(self, fault: Diagnostic) -> None:
        at = fault.place
        key = (at.source.order, at.source.shown, at.line, at.col, fault.words)
        self._found.setdefault(key, fault)

    def check(self, files: Sequence[Path]) -> None:
        """Raises InvalidFile with every fault, if there is one, in the order of the files."""
        if not self._found:
            return
        count = f"{len(self._found)} fault{'s' if len(self._found) > 1 else ''}"
        names = ", ".join(str(file) for file in files)
        report = "\n".join(str(self._found[key]) for key in sorted(self._found))
        raise InvalidFile(f"{count} in {names}", report=report)
