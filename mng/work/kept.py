"""What a host kept of its work before it ended, read as if the host still answered."""

from __future__ import annotations

import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from mng.errors import HostError, HostGone
from mng.model.transport import Completed, Machine
from mng.work.receive import SENDS
from mng.work.remote import script

# What `keep.sh` runs on the host, besides itself, by the names under which it finds them.
KEEPS = {
    "keep": ("common", "keep"), "changed": ("common", "changed"), "save": SENDS,
    "files": ("common", "git", "save_files"),
}  # fmt: skip


def scripts() -> dict[str, str]:
    """The scripts with which a host keeps its work by itself."""
    return {name: script(*parts) for name, parts in KEEPS.items()}


def kept_machine(archive: Path, mark: str) -> Machine:
    """The host that an archive of `keep.sh` is of: `save` brings its work in as of any other."""
    return Machine(_Kept(archive), "", "", mark)


class _Kept:
    """Answers the scripts that look for work with what they said when it was kept."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive

    def run(
        self, argv: Sequence[str], *, stdin: bytes | BinaryIO = b"",
        stdout: BinaryIO | None = None, stderr: BinaryIO | None = None,
        timeout: float | None = None,
    ) -> Completed:  # fmt: skip
        try:
            return self._answer(argv[2], stdout)
        except (tarfile.TarError, KeyError) as error:
            raise HostError(f"what the host kept can't be read: {error}") from error

    def _answer(self, asked: str, stdout: BinaryIO | None) -> Completed:
        with tarfile.open(self._archive) as tar:
            names = tar.getnames()
            if asked == script(*SENDS) and "./files" in names:
                return Completed(74, b"", _read(tar, "./report"))
            for name, parts in (("./pack", SENDS), ("./files", KEEPS["files"])):
                if asked == script(*parts):
                    if stdout is not None and (stream := tar.extractfile(name)):
                        shutil.copyfileobj(stream, stdout)
                    return Completed(0, b"", _read(tar, "./report"))
            return Completed(0, _read(tar, "./work.done") if "./work.done" in names else b"")

    def attach(self, argv: Sequence[str]) -> int:
        raise HostGone("the host has ended", hint="mng list")


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    stream = tar.extractfile(name)
    return stream.read() if stream else b""
