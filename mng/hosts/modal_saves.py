"""What hosts kept of themselves, on one Volume: blobs that outlive them, and never the truth about
what is live. A host sees its own directory of it alone."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mng.errors import HostError, HostGone
from mng.hosts.modal_client import again, sdk, together

if TYPE_CHECKING:
    from modal import Volume

MOUNT = "/mng/saves"
_AGAIN = "run it again"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where one save lies, and what its name says: when, by which host, and why it was made."""

    stamp: str
    mark: str
    why: str
    team: str
    host: str

    @property
    def file(self) -> str:
        """Its name in its host's directory, without an ending."""
        return f"{self.stamp}.{self.mark}.{self.why}"

    @property
    def path(self) -> str:
        return f"{self.team}/{self.host}/{self.file}"


def place_of(path: str) -> Place | None:
    """The save that a path of the Volume, without its ending, names."""
    match path.strip("/").split("/"):
        case [team, host, file] if file.count(".") == 2:
            stamp, mark, why = file.split(".")
            return Place(stamp, mark, why, team, host)
        case _:
            return None


class Saves:
    """The saves of all hosts of one app."""

    def __init__(self, app: str) -> None:
        self._name = f"{app}-saves"

    def mounted(self, team: str, host: str) -> Volume:
        """A host's directory, as its sandbox gets it. `sync` there commits in version 2 alone."""
        whole = sdk().Volume.from_name(self._name, create_if_missing=True, version=2)
        mounted: Volume = whole.with_mount_options(sub_path=f"{team}/{host}")
        return mounted

    def _volume(self) -> Volume:
        volume: Volume = sdk().Volume.from_name(self._name)
        return volume

    async def _files(self) -> list[str]:
        async def look() -> list[str]:
            return [one.path async for one in self._volume().iterdir.aio("/", recursive=True)]

        try:
            return await again(look)
        except sdk().exception.NotFoundError:
            return []

    async def newest(self) -> dict[str, Place]:
        """The newest whole save of each host, by the host's name."""
        files = sorted(await self._files())
        whole = [place_of(file.removesuffix(".view")) for file in files if file.endswith(".view")]
        return {one.host: one for one in sorted(one for one in whole if one)}

    async def view(self, place: Place) -> str:
        """What the host said of itself and its agents when it made that save."""
        head, _, view = (await self._read(f"{place.path}.view")).partition(b"\n")
        return view.decode("utf-8", "replace") if head else ""

    async def _read(self, path: str) -> bytes:
        async def look() -> bytes:
            return b"".join([piece async for piece in self._pieces(path)])

        return await again(look)

    async def _pieces(self, path: str) -> AsyncIterator[bytes]:
        """A file's content. Raises HostGone if another mng has just brought it home."""
        try:
            async for piece in self._volume().read_file.aio(path):
                yield piece
        except (FileNotFoundError, sdk().exception.NotFoundError) as error:
            raise HostGone(f"what was kept as {path} is not there any more", hint=_AGAIN) from error

    async def fetch(self, path: str, folder: Path) -> None:
        """A whole save, as `kept.tar` and the `base` that it is built on, if any.

        Raises HostError if it is not what was written.
        """
        size, digest, base = [*(await self._head(path)).split(" "), "", "", ""][:3]
        found = await self._download(f"{path}.tar", folder / "kept.tar")
        whole = found == (digest, size)
        if base:
            home = path.rpartition("/")[0]
            known, _ = await self._download(f"{home}/{base}", folder / "base")
            whole = whole and base.endswith(f".{known}")
        if not whole:
            raise HostError(f"what was kept as {path} did not arrive whole", hint=_AGAIN)

    async def _head(self, path: str) -> str:
        return (await self._read(f"{path}.view")).partition(b"\n")[0].decode("utf-8", "replace")

    async def _download(self, path: str, into: Path) -> tuple[str, str]:
        """A file's digest and its size."""

        async def look() -> tuple[str, str]:
            digest = hashlib.sha256()
            with into.open("wb") as file:
                async for piece in self._pieces(path):
                    digest.update(piece)
                    await asyncio.to_thread(file.write, piece)
            return digest.hexdigest(), str(into.stat().st_size)

        return await again(look)

    async def forget(self, host: str, mark: str) -> None:
        """Remove what a host kept, and what those before it kept. Missing is success."""
        files = await self._files()
        homes = {file.rpartition("/")[0] for file in files if f"/{host}/" in f"/{file}"}
        own = [home for home in homes if any(f".{mark}." in file for file in _in(files, home))]
        doomed = [file for home in own for file in _in(files, home)]
        views = [file for file in doomed if file.endswith(".view")]
        views.sort(key=lambda file: file.rpartition("/")[2])  # which begins with its time
        # The newest view goes when no older one could take its place, and before what it tells
        # of: so who misses anything of it then finds that the host is no more.
        for some in (views[:-1], views[-1:], set(doomed).difference(views)):
            await together(*map(self._remove, some))

    async def _remove(self, path: str) -> None:
        try:
            await self._volume().remove_file.aio(path)
        except (FileNotFoundError, sdk().exception.NotFoundError):
            pass


def _in(files: Iterable[str], home: str) -> list[str]:
    return [file for file in files if home and file.startswith(f"{home}/")]
