"""Commands of mng as processes of their own, forked from one that has the libraries loaded.

To import pydantic, typer and modal costs most of a short command's CPU, and tests run thousands of
them. What is loaded beforehand are others' libraries alone: mng itself is imported by each process
afresh, in its own order. What start-up costs is tested and measured without this.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import runpy
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

LIBRARIES = (
    "click", "click.shell_completion", "deepdiff", "grpclib.client", "jinja2.sandbox", "modal",
    "modal_proto.api_grpc", "pydantic", "rich.live", "ruamel.yaml", "typer", "typer.core",
    "concurrent.futures", "hashlib", "importlib.metadata", "secrets", "subprocess", "tarfile",
)  # fmt: skip


class Command:
    """A command that runs. program: a script that takes mng's place."""

    def __init__(
        self, argv: Sequence[str], *, cwd: Path, env: Mapping[str, str], streams: Sequence[int],
        program: Path | None = None,
    ) -> None:  # fmt: skip
        """streams: file descriptors for stdin, stdout and stderr. It leads a session of its own."""
        self.argv = list(argv)
        self._conn, far = socket.socketpair()
        with far, _LOCK:
            socket.send_fds(_server(), [b"x"], [far.fileno(), *streams])
        what = {"argv": self.argv, "cwd": str(cwd), "env": dict(env), "program": str(program or "")}
        os.umask(umask := os.umask(0))
        request = json.dumps(what | {"umask": umask}).encode()
        self._conn.sendall(b"%d\n" % len(request) + request)
        self.pid = int(self._line())
        self.returncode: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, negative for a signal. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self._conn.settimeout(timeout)
            try:
                self.returncode = int(self._line())
            except TimeoutError:
                raise subprocess.TimeoutExpired(self.argv, timeout or 0) from None
            self._conn.close()
        return self.returncode

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""
        ended = self.returncode is not None or select.select([self._conn], [], [], 0)[0]
        return self.wait() if ended else None

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            byte = self._conn.recv(1)
            if not byte:
                raise ConnectionError("the process to fork from has ended")
            line += byte
        return line


def run(
    argv: Sequence[str], *, input: bytes, cwd: Path, env: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[bytes]:
    """`python -m mng ARGV` to its end. timeout: seconds, after which it is killed.

    Raises subprocess.TimeoutExpired.
    """
    pipes = [os.pipe() for _ in range(3)]
    theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
    command = Command(argv, cwd=cwd, env=env, streams=theirs)
    for fd in theirs:
        os.close(fd)
    try:
        out, err = _talk(input, pipes[0][1], [pipes[1][0], pipes[2][0]], timeout)
    except TimeoutError:
        os.kill(command.pid, signal.SIGKILL)
        command.wait()
        raise subprocess.TimeoutExpired(command.argv, timeout) from None
    return subprocess.CompletedProcess(command.argv, command.wait(timeout), out, err)


def _talk(given: bytes, to: int, ours: list[int], timeout: float) -> list[bytes]:
    """Write what is given, and read both streams to their ends. Raises TimeoutError."""
    ends = time.monotonic() + timeout
    got = {fd: bytearray() for fd in ours}
    with selectors.DefaultSelector() as ready:
        os.set_blocking(to, False)
        ready.register(to, selectors.EVENT_WRITE)
        for fd in ours:
            ready.register(fd, selectors.EVENT_READ)
        try:
            while ready.get_map():
                left = ends - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                for key, _ in ready.select(left):
                    if key.fd == to:
                        with contextlib.suppress(BlockingIOError):
                            try:
                                given = given[os.write(to, given) :] if given else b""
                            except BrokenPipeError:
                                given = b""
                        if given:
                            continue
                    elif data := os.read(key.fd, 1 << 16):
                        got[key.fd] += data
                        continue
                    ready.unregister(key.fd)
                    os.close(key.fd)
        finally:
            for key in list(ready.get_map().values()):
                os.close(key.fd)
    return [bytes(got[fd]) for fd in ours]


_LOCK = threading.Lock()
_servers: list[tuple[socket.socket, subprocess.Popen[bytes]]] = []


def _server() -> socket.socket:
    """The process to fork from. It ends with the one that asks it."""
    if _servers:
        return _servers[0][0]
    ours, far = socket.socketpair()
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "MODAL_CONFIG_PATH": "/nonexistent"}
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", str(far.fileno())], pass_fds=[far.fileno()], env=env,
        cwd=Path(__file__).parents[1],
    )  # fmt: skip
    far.close()
    _servers.append((ours, server))
    return ours


def close() -> None:
    """End the process to fork from, if there is one."""
    while _servers:
        ours, server = _servers.pop()
        ours.close()
        server.wait()


def serve(asked: socket.socket) -> int:
    """Fork for each request; returns in the fork, with the exit status of its command."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        byte, fds, _, _ = socket.recv_fds(asked, 1, 4)
        if not byte:
            return 0
        if os.fork() == 0:
            asked.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _watch(socket.socket(fileno=fds[0]), fds[1:])
        for fd in fds:
            os.close(fd)


def _watch(conn: socket.socket, streams: list[int]) -> int:
    """Tell of a command's end; its process is a child of this one."""
    with conn, conn.makefile("rb") as said:
        request = json.loads(said.read(int(said.readline())))
        pid = os.fork()
        if pid:
            for fd in streams:
                os.close(fd)
            conn.sendall(b"%d\n" % pid)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            with contextlib.suppress(BrokenPipeError):
                conn.sendall(b"%d\n" % status)
            os._exit(0)
    _become(streams, request["argv"], request["cwd"], request["env"])
    os.umask(request["umask"])
    if program := request["program"]:
        runpy.run_path(program, run_name="__main__")
    else:
        runpy.run_module("mng", run_name="__main__", alter_sys=True)
    return 0


def _become(streams: list[int], argv: list[str], cwd: str, env: dict[str, str]) -> None:
    """What an interpreter does at its start."""
    os.setsid()
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        errors = "backslashreplace" if number == 2 else "surrogateescape"
        stream = os.fdopen(number, mode, encoding="utf-8", errors=errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.stderr.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ["mng", *argv]
    signal.signal(signal.SIGINT, signal.default_int_handler)


if __name__ == "__main__":
    for library in LIBRARIES:
        import_module(library)
    sys.path.pop(0)  # mng is the one that is installed
    gc.freeze()
    sys.exit(serve(socket.socket(fileno=int(sys.argv[1]))))
