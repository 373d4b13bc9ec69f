"""A cell: a tree of processes with its own root and namespaces, and the execs that run in it."""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import termios
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from tests.modal_loopback.ground import Ground
from tests.modal_loopback.inside import linux
from tests.modal_loopback.streams import Input, NotReading, Output

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_REPOSITORY = Path(__file__).resolve().parents[2]
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[2]); "
    "from tests.modal_loopback.inside import init; init.main()"
)
_PACKET = 1 << 20
_GET_PEER, _UNLOCK = 0x5441, 0x40045431  # TIOCGPTPEER, TIOCSPTLCK: ioctl_tty(2)


class CellError(Exception):
    """The cell could not be made, or what was asked of it failed."""


@dataclass
class Exec:
    """One process of a cell, from its start to its end."""

    name: str
    stdin: Input
    stdout: Output = field(default_factory=Output)
    stderr: Output = field(default_factory=Output)
    code: int | None = None
    signal: int | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    _at_end: list[Callable[[], None]] = field(default_factory=list)

    def at_end(self, work: Callable[[], None]) -> None:
        """Call `work` when it ends."""
        self._at_end.append(work)

    def end(self, status: int) -> None:
        """Note how it ended; `status` is of wait(2)."""
        if not self.ended.is_set():
            code = os.waitstatus_to_exitcode(status)
            self.code, self.signal = (code, None) if code >= 0 else (None, -code)
            self.stdin.close()
            self.ended.set()
            for work in self._at_end:
                work()

    @property
    def outcome(self) -> dict[str, int]:
        """`code` or `signal`, or neither while it runs."""
        found = {"code": self.code, "signal": self.signal}
        return {name: number for name, number in found.items() if number is not None}

    @property
    def exit_status(self) -> int:
        """As a shell says it: 128 and the signal's number for one that was killed."""
        return self.code if self.code is not None else 128 + (self.signal or 0)


@dataclass(frozen=True, slots=True)
class Window:
    """The size of a terminal."""

    rows: int = 24
    columns: int = 80


