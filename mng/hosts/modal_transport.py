"""A sandbox as a machine: commands by exec, with streams both ways."""

from __future__ import annotations

import asyncio
import math
import os
import select
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from mng.errors import CannotRun, HostError, HostGone, HostUnreachable
from mng.hosts.modal_client import ask, sdk, together
from mng.hosts.provider import script
from mng.model.transport import Completed

if TYPE_CHECKING:
    from modal import Sandbox

_PIECE = 1 << 18  # bytes of stdin at once; Modal takes 16 MiB
_ALIVE = 4.0  # seconds after which a client without stdin to send says that it lives
_MOST = 65_000  # characters of a command line, a little below Modal's limit
_MARGIN = 0.2  # seconds before its deadline from which on an output may be cut short
_PAUSES = (0.5, 1.0, 2.0)  # seconds before what Modal's rate limit refused is asked again
_GRACE = 5.0  # seconds for Modal beyond the command's own time
_MARK = "MNG_EXEC"  # a variable by which a command that must end is found again


class SandboxTransport:
    """Runs commands in a sandbox. They get the sandbox's environment and no other."""

    def __init__(self, box: Sandbox) -> None:
        self.box = box

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | BinaryIO = b"",
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """Run a command to its end. One that is given up ends in the sandbox, too."""
        if sum(map(len, argv)) > _MOST:
            raise CannotRun("the command line is too long for Modal", hint="send it by stdin")
        command = _Command(self.box, argv, stdin, stdout, stderr, timeout)
        whole = None if timeout is None else timeout + _GRACE
        try:
            done = ask(command.run(), timeout=whole)
        except BaseException:
            if stdout is not None:
                self._end(command.mark)
            raise
        finally:
            os.close(command.wake)
        if done.status == -1 and timeout is not None:
            self._end(command.mark)
            raise HostUnreachable(f"no answer within {timeout:g} s")
        return done

    def _end(self, mark: str) -> None:
        """End all that came from a command: Modal itself ends none before its time."""
        text = (
            f"for p in /proc/[0-9]*; do grep -qsz '^{_MARK}={mark}$' $p/environ && "
            "kill -s INT ${p#/proc/} && set -- $* ${p#/proc/}; done; sleep 1; kill -s KILL $*"
        )
        with suppress(HostError):
            ask(_start(self.box, ["sh", "-c", text], timeout=10))

    def attach(self, argv: Sequence[str]) -> int:
        """Hand over the terminal, and attach anew when the connection breaks."""
        from mng.hosts.modal_terminal import attach

        return attach(partial(_start, self.box), self._end, self._check_alive, argv)

    def _check_alive(self, tries: int) -> None:
        """Raise HostGone if the sandbox has ended. tries: looks, half a second apart."""
        if (code := ask(_code(self.box, tries))) is not None:
            raise HostGone(how_it_ended(code), hint="mng list")


async def _code(box: Sandbox, tries: int) -> int | None:
    """The status that a sandbox has ended with; None as long as it lives."""
    while (code := await box.poll.aio()) is None and (tries := tries - 1) > 0:
        await asyncio.sleep(0.5)
    return code


def how_it_ended(code: int) -> str:
    """What a sandbox has ended of, by its status."""
    return {0: "it has ended", 124: "its time was over"}.get(code, "Modal ended it")


async def _start(box: Sandbox, argv: Sequence[str], *, mark: str = "", **how: Any) -> Any:
    if mark:
        how["env"] = {**how.get("env", {}), _MARK: mark}
    for pause in _PAUSES:
        try:
            return await box.exec.aio(*argv, text=False, **how)
        except sdk().exception.ResourceExhaustedError:  # nothing was begun
            await asyncio.sleep(pause)
    return await box.exec.aio(*argv, text=False, **how)


class _Command:
    """One exec: stdin, stdout, stderr and the status move at the same time."""

    def __init__(
        self, box: Sandbox, argv: Sequence[str], stdin: bytes | BinaryIO,
        stdout: BinaryIO | None, stderr: BinaryIO | None, timeout: float | None,
    ) -> None:  # fmt: skip
        self.mark = os.urandom(8).hex()
        self._box, self._argv = box, argv
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self._timeout = None if timeout is None else math.ceil(timeout)
        self.wake, self._ended = os.pipe()  # stops the thread that waits for stdin

    async def run(self) -> Completed:
        # Only what streams may have to be ended; what a script leaves running must not be found.
        mark = self.mark if self._stdout is not None else ""
        try:
            process = await _start(self._box, self._fed(), timeout=self._timeout, mark=mark)
            began = time.monotonic()
            writing = asyncio.ensure_future(self._feed(process.stdin))
            try:
                status, out, err = await together(
                    process.wait.aio(),
                    _copy(process.stdout, self._stdout),
                    _copy(process.stderr, self._stderr),
                )
            finally:
                writing.cancel()
        finally:
            os.close(self._ended)
        # At its deadline the SDK ends the streams without a word, whatever the status says.
        late = self._timeout is not None and time.monotonic() - began > self._timeout - _MARGIN
        return Completed(-1 if late else status, out, err)

    def _fed(self) -> list[str]:
        if self._stdin == b"":
            return ["sh", "-c", 'exec "$@" </dev/null', "mng", *self._argv]
        return ["sh", "-c", script("feed"), "mng", *self._argv]

    async def _feed(self, stdin: Any) -> None:
        """Send stdin in pieces. A command that has ended has no need of the rest."""
        try:
            if isinstance(self._stdin, bytes):
                for start in range(0, len(self._stdin), _PIECE):
                    await _send(stdin, self._stdin[start : start + _PIECE])
            else:
                source = self._stdin.fileno()
                while (piece := await asyncio.to_thread(_read, source, self.wake)) is not None:
                    await _send(stdin, piece)
            if self._stdin != b"":
                stdin.write(b"end.....")
                await stdin.drain.aio()
        except (sdk().exception.Error, ValueError, OSError):
            pass


async def _send(stdin: Any, piece: bytes) -> None:
    stdin.write(b"%08d" % len(piece) + piece)
    await stdin.drain.aio()


def _read(source: int, wake: int) -> bytes | None:
    """The next bytes; None at the end, or once the other end of `wake` is closed; b"" if there
    are none for a while."""
    ready, _, _ = select.select([source, wake], [], [], _ALIVE)
    if wake in ready:
        return None
    return (os.read(source, _PIECE) or None) if ready else b""


async def _copy(stream: Any, out: BinaryIO | None) -> bytes:
    """All of a stream, or nothing where it went to a file."""
    kept = bytearray()
    async for chunk in stream:
        if out is None:
            kept += chunk
            continue
        out.write(chunk)
        out.flush()
    return bytes(kept)
