"""Streams between this machine and a host, made while they are sent: nothing is held whole."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, BinaryIO, cast

from mng.errors import MngError

CHUNK = 1 << 22


class _Outlet:
    """What a tar stream is written to. Once shut it takes no more: tarfile, when it is collected,
    writes what is left of a stream that was given up."""

    def __init__(self, out: BinaryIO) -> None:
        self._out: BinaryIO | None = out

    def write(self, data: bytes) -> int:
        return self._out.write(data) if self._out else len(data)

    def shut(self) -> None:
        self._out = None


class Parcel:
    """A tar stream being written: `with` it, for the end mark is only sent if nothing failed."""

    def __init__(self, out: BinaryIO) -> None:
        self._outlet = _Outlet(out)
        self._tar = tarfile.open(  # noqa: SIM115  closed by __exit__
            mode="w|", fileobj=cast(BinaryIO, self._outlet), bufsize=1 << 18,
            format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape",
        )  # fmt: skip

    def __enter__(self) -> Parcel:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if error is None:
                self.data("end", b"")
                self._tar.close()
        finally:
            self._outlet.shut()

    def text(self, name: str, text: str) -> None:
        self.data(name, os.fsencode(text))

    def data(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._add(info, io.BytesIO(data))

    def _add(self, info: tarfile.TarInfo, content: BinaryIO | None = None) -> None:
        self._tar.addfile(info, content)
        # Else it would remember every one.
        self._tar.members.clear()  # type: ignore[attr-defined]

    def chunks(self, name: str, stream: IO[bytes]) -> None:
        """A stream of unknown length as files NAME/00000000 and so on: tar wants sizes first."""
        number = 0
        while data := stream.read(CHUNK):
            self.data(f"{name}/{number:08}", data)
            number += 1

    def path(self, name: str, path: Path) -> None:
        """A file, link or directory as it lies. Raises MngError if it changes meanwhile."""
        try:
            found = path.lstat()
            info = tarfile.TarInfo(name)
            info.mode = stat.S_IMODE(found.st_mode) & 0o777
            info.mtime = int(found.st_mtime)
            if stat.S_ISLNK(found.st_mode):
                info.type, info.linkname = tarfile.SYMTYPE, os.readlink(path)
                self._add(info)
            elif stat.S_ISDIR(found.st_mode):
                info.type = tarfile.DIRTYPE
                self._add(info)
            else:
                with path.open("rb") as file:
                    info.size = os.fstat(file.fileno()).st_size
                    self._add(info, file)
        except BrokenPipeError:
            raise
        except OSError as error:
            reason = error.strerror or "it changed while it was read"
            raise MngError(f"can't read {str(path)!r}: {reason}", hint="run it again") from error


class Producer:
    """A stream that a thread writes while a transport reads it from `reader`."""

    def __init__(self, write: Callable[[BinaryIO], None]) -> None:
        read_end, self._write_end = os.pipe()
        self.reader: BinaryIO = os.fdopen(read_end, "rb")
        self._write = write
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._produce, daemon=True)
        self._thread.start()

    def _produce(self) -> None:
        try:
            with os.fdopen(self._write_end, "wb") as out:
                self._write(out)
        except BrokenPipeError:
            pass  # the reader had no need of the rest
        except Exception as error:
            self._error = error

    def close(self) -> Exception | None:
        """Stop, and say why the stream is not whole, if the writer knows."""
        self.reader.close()
        self._thread.join()
        return self._error
