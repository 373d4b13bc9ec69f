"""What is shown: a conversation that scrolls, and one block below it."""

from __future__ import annotations

import contextlib
import os
import termios
import tty

FOLD_BYTES, FOLD_LINES = 800, 4  # a text of more than either is shown as a label

UNPRINTABLE = dict.fromkeys([*range(32), *range(127, 160)], "\ufffd")
UNPRINTABLE.update({9: "    ", 10: "\n", 13: "\n"})


def readable(data: bytes) -> str:
    """Bytes as text that can't steer a terminal."""
    return data.replace(b"\r\n", b"\n").decode("utf-8", "replace").translate(UNPRINTABLE)


def folded(data: bytes) -> str:
    """Bytes as they are shown: a long text by its label alone."""
    lines = data.count(b"\n")
    if len(data) > FOLD_BYTES or lines >= FOLD_LINES:
        return f"[Pasted text #1 +{lines} lines]"
    return readable(data)


def width(text: str) -> int:
    """The columns that a text takes. Where terminals differ, the larger number."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width  # 2 ms that plain text does not need

    wide = sum(char >= "\U0001f000" or east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(category(char) in ("Cf", "Me", "Mn") for char in text)


def wrap(text: str, columns: int) -> list[str]:
    """The rows of a text, none wider than `columns`."""
    rows = [""]
    for char in text:
        if char == "\n" or width(rows[-1] + char) > columns:
            rows.append("")
        rows[-1] += char.strip("\n")
    return rows


class Screen:
    """A conversation that scrolls as any output does, and one block below it, drawn anew in place.

    Only the block is ever erased, so the terminal's scrollback keeps the conversation.
    """

    def __init__(self) -> None:
        self.fresh = ""  # said, but not yet drawn
        self.block: list[str] = []
        self.cursor = (0, 0)  # row and column within the block
        self.before = termios.tcgetattr(0)
        self.size = (80, 24)

    def enter(self) -> None:
        """Take the terminal. What was typed before is dropped, as real agent programs do."""
        tty.setraw(0, termios.TCSAFLUSH)
        write(b"\x1b[?2004h")

    def leave(self) -> None:
        """Give the terminal back as it was, if it is still there."""
        with contextlib.suppress(OSError, termios.error):
            self.draw([""], (0, 0))
            write(b"\x1b[?2004l")
            termios.tcsetattr(0, termios.TCSAFLUSH, self.before)

    def measure(self) -> None:
        columns, rows = os.get_terminal_size(1)
        self.size = (max(columns or 80, 8), max(rows or 24, 6))

    def say(self, mark: str, text: str) -> None:
        self.fresh += f"{mark} {text}".replace("\n", "\r\n  ") + "\r\n"

    def draw(self, block: list[str], cursor: tuple[int, int]) -> None:
        if not self.fresh and block == self.block and cursor == self.cursor:
            return
        # A terminal that became narrower has wrapped the rows above the cursor: count them so.
        columns, (row, column) = self.size[0], self.cursor
        rows = sum(max(1, -(-width(line) // columns)) for line in self.block[:row])
        # Erased from column 1: from the very corner, tmux would copy the screen to its history.
        parts = ["\x1b[?25l", move("A", rows + column // columns), "\r\x1b[K\x1b[C\x1b[J\r"]
        parts += [self.fresh, "\x1b[?7l", "\r\n".join(block), "\x1b[?7h\r"]
        parts += [move("A", len(block) - 1 - cursor[0]), move("C", cursor[1]), "\x1b[?25h"]
        self.fresh, self.block, self.cursor = "", block, cursor
        write("".join(parts).encode("utf-8", "replace"))


def move(direction: str, cells: int) -> str:
    return f"\x1b[{cells}{direction}" if cells else ""  # 0 would move by one


def write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]
