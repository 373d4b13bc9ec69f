"""The ground that sandboxes stand on: the server's own namespaces, its room, the base layer.

The base of every image is this machine's own root, read-only, with all that is personal hidden.
"""

import ensurepip
import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.modal_loopback.inside import linux

# The room is a tmpfs over a directory that sandboxes don't see: an overlay's upper layer must not
# lie in its lower one.
_ROOMS = ("/srv", "/media", "/mnt", "/opt")
_KEPT = {"bin", "etc", "lib", "lib32", "lib64", "libx32", "sbin", "usr", "var"}
_EMPTY = ("dev", "home", "media", "mnt", "opt", "proc", "root", "run", "srv", "sys", "tmp")
_EMPTY_INSIDE = ["etc/ssh", "etc/ssl/private", "var/backups", "var/log", "var/mail", "var/spool"]
_EMPTY_INSIDE += ["var/tmp", "var/www"]
_HIDDEN_FILES = ("etc/shadow", "etc/shadow-", "etc/gshadow", "etc/gshadow-", "etc/hostname")
_INSIDE = Path(__file__).parent / "inside"


class NoGround(Exception):
    """This machine does not let a user make sandboxes; the text says why, in one line."""


def settle() -> int:
    """Fork a child that is the first process of new namespaces; return its pid, or 0 in it.

    When the parent ends, however it ends, the kernel ends the child, every process below it
    and every mount. Raises NoGround.
    """
    try:
        _unshare()
    except OSError as error:
        raise NoGround(f"sandboxes need root or user namespaces: {error}") from error
    if child := os.fork():
        return child
    linux.die_with_parent(signal.SIGKILL)
    return 0


def _unshare() -> None:
    """Leave this machine's mounts and processes, as root if we are, else as root of our own."""
    user, group = os.geteuid(), os.getegid()
    kinds = linux.NEWNS | linux.NEWPID
    if user == 0:
        with suppress(PermissionError):  # in a container, root may have no right to it
            return linux.unshare(kinds)
    linux.unshare(kinds | linux.NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    return None


class Ground:
    """The server's room in memory, and the layers in it."""

    def __init__(self) -> None:
        """Mount the room and lay out the base. Raises NoGround."""
        self._made = 0
        self._privileged = Path("/proc/self/uid_map").read_text().split()[2] != "1"
        # In a user namespace the root cannot be a layer, for what is mounted in it is locked to
        # it; directories without mounts in them can, so each of these is an overlay of its own.
        self._parts = [] if self._privileged else [one for one in _KEPT if _is_directory(one)]
        room = next((path for path in _ROOMS if os.path.isdir(path)), None)
        if room is None:
            raise NoGround(f"sandboxes need one of the directories {', '.join(_ROOMS)}")
        self.room = Path(room)
        try:
            linux.mount("none", "/", flags=linux.REC | linux.PRIVATE)
            linux.mount("proc", "/proc", "proc")
            linux.mount("loopback", room, "tmpfs", data="mode=755")
            self.base = [str(self._lay_base()), "/"]
            self._try()
        except OSError as error:
            raise NoGround(f"sandboxes need mounts of their own: {error}") from error

    def directory(self, kind: str) -> Path:
        """A new empty directory of the room; short, for an overlay's options are one page."""
        self._made += 1
        path = self.room / kind / str(self._made)
        path.mkdir(parents=True)
        return path

    def overlays(self, room: Path, layers: Sequence[str]) -> list[tuple[str, str]]:
        """What to mount for a root on these layers, topmost first: path and mount options."""
        return [(part, self.overlay(room, layers, part)) for part in ["", *self._parts]]

    def overlay(self, room: Path, layers: Sequence[str], part: str = "") -> str:
        """The options of an overlay whose own layer is `upper` in a room."""
        option = "" if self._privileged else "userxattr,"
        below = [one for one in layers if one != "/"] if self._parts and not part else layers
        lower = [path for one in below if os.path.isdir(path := f"{one}/{part}")]
        upper, work = room / "upper" / part, room / f"work-{part}"
        for directory in (upper, work):
            directory.mkdir(parents=True, exist_ok=True)
        return f"{option}lowerdir={':'.join(lower)},upperdir={upper},workdir={work}"

    def _try(self) -> None:
        room = self.directory("b")
        (room / "root").mkdir()
        for part, data in self.overlays(room, self.base):
            linux.mount("overlay", str(room / "root" / part), "overlay", data=data)
        linux.unmount(str(room / "root"))

    def _lay_base(self) -> Path:
        base = self.directory("l")
        for name in _KEPT if self._parts else ():
            if os.path.islink(f"/{name}"):
                (base / name).symlink_to(os.readlink(f"/{name}"))
            elif _is_directory(name):
                (base / name).mkdir()
        for name in sorted(os.listdir("/")):
            if name not in _KEPT and name not in _EMPTY:
                self._hide(base / name)
        for name in (*_EMPTY, *_EMPTY_INSIDE):
            self._empty(base / name)
        for name in _HIDDEN_FILES:
            self._hide(base / name)
        for name in ("tmp", "var/tmp"):
            (base / name).chmod(0o1777)
        (base / "root").chmod(0o700)
        (base / "etc/hosts").write_text("127.0.0.1 localhost modal\n")
        resolv = Path("/etc/resolv.conf")
        if resolv.is_symlink() and resolv.exists():  # it points into /run, which is hidden
            (base / "etc/resolv.conf").write_bytes(resolv.read_bytes())
        self._add_tools(base)
        return base

    def _add_tools(self, base: Path) -> None:
        tools = base / "__modal/.bin"
        tools.mkdir(parents=True)
        (base / "usr/local/bin").mkdir(parents=True, exist_ok=True)
        shutil.copy(_INSIDE / "files.py", tools / "modal-sandbox-fs-tools")
        python = shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")
        if python is None:
            raise NoGround("sandboxes need /usr/bin/python3")
        if python != "/usr/local/bin/python3" or not os.path.exists("/usr/local/bin/python"):
            (base / "usr/local/bin/python").symlink_to(python)
        builders = base / "__modal/build"
        builders.mkdir()
        shutil.copy(_INSIDE / "apt-get", builders / "apt-get")
        self._add_pip(base, builders)

    @staticmethod
    def _add_pip(base: Path, builders: Path) -> None:
        """Put the pip that every Python brings along where builds find it, as a wheel."""
        wheels = Path(ensurepip.__file__).parent / "_bundled"
        wheel = next(wheels.glob("pip-*.whl"), None)
        if wheel is None:
            return
        shutil.copy(wheel, base / "__modal" / wheel.name)
        for name in ("pip", "pip3"):
            script = builders / name
            script.write_text('#!/bin/sh\nexec python -m pip "$@"\n')
            script.chmod(0o755)

    def _hide(self, path: Path) -> None:
        """A whiteout: a character device 0, 0, which needs no privilege. Source: overlayfs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        os.mknod(path, 0o020000, 0)

    def _empty(self, path: Path) -> None:
        """A directory through which nothing below is seen."""
        path.mkdir(parents=True, exist_ok=True)
        space = "trusted" if self._privileged else "user"
        os.setxattr(path, f"{space}.overlay.opaque", b"y")


def _is_directory(name: str) -> bool:
    return os.path.isdir(f"/{name}") and not os.path.islink(f"/{name}")