class Cell:
    """Namespaces with a first process of ours; `open` makes it, `kill` ends all of it."""

    def __init__(self, ground: Ground, layers: Sequence[str]) -> None:
        """layers: the read-only ones, topmost first; the cell writes to one of its own."""
        room = ground.directory("b")
        self.pid = 0
        self.upper = room / "upper"
        self.ended = asyncio.Event()
        self.execs: dict[str, Exec] = {}
        self._root = room / "root"
        self._root.mkdir()
        self._overlays = ground.overlays(room, layers)
        self._placed: asyncio.Queue[str] = asyncio.Queue()
        self._pidfd = -1

    async def open(self, *, shares_network: bool = False) -> None:
        """Start the first process. Raises CellError if the kernel refuses a part of it."""
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-S", "-E", "-c", _BOOT, str(theirs.fileno()), str(_REPOSITORY)]
        launcher = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        theirs.close()
        self._channel.setblocking(False)
        setup = {"root": str(self._root), "overlays": self._overlays}
        self._send({"setup": {**setup, "shares_network": shares_network}})
        told: dict[str, object] = {}
        while not {"pid", "ready"} <= told.keys() and "failed" not in told:
            told |= await self._receive() or {"failed": "its first process ended"}
        launcher.wait()  # it ends at once; the first process is our child then
        if "failed" in told:
            raise CellError(f"no sandbox: {told['failed']}")
        self.pid = int(str(told["pid"]))
        self._pidfd = os.pidfd_open(self.pid)
        loop = asyncio.get_running_loop()
        loop.add_reader(self._channel, self._hear)
        loop.add_reader(self._pidfd, self._end)

    async def _receive(self) -> dict[str, object]:
        packet = await asyncio.get_running_loop().sock_recv(self._channel, _PACKET)
        return dict(json.loads(packet)) if packet else {}

    def _send(self, message: Mapping[str, object], fds: Sequence[int] = ()) -> None:
        packet = json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogateescape")
        self._channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PACKET)
        try:
            socket.send_fds(self._channel, [packet], list(fds))
        except OSError as error:
            raise CellError(f"the sandbox does not listen: {error.strerror}") from error

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while packet := self._channel.recv(_PACKET):
                message = json.loads(packet)
                if "ended" in message:
                    self.execs[message["ended"]].end(message["status"])
                elif "placed" in message:
                    self._placed.put_nowait(message["placed"])
            asyncio.get_running_loop().remove_reader(self._channel)

    def _end(self) -> None:
        self._hear()
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._pidfd)
        loop.remove_reader(self._channel)
        os.waitpid(self.pid, 0)
        os.close(self._pidfd)
        self._channel.close()
        for one in self.execs.values():
            one.end(signal.SIGKILL)
        self.ended.set()

    def kill(self) -> None:
        """End every process of the cell; `ended` is set when the kernel has done so."""
        if self.pid and not self.ended.is_set():
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    async def discard(self) -> None:
        """Give back the memory of its own layer, once it has ended."""
        await asyncio.to_thread(shutil.rmtree, self.upper.parent, ignore_errors=True)

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str = "/",
        window: Window | None = None,
        heard: tuple[bool, bool] = (True, True),
    ) -> Exec:
        """Start a process; a window gives it a terminal, `heard` which outputs are kept."""
        order = {"exec": name, "argv": list(argv), "env": dict(env), "cwd": cwd}
        if window:
            ours, theirs = self._terminal(window)
            one = Exec(name, Input(os.dup(ours), terminal=True))
            one.stdout.follow(ours)
            one.stderr.feed(b"")
            fds = [theirs, theirs, theirs]
        else:
            stdin, ours = os.pipe2(os.O_CLOEXEC)
            one = Exec(name, Input(ours))
            fds = [stdin, *self._pipes(one, heard)]
        self.execs[name] = one
        try:
            self._send({**order, "tty": window is not None}, fds)
        finally:
            for fd in set(fds):
                os.close(fd)
        return one

    def _pipes(self, one: Exec, heard: tuple[bool, bool]) -> list[int]:
        ends = []
        for output, keep in zip((one.stdout, one.stderr), heard, strict=True):
            ours, theirs = os.pipe2(os.O_CLOEXEC)
            (output if keep else Output()).follow(ours)
            ends.append(theirs)
            if not keep:
                output.feed(b"")
        return ends

    def _terminal(self, window: Window) -> tuple[int, int]:
        """A terminal of the cell's own devpts, so that it has a name there."""
        ours = os.open(f"/proc/{self.pid}/root/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(ours, _UNLOCK, struct.pack("i", 0))
        theirs = fcntl.ioctl(ours, _GET_PEER, os.O_RDWR | os.O_NOCTTY)
        size = struct.pack("HHHH", window.rows, window.columns, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        return ours, theirs

    def expire(self, name: str) -> None:
        """Kill one exec and what it left in its process group, for its time is over."""
        with contextlib.suppress(CellError):
            self._send({"kill": name})

    async def run(
        self, argv: Sequence[str], *, stdin: bytes = b"", env: Mapping[str, str] | None = None
    ) -> Exec:
        """Run a command to its end."""
        one = self.start(f"run-{len(self.execs)}", argv, env=env or {"PATH": PATH})
        with contextlib.suppress(NotReading):
            await one.stdin.write(0, stdin, end=True)
        await asyncio.gather(one.ended.wait(), one.stdout.ended.wait(), one.stderr.ended.wait())
        return one

    async def unpack(self, files: Mapping[str, tuple[bytes, int]]) -> None:
        """Write files, given as path: (bytes, mode), into the cell. Raises CellError."""
        archive = BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, (data, mode) in files.items():
                entry = tarfile.TarInfo(path.lstrip("/"))
                entry.size, entry.mode = len(data), mode
                tar.addfile(entry, BytesIO(data))
        done = await self.run(["tar", "-xf", "-", "-C", "/"], stdin=archive.getvalue())
        if done.exit_status:
            raise CellError(f"files cannot be added: {done.stderr.data.decode(errors='replace')}")

    async def place(self, tree: int, path: str) -> None:
        """Mount what `linux.copy_of_mount` gave at `path` in the cell. Raises CellError."""
        try:
            self._send({"place": path}, [tree])
        finally:
            os.close(tree)
        if error := await self._placed.get():
            raise CellError(error)

    async def unplace(self, path: str) -> None:
        """Take away what `place` put there. Raises CellError."""
        self._send({"unplace": path})
        if error := await self._placed.get():
            raise CellError(error)

    def socket(self) -> socket.socket:
        """A socket of the cell's network, not connected and not blocking."""
        made: list[socket.socket] = []

        def make() -> None:
            with open(f"/proc/{self.pid}/ns/net", "rb") as network:
                linux.setns(network.fileno(), linux.NEWNET)
            made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))

        thread = threading.Thread(target=make)  # the namespace is the thread's and ends with it
        thread.start()
        thread.join()
        if not made:
            raise CellError("the sandbox has no network")
        made[0].setblocking(False)
        return made[0]
