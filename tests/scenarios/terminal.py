"""A terminal with a program in it, as a person has one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from typing import Any

from tests.tmux.waiting import eventually

from .stage import Stage


class Terminal:
    """A pty of 100 columns and 30 rows whose near end the test holds."""

    def __init__(self, stage: Stage, *argv: str) -> None:
        self.near, self.far = pty.openpty()
        fcntl.ioctl(self.far, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.before = termios.tcgetattr(self.far)
        self.seen = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mng", *argv], stdin=self.far, stdout=self.far,
            stderr=self.far, env=stage.env, cwd=stage.repo, start_new_session=True,
            preexec_fn=self._take,
        )  # fmt: skip

    def _take(self) -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def settings(self) -> list[Any]:
        return termios.tcgetattr(self.far)

    def type(self, keys: bytes) -> None:
        os.write(self.near, keys)

    def screen(self) -> bytes:
        """All that was drawn so far."""
        while select.select([self.near], [], [], 0)[0]:
            self.seen += os.read(self.near, 65536)
        return self.seen

    def shows(self, words: bytes) -> None:
        eventually(lambda: words in self.screen())

    def ends(self) -> int:
        """The status of the program as soon as it has ended."""
        eventually(lambda: self.screen() and self.process.poll() is not None)
        return int(self.process.returncode)


@contextlib.contextmanager
def terminal(stage: Stage, *argv: str) -> Iterator[Terminal]:
    """mng in a terminal."""
    made = Terminal(stage, *argv)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
        made.process.wait()
        os.close(made.near)
        os.close(made.far)
