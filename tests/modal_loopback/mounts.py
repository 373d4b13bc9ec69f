"""Files that clients upload: by content, in mounts for images and sandboxes, as blobs by HTTP."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from aiohttp import web
from grpclib import Status
from modal_proto import api_pb2

from tests.modal_loopback.ids import id_of, new_id
from tests.modal_loopback.wire import Call, fail

Files = dict[str, tuple[bytes, int]]
"""Contents and modes by path."""


class Mounts:
    """Uploaded files and the mounts made of them, and their RPCs."""

    def __init__(self, room: Path) -> None:
        self.url = ""
        self._room = room
        self._mounts: dict[str, list[api_pb2.MountFile]] = {}

    def has(self, name: str) -> bool:
        """Whether something was uploaded under that digest or blob id."""
        return (self._room / name).exists()

    def read(self, name: str) -> bytes:
        """What was uploaded, or NOT_FOUND."""
        if not self.has(name):
            fail(Status.NOT_FOUND, f"no upload {name}")
        return (self._room / name).read_bytes()

    def store(self, data: bytes) -> str:
        """Offer bytes for download; the answer is their name below `url`."""
        name = id_of("bl", data)
        (self._room / name).write_bytes(data)
        return name

    def files(self, mount_ids: Iterable[str]) -> Files:
        """All files of some mounts; the names of a mount are paths."""
        return {
            file.filename: (self.read(file.sha256_hex), (file.mode or 0o644) & 0o7777)
            for mount_id in mount_ids
            for file in self._mounts.get(mount_id, [])
        }

    async def listen(self) -> None:
        """Serve blobs by HTTP on a port of its own."""
        app = web.Application(client_max_size=1 << 30)
        app.router.add_put("/{name}", self._put)
        app.router.add_get("/{name}", self._get)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _put(self, request: web.Request) -> web.Response:
        name = Path(request.match_info["name"]).name
        data = await request.read()
        (self._room / name).write_bytes(data)
        # The SDK compares the tag of a blob; of a volume's block it sends the body back to us.
        return web.Response(text=name, headers={"ETag": f'"{hashlib.md5(data).hexdigest()}"'})

    async def _get(self, request: web.Request) -> web.Response:
        path = self._room / Path(request.match_info["name"]).name
        if not path.exists():
            return web.Response(status=404)
        start, length = (int(request.query.get(key, 0)) for key in ("start", "length"))
        data = path.read_bytes()[start:]
        return web.Response(body=data[:length] if "length" in request.query else data)

    async def BlobCreate(
        self, request: api_pb2.BlobCreateRequest, call: Call
    ) -> api_pb2.BlobCreateResponse:
        blob_id = new_id("bl")
        urls = api_pb2.UploadUrlList(items=[f"{self.url}/{blob_id}"])
        return api_pb2.BlobCreateResponse(blob_ids=[blob_id], upload_urls=urls, blob_id=blob_id)

    async def BlobGet(self, request: api_pb2.BlobGetRequest, call: Call) -> api_pb2.BlobGetResponse:
        return api_pb2.BlobGetResponse(download_url=f"{self.url}/{request.blob_id}")

    async def MountBatchedCheckExistence(
        self, request: api_pb2.MountBatchedCheckExistenceRequest, call: Call
    ) -> api_pb2.MountBatchedCheckExistenceResponse:
        missing = [digest for digest in request.sha256_hex_hashes if not self.has(digest)]
        return api_pb2.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    async def MountPutFile(
        self, request: api_pb2.MountPutFileRequest, call: Call
    ) -> api_pb2.MountPutFileResponse:
        match request.WhichOneof("data_oneof"):
            case "data":
                (self._room / request.sha256_hex).write_bytes(request.data)
            case "data_blob_id":
                (self._room / request.sha256_hex).write_bytes(self.read(request.data_blob_id))
        return api_pb2.MountPutFileResponse(exists=self.has(request.sha256_hex))

    async def MountGetOrCreate(
        self, request: api_pb2.MountGetOrCreateRequest, call: Call
    ) -> api_pb2.MountGetOrCreateResponse:
        named = request.deployment_name.encode()
        content = named or b"".join(sorted(one.SerializeToString() for one in request.files))
        mount_id = id_of("mo", content)
        self._mounts[mount_id] = list(request.files)
        return api_pb2.MountGetOrCreateResponse(mount_id=mount_id)


def placed(files: Mapping[str, tuple[bytes, int]], source: str, target: str) -> Files:
    """The files that `COPY source target` of a Dockerfile takes, by their new paths."""
    found: Files = {}
    wanted = "" if source in (".", "./", "/") else "/" + source.strip("./").strip("/")
    for path, content in files.items():
        rooted = "/" + path.removeprefix("./").lstrip("/")
        if rooted == wanted:
            into = target.endswith("/")
            found[target + rooted.rpartition("/")[2] if into else target] = content
        elif rooted.startswith(wanted + "/"):
            found[target.rstrip("/") + rooted[len(wanted) :]] = content
    return found
