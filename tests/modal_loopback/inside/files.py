#!/usr/local/bin/python -IS
"""A stand-in for /__modal/.bin/modal-sandbox-fs-tools, which serves `Sandbox.filesystem`.

argv[1] is `{"OPERATION": {"path": …}}`; contents go by stdin and stdout, an error is JSON on
stderr with exit status 1. Source: modal/_utils/sandbox_fs_utils.py.
"""

import errno
import grp
import json
import os
import pwd
import shutil
import stat
import sys
from collections.abc import Callable

KINDS = {
    errno.ENOENT: "NotFound",
    errno.EISDIR: "IsDirectory",
    errno.ENOTDIR: "NotDirectory",
    errno.EEXIST: "PathAlreadyExists",
    errno.EACCES: "PermissionDenied",
    errno.EPERM: "PermissionDenied",
    errno.ENOTEMPTY: "DirectoryNotEmpty",
    errno.EFBIG: "FileTooLarge",
}
LARGEST = 5 << 30  # Modal refuses to read 6 GiB; its own limit is not told


def name_of(number: int, names: Callable[[int], object], field: str) -> str:
    try:
        return str(getattr(names(number), field))
    except KeyError:
        return str(number)


def describe(path: str) -> dict[str, object]:
    found = os.lstat(path)
    link = stat.S_ISLNK(found.st_mode)
    directory = stat.S_ISDIR(found.st_mode)
    return {
        "name": os.path.basename(path.rstrip("/")) or "/",
        "path": path,
        "type": "symlink" if link else "directory" if directory else "file",
        "size": found.st_size,
        "mode": found.st_mode,
        "permissions": f"{stat.S_IMODE(found.st_mode):04o}",
        "owner": name_of(found.st_uid, pwd.getpwuid, "pw_name"),
        "group": name_of(found.st_gid, grp.getgrgid, "gr_name"),
        "modified_time": found.st_mtime,
        "symlink_target": os.readlink(path) if link else None,
    }


def write(path: str) -> None:
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, "not a directory") from error
    with open(path, "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)


def read(path: str) -> None:
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size > LARGEST:
            raise OSError(errno.EFBIG, "file too large")
        shutil.copyfileobj(file, sys.stdout.buffer)


def list_files(path: str) -> None:
    json.dump([describe(os.path.join(path, name)) for name in sorted(os.listdir(path))], sys.stdout)


def make_directory(path: str, parents: bool) -> None:
    if parents:
        os.makedirs(path, exist_ok=True)
    else:
        os.mkdir(path)


def remove(path: str, recursive: bool) -> None:
    if os.path.islink(path) or not os.path.isdir(path):
        os.remove(path)
    elif recursive:
        shutil.rmtree(path)
    else:
        os.rmdir(path)


OPERATIONS: dict[str, Callable[..., object]] = {
    "WriteFile": write,
    "ReadFile": read,
    "ListFiles": list_files,
    "Stat": lambda path: json.dump(describe(path), sys.stdout),
    "MakeDirectory": make_directory,
    "Remove": remove,
}


def main() -> None:
    ((operation, arguments),) = json.loads(sys.argv[1]).items()
    try:
        if operation not in OPERATIONS:
            raise OSError(errno.ENOSYS, "not supported")
        OPERATIONS[operation](**arguments)
    except OSError as error:
        kind = KINDS.get(error.errno or 0, "Other")
        json.dump({"error_kind": kind, "message": (error.strerror or "error").lower()}, sys.stderr)
        sys.exit(1)


main()
