"""Images: stacks of overlay layers whose commands really ran, cached by what they are made of."""

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from google.protobuf.empty_pb2 import Empty
from grpclib import Status
from modal_proto import api_pb2

from tests.modal_loopback import dockerfile
from tests.modal_loopback.cell import PATH, Cell
from tests.modal_loopback.ground import Ground
from tests.modal_loopback.ids import id_of, new_id
from tests.modal_loopback.keyring import Keyring
from tests.modal_loopback.mounts import Files, Mounts, placed
from tests.modal_loopback.streams import Output
from tests.modal_loopback.wire import Call, fail

Result = api_pb2.GenericResult
_SLEEP = ("sleep", "infinity")
_SH = ["/bin/sh", "-c"]
# How the SDK adds a Python to an image; the machine's own must do.
_PYTHON = {"/python/. /usr/local", "ln -s /usr/local/bin/python3 /usr/local/bin/python"}
# What a build may know of this machine: how to reach package registries, and nothing else.
_REGISTRY = re.compile(r"(?i)\w+_proxy|pip_.*|npm_config_.*|.*ca_?(bundle|cert).*|ssl_.*")


@dataclass(frozen=True)
class Image:
    """What a sandbox starts from."""

    layers: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    workdir: str = ""
    command: list[str] = field(default_factory=lambda: list(_SLEEP))
    expires_at: float = float("inf")


@dataclass
class Build:
    """A build under way, or the way in which it ended."""

    log: Output = field(default_factory=Output)
    result: api_pb2.GenericResult = field(default_factory=Result)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class BuildFailed(Exception):
    """A command of an image ended badly."""


