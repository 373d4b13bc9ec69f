"""Files that appear under their own name when they are whole, and not before."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def free_names(name: str) -> Iterator[str]:
    """NAME, NAME-2, NAME-3 and so on: the caller takes the first that is free."""
    yield name
    for number in itertools.count(2):
        yield f"{name}-{number}"


class Draft:
    """A directory in which a file is made whole before it appears under its own name."""

    def __init__(self, folder: Path, stamp: str, ending: str) -> None:
        self._folder, self._stamp, self._ending = folder, stamp, ending

    def __enter__(self) -> Draft:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for left in self._folder.glob(".saving-*-*"):
            if not _alive(left.name.split("-")[1]):  # by a mng that was killed
                shutil.rmtree(left, ignore_errors=True)
        prefix = f".saving-{os.getpid()}-"
        self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=self._folder))
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):  # it holds earlier work, or another's draft
            self._folder.rmdir()

    def publish(self, file: Path) -> Path:
        """Give a file its name. On disk, and whole, before it has it."""
        file.chmod(0o600)
        _sync(file)
        for stem in free_names(self._stamp):
            name = self._folder / f"{stem}{self._ending}"
            with suppress(FileExistsError):
                os.link(file, name)  # unlike a rename, never in the place of another
                _sync(self._folder)
                return name
        raise AssertionError("there is always a next name")


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
