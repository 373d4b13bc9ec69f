"""A host that is reached through a local command, or that is this very machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

from mng.errors import CannotRun, HostUnreachable
from mng.model.transport import Completed

_CHUNK = 1 << 16


class ProcessTransport:
    """Runs commands as processes of this machine. `env` is all the environment that they get."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = dict(env)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | BinaryIO = b"",
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """Run a command to its end, in a session of its own.

        The user's Ctrl-C then reaches mng alone, so that no effect is cut in two.
        """
        data = stdin if isinstance(stdin, bytes) else None
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE if isinstance(stdin, bytes) else stdin,
                stdout=subprocess.PIPE if stdout is None else stdout,
                stderr=subprocess.PIPE if stderr is None else stderr,
                env=self.env,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise CannotRun(f"can't run {argv[0]}: {error}") from error
        try:
            out, err = process.communicate(data, timeout)
        except subprocess.TimeoutExpired as error:
            _end(process, signal.SIGKILL)
            raise HostUnreachable(f"no answer within {timeout:g} s") from error
        except BaseException:
            _end(process, signal.SIGINT)
            raise
        return Completed(process.returncode, out or b"", err or b"")

    def attach(self, argv: Sequence[str]) -> int:
        """Hand over the terminal. Restored afterwards, whatever the command left behind."""
        with _terminal_kept():
            return subprocess.call(argv, env={**self.env, **terminal_env()})


def _end(process: subprocess.Popen[bytes], sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, sign)
    try:
        process.communicate(timeout=2)
    except (subprocess.TimeoutExpired, ValueError):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def terminal_env() -> dict[str, str]:
    return {name: os.environ[name] for name in ("TERM", "COLORTERM") if name in os.environ}


@contextlib.contextmanager
def _terminal_kept() -> Iterator[None]:
    if not sys.stdin.isatty():
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def joined(head: bytes, rest: BinaryIO) -> BinaryIO:
    """A stream that is `head` and then the rest. A thread of its own pumps it."""
    reading, writing = os.pipe()

    def pump() -> None:
        with contextlib.suppress(OSError), os.fdopen(writing, "wb", 0) as out:
            out.write(head)
            while chunk := os.read(rest.fileno(), _CHUNK):
                out.write(chunk)

    threading.Thread(target=pump, daemon=True).start()
    return os.fdopen(reading, "rb", 0)