class Images:
    """All images of this Modal, their names and their RPCs."""

    def __init__(
        self, ground: Ground, keyring: Keyring, mounts: Mounts, store: Path | None
    ) -> None:
        """store: a directory that keeps built layers among servers."""
        self._ground, self._keyring, self._mounts, self._store = ground, keyring, mounts, store
        self._images: dict[str, Image] = {}
        self._builds: dict[str, Build] = {}
        self._names: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, image_id: str) -> Image:
        """The image of that id, or NOT_FOUND."""
        image = self._images.get(image_id)
        if image is None or image.expires_at < time.time():
            fail(Status.NOT_FOUND, f"Could not find image with ID {image_id!r}")
        return image

    def cell(self, image: Image) -> Cell:
        """A cell whose root is the image, with a layer of its own on top."""
        return Cell(self._ground, image.layers)

    def own_layers(self, image: Image) -> list[str]:
        """Its layers without those of the base."""
        return [layer for layer in image.layers if layer not in self._ground.base]

    async def keep(self, image_id: str, image: Image, added: Path) -> None:
        """Make an image of another one and a copy of a directory as its topmost layer."""
        if image_id not in self._images:
            layer = self._ground.directory("l")
            copy = ["cp", "-a", f"{added}/.", str(layer)]
            process = await asyncio.create_subprocess_exec(*copy)
            if await process.wait():
                fail(Status.INTERNAL, "the file system cannot be copied")
            self._images[image_id] = replace(image, layers=(str(layer), *image.layers))

    # -- building

    async def _build(self, image_id: str, definition: api_pb2.Image, build: Build) -> None:
        try:
            image = await self._made(definition, build.log)
            self._images[image_id] = image
            await self._save(image_id, image)
            build.result = Result(status=Result.GENERIC_STATUS_SUCCESS)
        except Exception as error:  # whatever it was, a client waits for the result
            status = Result.GENERIC_STATUS_FAILURE
            build.result = Result(status=status, exception=str(error) or repr(error))
        finally:
            build.log.feed(b"")
            build.done.set()

    def _base_of(self, definition: api_pb2.Image) -> Image:
        ids = [base.image_id for base in definition.base_images if base.image_id]
        return self.get(ids[0]) if ids else Image(tuple(self._ground.base))

    async def _made(self, definition: api_pb2.Image, log: Output) -> Image:
        image = self._base_of(definition)
        secrets = self._keyring.resolve(definition.secret_ids)
        cell: Cell | None = None
        arguments = dict(definition.build_args)
        context = self._context(definition)
        try:
            for one in dockerfile.read(definition.dockerfile_commands):
                log.feed(f"=> {one.word} {one.rest}\n".encode())
                match one.word:
                    case _ if one.rest in _PYTHON:
                        pass
                    case "ENV":
                        known = {**image.env, **arguments}
                        image = replace(image, env={**image.env, **one.variables(known)})
                    case "ARG":
                        given = one.variables(arguments)
                        arguments = {**given, **arguments}
                    case "WORKDIR":
                        path = os.path.join(image.workdir or "/", one.rest.strip("'\""))
                        image = replace(image, workdir=path)
                    case "CMD" | "ENTRYPOINT":
                        image = replace(image, command=one.command())
                    case "COPY" | "ADD":
                        cell = cell or await self._building(image)
                        await self._copy(one, image, context, cell)
                    case "RUN":
                        cell = cell or await self._building(image)
                        env = {**secrets, **arguments}
                        await self._run(one.command(), image, env, cell, log)
        finally:
            if cell:
                cell.kill()
                await cell.ended.wait()
        if cell:
            image = replace(image, layers=(self._layer(cell), *image.layers))
            await cell.discard()
        return image

    async def _building(self, image: Image) -> Cell:
        cell = self.cell(image)
        await cell.open(shares_network=True)
        return cell

    def _context(self, definition: api_pb2.Image) -> Files:
        mount = [definition.context_mount_id] if definition.context_mount_id else []
        files = self._mounts.files(mount)
        return files | {one.filename: (one.data, 0o644) for one in definition.context_files}

    async def _copy(
        self, one: dockerfile.Instruction, image: Image, context: Files, cell: Cell
    ) -> None:
        sources, target = one.paths()
        if "--from" in one.rest:
            return  # a part of another image, such as uv: there are no other images here
        if not target.startswith("/"):
            target = os.path.join(image.workdir or "/", target)
        for source in sources:
            many = target + "/" if len(sources) > 1 else target
            await cell.unpack(placed(context, source, many))

    async def _run(
        self, command: list[str], image: Image, env: Mapping[str, str], cell: Cell, log: Output
    ) -> None:
        machine = {key: value for key, value in os.environ.items() if _REGISTRY.fullmatch(key)}
        wheels = [str(path) for path in Path(self._ground.base[0], "__modal").glob("pip-*.whl")]
        wheels = [wheel.removeprefix(self._ground.base[0]) for wheel in wheels]
        usual = {"HOME": "/root", "LANG": "C.UTF-8", "PIP_BREAK_SYSTEM_PACKAGES": "1"}
        usual |= {"PIP_ROOT_USER_ACTION": "ignore", "PYTHONPATH": ":".join(wheels)}
        path = f"/__modal/build:{image.env.get('PATH', PATH)}"
        full = {**usual, **machine, **image.env, **env, "PATH": path}
        if image.workdir:
            await cell.run(["mkdir", "-p", image.workdir])
        name = f"build-{len(cell.execs)}"
        shell = [*command[:-1], f"exec 2>&1; {command[-1]}"] if command[:2] == _SH else command
        one = cell.start(name, shell, env=full, cwd=image.workdir or "/")
        one.stdin.close()
        offset = 0
        while chunk := await one.stdout.read(offset):
            log.feed(chunk)
            offset += len(chunk)
        await one.ended.wait()
        if one.exit_status:
            told = bytes(one.stdout.data + one.stderr.data)[-2000:].decode(errors="replace")
            text = f"{command[-1]!r} ended with exit status {one.exit_status}\n{told}"
            raise BuildFailed(text)

    def _layer(self, cell: Cell) -> str:
        """The cell's own layer, which nobody writes to any more, in its place among layers."""
        layer = self._ground.directory("l")
        layer.rmdir()
        os.rename(cell.upper, layer)
        return str(layer)

    # -- layers that outlive the server

    async def _save(self, image_id: str, image: Image) -> None:
        if self._store is None:
            return
        layers = self.own_layers(image)
        names = [await self._archive(Path(layer)) for layer in layers]
        about = {"layers": names, "env": dict(image.env), "workdir": image.workdir}
        written = self._store / f"{image_id}.new"
        written.write_text(json.dumps({**about, "command": image.command}))
        written.rename(self._store / f"{image_id}.json")

    async def _archive(self, layer: Path) -> str:
        assert self._store is not None
        mark = layer.parent / f"{layer.name}.name"
        if not mark.exists():
            mark.write_text(new_id("la"))
            archive = self._store / mark.read_text()
            await _tar(layer, "-cf", str(archive), ".")
        return mark.read_text()

    async def _restore(self, image_id: str) -> None:
        if self._store is None or not (about := self._store / f"{image_id}.json").exists():
            return
        found = json.loads(about.read_text())
        layers = []
        for name in found.pop("layers"):
            marks = (self._ground.room / "l").glob("*.name")
            layer = next((one.with_suffix("") for one in marks if one.read_text() == name), None)
            if layer is None:
                layer = self._ground.directory("l")
                await _tar(layer, "-xpf", str(self._store / name))
                layer.with_suffix(".name").write_text(name)
            layers.append(str(layer))
        self._images[image_id] = Image((*layers, *self._ground.base), **found)

    # -- RPCs

    async def ImageGetOrCreate(
        self, request: api_pb2.ImageGetOrCreateRequest, call: Call
    ) -> api_pb2.ImageGetOrCreateResponse:
        definition = request.image
        if request.namespace == api_pb2.DEPLOYMENT_NAMESPACE_GLOBAL:
            # Modal's own bases: the machine's root stands for all of them, with nothing to run.
            definition = api_pb2.Image(dockerfile_commands=["FROM machine"])
        image_id = self._id_of(definition)
        again = request.force_build or request.ignore_cache
        if image_id not in self._images and not again:
            await self._restore(image_id)
        build = self._builds.get(image_id)
        metadata = api_pb2.ImageMetadata(image_builder_version=request.builder_version)
        answer = api_pb2.ImageGetOrCreateResponse(image_id=image_id, metadata=metadata)
        if image_id in self._images and not again:
            answer.result.status = Result.GENERIC_STATUS_SUCCESS
        elif build is None or build.done.is_set():  # one that failed is tried again
            build = self._builds[image_id] = Build()
            task = asyncio.create_task(self._build(image_id, definition, build))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return answer

    def _id_of(self, definition: api_pb2.Image) -> str:
        same = api_pb2.Image()
        same.CopyFrom(definition)
        del same.secret_ids[:]  # their ids are new each time; what they say is what counts
        values = json.dumps(self._keyring.resolve(definition.secret_ids), sort_keys=True)
        return id_of("im", same.SerializeToString(deterministic=True) + values.encode())

    async def ImageJoinStreaming(
        self, request: api_pb2.ImageJoinStreamingRequest, call: Call
    ) -> AsyncIterator[api_pb2.ImageJoinStreamingResponse]:
        build = self._builds.get(request.image_id)
        if build is None:
            done = request.image_id in self._images
            status = Result.GENERIC_STATUS_SUCCESS if done else Result.GENERIC_STATUS_FAILURE
            yield api_pb2.ImageJoinStreamingResponse(result=Result(status=status), eof=True)
            return
        offset = int(request.last_entry_id or 0)
        while chunk := await build.log.read(offset):
            offset += len(chunk)
            logs = [api_pb2.TaskLogs(data=chunk.decode(errors="replace"))]
            yield api_pb2.ImageJoinStreamingResponse(task_logs=logs, entry_id=str(offset))
        await build.done.wait()
        yield api_pb2.ImageJoinStreamingResponse(result=build.result, eof=True)

    async def ImageFromId(
        self, request: api_pb2.ImageFromIdRequest, call: Call
    ) -> api_pb2.ImageFromIdResponse:
        self.get(request.image_id)
        return api_pb2.ImageFromIdResponse(image_id=request.image_id)

    async def ImagePublish(
        self, request: api_pb2.ImagePublishRequest, call: Call
    ) -> api_pb2.ImagePublishResponse:
        self.get(request.image_id)
        self._names[request.tag] = request.image_id
        return api_pb2.ImagePublishResponse(image_id=request.image_id)

    async def ImageGetByTag(
        self, request: api_pb2.ImageGetByTagRequest, call: Call
    ) -> api_pb2.ImageGetByTagResponse:
        if request.tag not in self._names:
            fail(Status.NOT_FOUND, f"Image {request.tag!r} not found")
        self.get(self._names[request.tag])
        return api_pb2.ImageGetByTagResponse(image_id=self._names[request.tag])

    async def ImageDelete(self, request: api_pb2.ImageDeleteRequest, call: Call) -> Empty:
        if request.image_id not in self._images:
            fail(Status.NOT_FOUND, f"No Image with ID {request.image_id!r} found")
        del self._images[request.image_id]
        return Empty()


async def _tar(layer: Path, *arguments: str) -> None:
    """Run tar in a layer, with the attributes by which an overlay knows what is gone."""
    command = ["tar", "--xattrs", "--xattrs-include=*", "-C", str(layer), *arguments]
    process = await asyncio.create_subprocess_exec(*command)
    if await process.wait():
        raise BuildFailed(f"tar {arguments[0]} of an image's layer failed")
