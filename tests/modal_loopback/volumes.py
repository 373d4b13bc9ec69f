"""Volumes: directories that sandboxes and clients share.

What one sandbox writes, the others see at once; Modal shows it after a commit and a reload.
"""

import os
import shutil
import stat
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from grpclib import Status
from modal_proto import api_pb2

from tests.modal_loopback.cell import Cell
from tests.modal_loopback.ids import new_id
from tests.modal_loopback.inside import linux
from tests.modal_loopback.mounts import Mounts
from tests.modal_loopback.wire import Call, fail

_BLOCK = 8 << 20
_V1, _V2 = api_pb2.VOLUME_FS_VERSION_V1, api_pb2.VOLUME_FS_VERSION_V2


@dataclass
class Volume:
    """One volume; its name is empty if it is ephemeral."""

    id: str
    name: str
    path: Path
    version: "api_pb2.VolumeFsVersion.ValueType"
    created_at: float = field(default_factory=time.time)

    @property
    def metadata(self) -> api_pb2.VolumeMetadata:
        """What handles are made of."""
        return api_pb2.VolumeMetadata(version=self.version, name=self.name)

    def inside(self, path: str) -> Path:
        """A path of the volume; links are not followed out of it."""
        found = Path(os.path.normpath(f"{self.path}/{path}"))
        if not found.is_relative_to(self.path):
            fail(Status.INVALID_ARGUMENT, f"{path!r} lies outside of the volume")
        return found

    def existing(self, path: str) -> Path:
        """A path of the volume at which there is something, or NOT_FOUND."""
        found = self.inside(path)
        if not os.path.lexists(found):
            fail(Status.NOT_FOUND, f"no file or directory {path!r}")
        return found


