"""The first process of a sandbox: builds its root, starts what the server asks for, reaps.

It talks with the server over one seqpacket socket, a JSON object a packet:
from the server `{"setup": …}` once, then `{"exec": ID, "argv", "env", "cwd", "tty"}` with the
descriptors of stdin, stdout and stderr, `{"kill": ID}`, `{"place": PATH}` with a mount's
descriptor, `{"unplace": PATH}`; to the server `{"pid": N}`, `{"ready": true}` or
`{"failed": TEXT}`, `{"placed": TEXT}`, `{"ended": ID, "status": WAITSTATUS}`.
"""

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import termios
from typing import Any

from tests.modal_loopback.inside import linux

_PACKET = 1 << 20


def main() -> None:
    """Become the first process of new namespaces and serve until the socket closes."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    setup = json.loads(channel.recv(_PACKET))["setup"]
    kinds = linux.NEWNS | linux.NEWPID | linux.NEWUTS | linux.NEWIPC
    try:
        linux.unshare(kinds if setup["shares_network"] else kinds | linux.NEWNET)
        if pid := os.fork():
            _say(channel, {"pid": pid})
            os._exit(0)
        _build_root(setup)
    except OSError as error:
        _say(channel, {"failed": str(error)})
        os._exit(1)
    _say(channel, {"ready": True})
    _serve(channel)


def _say(channel: socket.socket, message: dict[str, object]) -> None:
    with contextlib.suppress(OSError):
        channel.send(json.dumps(message).encode())


def _build_root(setup: dict[str, Any]) -> None:
    root: str = setup["root"]
    linux.mount("none", "/", flags=linux.REC | linux.PRIVATE)
    for part, data in setup["overlays"]:
        linux.mount("overlay", f"{root}/{part}", "overlay", data=data)
    linux.mount("proc", f"{root}/proc", "proc")
    try:
        linux.mount("sysfs", f"{root}/sys", "sysfs", flags=linux.RDONLY)
    except OSError:  # a user namespace may only show the sysfs of a network that it owns
        linux.mount("/sys", f"{root}/sys", flags=linux.BIND | linux.REC)
    _build_dev(f"{root}/dev")
    linux.pivot_root(root)
    socket.sethostname("modal")
    if not setup["shares_network"]:
        _raise_loopback()


def _build_dev(dev: str) -> None:
    linux.mount("tmpfs", dev, "tmpfs", data="mode=755,size=64k")
    for node in ("null", "zero", "full", "random", "urandom", "tty"):
        with open(f"{dev}/{node}", "w"):
            pass
        linux.mount(f"/dev/{node}", f"{dev}/{node}", flags=linux.BIND)
    for directory in ("pts", "shm"):
        os.mkdir(f"{dev}/{directory}")
    # Terminals of its own: tmux needs ttyname() to hold here, and the machine's stay unseen.
    linux.mount("devpts", f"{dev}/pts", "devpts", data="newinstance,ptmxmode=0666,mode=620")
    linux.mount("tmpfs", f"{dev}/shm", "tmpfs", data="mode=1777,size=64m")
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd"}
    links |= {name: f"/proc/self/fd/{n}" for n, name in enumerate(("stdin", "stdout", "stderr"))}
    for name, target in links.items():
        os.symlink(target, f"{dev}/{name}")


def _raise_loopback() -> None:
    get_flags, set_flags, up = 0x8913, 0x8914, 1  # netdevice(7)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, get_flags, request))[1]
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", flags | up))


def _serve(channel: socket.socket) -> None:
    running: dict[int, str] = {}
    wake, woken = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(woken)
    while True:
        watched: list[socket.socket | int] = [channel, wake]
        ready = select.select(watched, [], [])[0]
        if wake in ready:
            os.read(wake, 4096)
        if channel in ready:
            message, descriptors, _, _ = socket.recv_fds(channel, _PACKET, 3)
            if not message:
                os._exit(0)
            _obey(channel, json.loads(message), descriptors, running)
            for descriptor in descriptors:
                os.close(descriptor)
        _reap(channel, running)


def _obey(
    channel: socket.socket, order: dict[str, Any], fds: list[int], running: dict[int, str]
) -> None:
    match order:
        case {"exec": name}:
            running[_start(order, fds)] = name
        case {"kill": name}:
            for pid in [pid for pid, other in running.items() if other == name]:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        case {"place": path}:
            _answer(channel, lambda: _place(fds[0], path))
        case {"unplace": path}:
            _answer(channel, lambda: linux.unmount(path))


def _place(fd: int, path: str) -> None:
    os.makedirs(path, exist_ok=True)
    linux.place_mount(fd, path)


def _answer(channel: socket.socket, work: Any) -> None:
    try:
        work()
    except OSError as error:
        _say(channel, {"placed": str(error)})
    else:
        _say(channel, {"placed": ""})


def _start(order: dict[str, Any], fds: list[int]) -> int:
    """Fork a process that leads its own session, so that one signal reaches all of it."""
    pid = os.fork()
    if pid:
        return pid
    at = "terminal"
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        for target, fd in enumerate(fds):
            os.dup2(fd, target)
        os.closerange(3, 256)
        if order["tty"]:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        at = order["cwd"]
        os.chdir(at)
        at = order["argv"][0]
        os.execvpe(at, order["argv"], order["env"])
    except OSError as error:
        os.write(2, f"exec: {at}: {error.strerror}\n".encode())
        os._exit(127 if error.errno == errno.ENOENT else 126)
    except BaseException:
        os._exit(126)


def _reap(channel: socket.socket, running: dict[int, str]) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            if pid in running:
                _say(channel, {"ended": running.pop(pid), "status": status})


if __name__ == "__main__":
    main()
