"""What a host kept of its work before it ended, read as if the host still answered."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mng.errors import HostError, HostGone
from mng.model.transport import Completed, Machine
from mng.work import git
from mng.work.receive import SENDS, read_report
from mng.work.remote import script

# What `keep.sh` runs on the host, besides itself, by the names under which it finds them.
KEEPS = {
    "keep": ("common", "keep"), "changed": ("common", "changed"), "save": SENDS,
    "base": ("common", "git", "snapshot", "base"), "files": ("common", "git", "save_files"),
}  # fmt: skip


def scripts() -> dict[str, str]:
    """The scripts with which a host keeps its work by itself."""
    return {name: script(*parts) for name, parts in KEEPS.items()}


def kept_machine(folder: Path, mark: str) -> Machine:
    """The host whose save is in a directory: `kept.tar`, and the `base` that it is built on.

    `save` brings its work in as of any other. Raises MngError.
    """
    if (folder / "base").exists():
        with _readable(), tarfile.open(folder / "kept.tar") as tar:
            _join(folder, tar)
    return Machine(_Kept(folder), "", "", mark)


def kept_refs(folder: Path) -> Mapping[str, str]:
    """Object ids by name, as `save` would make refs of them; none where git had nothing to say."""
    with _readable(), tarfile.open(folder / "kept.tar") as tar:
        return read_report(Completed(0, b"", _read(tar, "./report"))).refs


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise HostError(f"what the host kept can't be read: {error}") from error


def _join(folder: Path, tar: tarfile.TarFile) -> None:
    """Make `pack` of what is new and of what it is built on, so that it needs no other."""
    report = read_report(Completed(0, b"", _read(tar, "./report")))
    if not report.refs:
        return
    repository, new, whole = folder / "repository", folder / "new", folder / "pack"
    with new.open("wb") as out:
        _copy(tar, "./pack", out)
    form = "sha256" if len(next(iter(report.refs.values()))) == 64 else "sha1"
    git.run_git(
        folder, "init", "-q", "--bare", "--template=", f"--object-format={form}", repository.name
    )
    for pack in (folder / "base", new):
        with pack.open("rb") as packed:
            _git(repository, "index-pack", "--stdin", "--fix-thin", stdin=packed)
    tips = folder / "tips"
    tips.write_text("".join(f"{id_}\n" for id_ in report.refs.values()))
    with tips.open("rb") as asked, whole.open("wb") as out:
        _git(repository, "pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q",
             stdin=asked, stdout=out)  # fmt: skip


def _git(
    repository: Path, *argv: str, stdin: BinaryIO, stdout: BinaryIO | int = subprocess.DEVNULL
) -> None:
    """Run git between files: what is packed may be larger than the memory."""
    with tempfile.TemporaryFile() as complaints:
        running = git.start_git(repository, *argv, stdin=stdin, stdout=stdout, stderr=complaints)
        if running.wait() != 0:
            complaints.seek(0)
            raise HostError(f"what the host kept is not whole: {git.last_line(complaints.read())}")


class _Kept:
    """Answers the scripts that look for work with what they said when it was kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(
        self, argv: Sequence[str], *, stdin: bytes | BinaryIO = b"",
        stdout: BinaryIO | None = None, stderr: BinaryIO | None = None,
        timeout: float | None = None,
    ) -> Completed:  # fmt: skip
        with _readable(), tarfile.open(self._folder / "kept.tar") as tar:
            return self._answer(argv[2], tar, stdout)

    def _answer(self, asked: str, tar: tarfile.TarFile, out: BinaryIO | None) -> Completed:
        as_files, joined = "./files" in tar.getnames(), self._folder / "pack"
        if asked == script(*SENDS):
            if out is not None and not as_files:
                _copy(tar, "./pack", out) if not joined.exists() else _pour(joined, out)
            return Completed(74 if as_files else 0, b"", _read(tar, "./report"))
        if asked == script(*KEEPS["files"]):
            if out is not None:
                _copy(tar, "./files", out)
            return Completed(0, b"", _read(tar, "./report"))
        return Completed(0, _read(tar, "./work.done"))

    def attach(self, argv: Sequence[str]) -> int:
        raise HostGone("the host has ended", hint="mng list")


def _read(tar: tarfile.TarFile, name: str) -> bytes:
    out = io.BytesIO()
    if name in tar.getnames():
        _copy(tar, name, out)
    return out.getvalue()


def _copy(tar: tarfile.TarFile, name: str, out: BinaryIO) -> None:
    if stream := tar.extractfile(name):
        shutil.copyfileobj(stream, out)


def _pour(path: Path, out: BinaryIO) -> None:
    with path.open("rb") as file:
        shutil.copyfileobj(file, out)
