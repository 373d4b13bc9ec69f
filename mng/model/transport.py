"""How a machine is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended: its status, and what it wrote where that was not sent elsewhere."""

    status: int
    stdout: bytes = b""
    stderr: bytes = b""


class Transport(Protocol):
    """A way to reach one machine. Blocking; safe to call from several threads."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | BinaryIO = b"",
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """Run a command to its end. `timeout` is seconds; None waits for ever.

        stdin, stdout, stderr: bytes to send, or open binary files to stream from and to.
        Raises HostUnreachable if the machine did not answer or the time ran out.
        """
        ...

    def attach(self, argv: Sequence[str]) -> int:
        """Hand the user's terminal to a command; its exit status. The terminal is restored."""
        ...


@dataclass(frozen=True, slots=True)
class Machine:
    """One host within reach: how to talk to it, and where on it things lie.

    home: the directory that holds the host's marks, journals and tmux socket.
    work_dir: where the agents work. mark: the host's own random id, so that an effect meant for
    one host can't land on its successor of the same name.
    """

    transport: Transport
    home: str
    work_dir: str
    mark: str
    local: bool = False  # shares the user's disk, so a source can be read by path
