"""connect: the user's terminal and an agent's, over a pty exec.

The SDK's own `attach` never sends a new size, leaves the terminal non-blocking, and ends at a byte
that is no UTF-8.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from mng.errors import HostError, HostGone, HostUnreachable
from mng.hosts.modal_client import ask, sdk, together
from mng.hosts.process import terminal_env

_PATIENCE = 120.0  # seconds for which a broken connection is made anew
_PAUSE = 1.0  # seconds between two attempts
_AGAIN = -2  # a status: the size could not be told, or the client was given up; so attach anew
_OWN = (0, 1)  # the statuses of tmux itself, which leaves the terminal as it was
_TRIES = 6  # to hear that a sandbox has ended: its commands have before it is known
_STALE = 75  # the status of an attachment that was ended for the silence of its client
_ALIVE = 4.0  # seconds after which a client says that it lives; 15 s of silence end it

# The near end of a broken connection still has what tmux has switched on.
_RESET = b"\x1b[?1049l\x1b[?25h\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?2004l\x1b[0m\r\n"

# Its tty is told to those who change its size; what nobody knows there is an xterm.
_BEGIN = """
infocmp "$TERM" >/dev/null 2>&1 || TERM=xterm-256color
tty >"/tmp/.mng-tty-$1"
stty rows "$2" cols "$3"
trap "rm -f '/tmp/.mng-tty-$1' '/tmp/.mng-stale-$1'" EXIT
mark=$1
shift 3
"$@" && status=0 || status=$?
[ ! -e "/tmp/.mng-stale-$mark" ] || exit 75
exit "$status"
"""
_RESIZE = 'stty -F "$(cat "/tmp/.mng-tty-$1")" rows "$2" cols "$3"'

# A client that was killed can't end what it has attached, nor does Modal: this one does. On its
# stdin the client says while it lives that it does, a line at a time.
_GUARD = """
while timeout 15 dd bs=6 count=1 iflag=fullblock 2>/dev/null | grep -q alive; do :; done
touch "/tmp/.mng-stale-$1"
for p in /proc/[0-9]*; do
    ! grep -qszx "MNG_EXEC=$1" "$p/environ" || case $(cat "$p/comm" 2>/dev/null) in
        tmux*) kill -s HUP "${p#/proc/}" ;;
    esac
done
sleep 5
rm -f "/tmp/.mng-stale-$1"
"""

Start = Callable[..., Any]


def attach(
    start: Start, end: Callable[[str], None], check: Callable[[int], None], argv: Sequence[str]
) -> int:
    """Hand over the terminal until the command ends; its status.

    start: an exec, with the SDK's own options. end: ends all that a mark names.
    check: raises HostGone if the sandbox has ended, which a status other than 0 may come from.
    Raises HostGone, HostUnreachable if the connection can't be made anew.
    """
    deadline = 0.0
    with _raw_terminal():
        while True:
            one = _Attachment(start, argv)
            try:
                status = ask(one.run(), timeout=None)
                if status == _AGAIN:
                    continue
                if status != 0:
                    check(_TRIES if status not in _OWN else 1)
                if status not in _OWN:
                    _tell(_RESET)
                return status
            except HostGone:
                _tell(_RESET)
                raise
            except HostUnreachable:
                now = time.monotonic()
                deadline = now + _PATIENCE if one.worked else deadline or now
                _tell(_RESET)
                if now > deadline:
                    raise
                _tell(b"mng: the connection broke; attaching again, Ctrl-C to give up\r\n")
                time.sleep(_PAUSE)
            finally:
                with suppress(HostError):
                    end(one.mark)


class _Attachment:
    """One pty exec. worked: something came from it."""

    def __init__(self, start: Start, argv: Sequence[str]) -> None:
        self.mark, self.worked = secrets.token_hex(8), False
        self._start, self._argv = start, argv

    async def run(self) -> int:
        loop, resized = asyncio.get_running_loop(), asyncio.Event()
        before = signal.signal(signal.SIGWINCH, lambda *_: loop.call_soon_threadsafe(resized.set))
        size = _size()
        argv = ["sh", "-c", _BEGIN, "mng", self.mark, *size, *self._argv]
        env = {"TERM": "xterm-256color", **terminal_env()}
        try:
            process = await self._start(argv, pty=True, env=env, mark=self.mark)
            typing = asyncio.ensure_future(self._type(process.stdin))
            watching = asyncio.ensure_future(self._watch(resized))
            guarded = asyncio.ensure_future(self._say_alive())
            showing = asyncio.ensure_future(together(process.wait.aio(), self._show(process)))
            ends = [showing, watching, guarded]
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            for task in (typing, *ends):
                task.cancel()
            status = int(showing.result()[0]) if showing in done else _AGAIN
            return _AGAIN if status == _STALE else status
        finally:
            signal.signal(signal.SIGWINCH, before)

    async def _show(self, process: Any) -> None:
        async for chunk in process.stdout:
            self.worked = True
            _tell(chunk)

    async def _type(self, stdin: Any) -> None:
        """Keys as they come. Not by a thread: one that waits for a key would swallow it."""
        keys: asyncio.Queue[bytes] = asyncio.Queue()
        loop, source = asyncio.get_running_loop(), sys.stdin.fileno()
        loop.add_reader(source, lambda: keys.put_nowait(os.read(source, 1 << 16)))
        try:
            while chunk := await keys.get():
                stdin.write(chunk)
                await stdin.drain.aio()
        finally:
            loop.remove_reader(source)

    async def _say_alive(self) -> None:
        """As long as this client lives; returns when nobody hears it any more."""
        guard = await self._start(["sh", "-c", _GUARD, "mng-guard", self.mark])
        with suppress(sdk().exception.Error, OSError, ValueError):
            while True:
                guard.stdin.write(b"alive\n")
                await guard.stdin.drain.aio()
                await asyncio.sleep(_ALIVE)

    async def _watch(self, resized: asyncio.Event) -> None:
        """Tell each new size; returns when one could not be told."""
        told = _size()
        while True:
            if (size := _size()) != told:
                argv = ["sh", "-c", _RESIZE, "mng", self.mark, *size]
                process = await self._start(argv, timeout=10)
                if await process.wait.aio() != 0:
                    return
                told = size
            await resized.wait()
            resized.clear()


def _size() -> tuple[str, str]:
    columns, rows = os.get_terminal_size(sys.stdout.fileno())
    return str(rows), str(columns)


def _tell(data: bytes) -> None:
    """Write all of it, whatever the terminal takes at once."""
    while data:
        data = data[os.write(sys.stdout.fileno(), data) :]


@contextlib.contextmanager
def _raw_terminal() -> Iterator[None]:
    """Every key goes through, and all is as it was afterwards, also after SIGTERM and SIGHUP."""
    import termios
    import tty

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    source = sys.stdin.fileno()
    before = termios.tcgetattr(source)
    blocking = [os.get_blocking(stream) for stream in (0, 1, 2)]
    handlers = {one: signal.signal(one, leave) for one in (signal.SIGTERM, signal.SIGHUP)}
    try:
        tty.setraw(source)
        yield
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)
        for stream, state in enumerate(blocking):
            os.set_blocking(stream, state)
        for one, handler in handlers.items():
            signal.signal(one, handler)