class Volumes:
    """All volumes of this Modal, and their RPCs."""

    def __init__(self, room: Path, mounts: Mounts) -> None:
        self._room, self._mounts = room, mounts
        self._volumes: dict[str, Volume] = {}

    def get(self, volume_id: str) -> Volume:
        """The volume of that id, or NOT_FOUND."""
        if volume_id not in self._volumes:
            fail(Status.NOT_FOUND, f"Volume {volume_id} not found")
        return self._volumes[volume_id]

    def _named(self, name: str) -> Volume | None:
        return next((one for one in self._volumes.values() if name and one.name == name), None)

    async def place(self, mount: api_pb2.VolumeMount, cell: Cell) -> None:
        """Mount a volume in a sandbox. Raises CellError."""
        source = self.get(mount.volume_id).inside(mount.sub_path)
        source.mkdir(parents=True, exist_ok=True)
        tree = linux.copy_of_mount(str(source))
        if mount.read_only:
            linux.make_read_only(tree)
        await cell.place(tree, mount.mount_path)

    async def VolumeGetOrCreate(
        self, request: api_pb2.VolumeGetOrCreateRequest, call: Call
    ) -> api_pb2.VolumeGetOrCreateResponse:
        how = request.object_creation_type
        volume = self._named(request.deployment_name)
        if volume is None:
            if how == api_pb2.OBJECT_CREATION_TYPE_UNSPECIFIED:
                fail(Status.NOT_FOUND, f"Volume {request.deployment_name!r} not found")
            volume_id = new_id("vo")
            path = self._room / volume_id
            path.mkdir()
            version = _V2 if request.version == _V2 else _V1
            volume = Volume(volume_id, request.deployment_name, path, version)
            self._volumes[volume_id] = volume
        elif how == api_pb2.OBJECT_CREATION_TYPE_CREATE_FAIL_IF_EXISTS:
            fail(Status.ALREADY_EXISTS, f"Volume {request.deployment_name!r} already exists")
        return api_pb2.VolumeGetOrCreateResponse(
            volume_id=volume.id, version=volume.version, metadata=volume.metadata
        )

    async def VolumeGetById(
        self, request: api_pb2.VolumeGetByIdRequest, call: Call
    ) -> api_pb2.VolumeGetByIdResponse:
        volume = self.get(request.volume_id)
        return api_pb2.VolumeGetByIdResponse(volume_id=volume.id, metadata=volume.metadata)

    async def VolumeList(
        self, request: api_pb2.VolumeListRequest, call: Call
    ) -> api_pb2.VolumeListResponse:
        before = request.pagination.created_before or float("inf")
        most = request.pagination.max_objects or 100
        found = [one for one in self._volumes.values() if one.name and one.created_at < before]
        items = [
            api_pb2.VolumeListItem(
                label=one.name, volume_id=one.id, created_at=one.created_at, metadata=one.metadata
            )
            for one in sorted(found, key=lambda one: one.created_at, reverse=True)[:most]
        ]
        return api_pb2.VolumeListResponse(items=items)

    async def VolumeDelete(self, request: api_pb2.VolumeDeleteRequest, call: Call) -> Empty:
        volume = self.get(request.volume_id)
        del self._volumes[volume.id]
        shutil.rmtree(volume.path, ignore_errors=True)
        return Empty()

    async def VolumeRename(self, request: api_pb2.VolumeRenameRequest, call: Call) -> Empty:
        self.get(request.volume_id).name = request.name
        return Empty()

    async def VolumeHeartbeat(self, request: api_pb2.VolumeHeartbeatRequest, call: Call) -> Empty:
        self.get(request.volume_id)
        return Empty()

    async def VolumeReload(self, request: api_pb2.VolumeReloadRequest, call: Call) -> Empty:
        self.get(request.volume_id)
        return Empty()

    async def VolumeCommit(
        self, request: api_pb2.VolumeCommitRequest, call: Call
    ) -> api_pb2.VolumeCommitResponse:
        self.get(request.volume_id)
        return api_pb2.VolumeCommitResponse(skip_reload=True)

    # -- files

    async def VolumeListFiles(
        self, request: api_pb2.VolumeListFilesRequest, call: Call
    ) -> AsyncIterator[api_pb2.VolumeListFilesResponse]:
        yield api_pb2.VolumeListFilesResponse(entries=self._listed(request))

    async def VolumeListFiles2(
        self, request: api_pb2.VolumeListFiles2Request, call: Call
    ) -> AsyncIterator[api_pb2.VolumeListFiles2Response]:
        yield api_pb2.VolumeListFiles2Response(entries=self._listed(request))

    def _listed(
        self, request: api_pb2.VolumeListFilesRequest | api_pb2.VolumeListFiles2Request
    ) -> list[api_pb2.FileEntry]:
        volume = self.get(request.volume_id)
        top = volume.existing(request.path)
        if not top.is_dir():
            found = [top]
        else:
            found = sorted(top.rglob("*") if request.recursive else top.iterdir())
        if request.HasField("max_entries"):
            found = found[: request.max_entries]
        return [_entry(path, volume.path) for path in found]

    async def VolumeGetFile2(
        self, request: api_pb2.VolumeGetFile2Request, call: Call
    ) -> api_pb2.VolumeGetFile2Response:
        path = self.get(request.volume_id).existing(request.path)
        if not path.is_file():
            fail(Status.INVALID_ARGUMENT, f"{request.path!r} is not a file")
        data = path.read_bytes()
        start = request.start
        end = min(len(data), start + request.len) if request.len else len(data)
        blob = self._mounts.store(data)
        urls = []
        while start < end:
            stop = min(end, (start // _BLOCK + 1) * _BLOCK)
            urls.append(f"{self._mounts.url}/{blob}?start={start}&length={stop - start}")
            start = stop
        return api_pb2.VolumeGetFile2Response(
            get_urls=urls, size=len(data), start=request.start, len=max(0, end - request.start)
        )

    async def VolumePutFiles(self, request: api_pb2.VolumePutFilesRequest, call: Call) -> Empty:
        volume = self.get(request.volume_id)
        for file in request.files:
            data = self._mounts.read(file.sha256_hex)
            keep = request.disallow_overwrite_existing_files
            self._write(volume, file.filename, data, file.mode, keep=keep)
        return Empty()

    async def VolumePutFiles2(
        self, request: api_pb2.VolumePutFiles2Request, call: Call
    ) -> api_pb2.VolumePutFiles2Response:
        volume = self.get(request.volume_id)
        answer = api_pb2.VolumePutFiles2Response()
        for number, file in enumerate(request.files):
            for place, block in enumerate(file.blocks):
                name = block.contents_sha256.hex()
                if not self._mounts.has(name):
                    answer.missing_blocks.add(
                        file_index=number, block_index=place, put_url=f"{self._mounts.url}/{name}"
                    )
        if not answer.missing_blocks:
            for file in request.files:
                blocks = [self._mounts.read(block.contents_sha256.hex()) for block in file.blocks]
                data = b"".join(block.ljust(_BLOCK, b"\0") for block in blocks)[: file.size]
                keep = request.disallow_overwrite_existing_files
                self._write(volume, file.path, data.ljust(file.size, b"\0"), file.mode, keep=keep)
        return answer

    @staticmethod
    def _write(volume: Volume, name: str, data: bytes, mode: int, *, keep: bool) -> None:
        path = volume.inside(name)
        if keep and path.exists():
            fail(Status.ALREADY_EXISTS, f"{name}: already exists")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod((mode or 0o644) & 0o7777)

    async def VolumeRemoveFile(
        self,
        request: api_pb2.VolumeRemoveFileRequest | api_pb2.VolumeRemoveFile2Request,
        call: Call,
    ) -> Empty:
        path = self.get(request.volume_id).existing(request.path)
        if path.is_symlink() or not path.is_dir():
            path.unlink()
        elif request.recursive:
            shutil.rmtree(path)
        else:
            fail(Status.INVALID_ARGUMENT, f"{request.path!r} is a directory")
        return Empty()

    VolumeRemoveFile2 = VolumeRemoveFile

    async def VolumeCopyFiles(
        self,
        request: api_pb2.VolumeCopyFilesRequest | api_pb2.VolumeCopyFiles2Request,
        call: Call,
    ) -> Empty:
        volume = self.get(request.volume_id)
        target = volume.inside(request.dst_path)
        into = target.is_dir() or request.dst_path.endswith("/") or len(request.src_paths) > 1
        for source in map(volume.existing, request.src_paths):
            place = target / source.name if into else target
            place.parent.mkdir(parents=True, exist_ok=True)
            if not source.is_dir():
                shutil.copy2(source, place)
            elif request.recursive:
                shutil.copytree(source, place, dirs_exist_ok=True)
            else:
                fail(Status.INVALID_ARGUMENT, f"{source.name!r} is a directory")
        return Empty()

    VolumeCopyFiles2 = VolumeCopyFiles


def _entry(path: Path, top: Path) -> api_pb2.FileEntry:
    found = path.lstat()
    kinds = {stat.S_IFDIR: api_pb2.FileEntry.DIRECTORY, stat.S_IFLNK: api_pb2.FileEntry.SYMLINK}
    return api_pb2.FileEntry(
        path=str(path.relative_to(top)),
        type=kinds.get(stat.S_IFMT(found.st_mode), api_pb2.FileEntry.FILE),
        mtime=int(found.st_mtime),
        size=found.st_size,
    )
