"""The few system calls that namespaces and mounts need.

Standard library only: the first process of a sandbox imports it before it has a root of its own.
Source: unshare(2), setns(2), mount(2), pivot_root(2), open_tree(2), move_mount(2),
mount_setattr(2).
"""

import ctypes
import os
import struct

NEWNS, NEWUTS, NEWIPC = 0x20000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
RDONLY, NOSUID, REMOUNT, BIND, REC, PRIVATE = 1, 2, 32, 4096, 16384, 1 << 18
_DETACH, _PDEATHSIG = 2, 1
_AT_FDCWD, _OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = -100, 428, 429, 442
_EMPTY_PATH = 0x1000
_TREE_CLONE_CLOEXEC, _MOVE_EMPTY_FROM = 1 | 0x80000, 4

_libc = ctypes.CDLL(None, use_errno=True)


def _done(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Give this process namespaces of its own. Raises OSError where the kernel forbids it."""
    _done(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Move this thread into the namespace that `fd` names."""
    _done(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount, bind or remount, as `flags` says. Raises OSError with both paths in its text."""
    arguments = (source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags))
    _done(_libc.mount(*arguments, data.encode() or None), f"mount {kind or source} on {target}")


def unmount(target: str) -> None:
    """Take a mount out of sight now; it ends when its last user does."""
    _done(_libc.umount2(target.encode(), _DETACH), f"unmount {target}")


def copy_of_mount(path: str) -> int:
    """A file descriptor of a copy of the mount at `path`, which `place_mount` puts elsewhere."""
    flags = ctypes.c_uint(_TREE_CLONE_CLOEXEC)
    return _done(_libc.syscall(_OPEN_TREE, _AT_FDCWD, path.encode(), flags), f"open_tree {path}")


def place_mount(fd: int, path: str) -> None:
    """Put a mount from `copy_of_mount` at `path`, perhaps in another mount namespace."""
    arguments = (fd, b"", _AT_FDCWD, path.encode(), _MOVE_EMPTY_FROM)
    _done(_libc.syscall(_MOVE_MOUNT, *arguments), f"move_mount {path}")


def make_read_only(fd: int) -> None:
    """Forbid writing through a mount from `copy_of_mount`."""
    attributes = struct.pack("QQQQ", 1, 0, 0, 0)  # MOUNT_ATTR_RDONLY
    arguments = (fd, b"", _EMPTY_PATH, attributes, len(attributes))
    _done(_libc.syscall(_MOUNT_SETATTR, *arguments), "mount_setattr")


def pivot_root(new_root: str) -> None:
    """Make `new_root` the root of this mount namespace and let the old one go."""
    os.chdir(new_root)
    _done(_libc.pivot_root(b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def die_with_parent(signal: int) -> None:
    """Ask the kernel to send `signal` to this process when its parent ends."""
    _done(_libc.prctl(_PDEATHSIG, signal, 0, 0, 0), "prctl")
