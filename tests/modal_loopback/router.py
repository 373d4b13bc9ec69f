"""The worker: what clients ask of a running sandbox directly."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import Status
from modal_proto import task_command_router_pb2 as tcr

from tests.modal_loopback.cell import CellError, Exec, Window
from tests.modal_loopback.ground import Ground
from tests.modal_loopback.ids import id_of
from tests.modal_loopback.images import Image, Images
from tests.modal_loopback.inside import linux
from tests.modal_loopback.keyring import Keyring
from tests.modal_loopback.sandboxes import Sandbox, Sandboxes
from tests.modal_loopback.streams import NotReading
from tests.modal_loopback.wire import Call, fail, messages

_STDERR = tcr.TASK_EXEC_STDIO_FILE_DESCRIPTOR_STDERR


class Router:
    """The RPCs of a sandbox's worker."""

    def __init__(
        self, sandboxes: Sandboxes, images: Images, keyring: Keyring, ground: Ground
    ) -> None:
        self._sandboxes, self._images, self._keyring = sandboxes, images, keyring
        self._ground = ground
        self._mounted: dict[tuple[str, str], Path] = {}

    def _task(self, task_id: str) -> Sandbox:
        if task_id not in self._sandboxes.by_task:
            fail(Status.NOT_FOUND, f"Task {task_id} not found")
        return self._sandboxes.by_task[task_id]

    def _running(self, task_id: str) -> Sandbox:
        one = self._task(task_id)
        if not one.running:
            fail(Status.NOT_FOUND, f"Task {task_id} is not running")
        one.active_at = time.monotonic()
        return one

    def _exec(self, task_id: str, exec_id: str) -> Exec:
        execs = self._task(task_id).cell.execs
        if exec_id not in execs:
            fail(Status.NOT_FOUND, f"Exec {exec_id} not found")
        return execs[exec_id]

    # -- execs

    async def TaskExecStart(
        self, request: tcr.TaskExecStartRequest, call: Call
    ) -> tcr.TaskExecStartResponse:
        one = self._running(request.task_id)
        if request.exec_id in one.cell.execs:  # a retry: the id says that it is the same
            return tcr.TaskExecStartResponse()
        window = None
        given = self._keyring.resolve(request.secret_ids)
        given |= self._keyring.given(request.secret_sources) | dict(request.env)
        if request.HasField("pty_info") and request.pty_info.pty_type:
            pty = request.pty_info
            window = Window(pty.winsz_rows or 24, pty.winsz_cols or 80)
            given.setdefault("TERM", pty.env_term or "xterm-256color")
        pipes = (
            request.stdout_config != tcr.TASK_EXEC_STDOUT_CONFIG_DEVNULL,
            request.stderr_config != tcr.TASK_EXEC_STDERR_CONFIG_DEVNULL,
        )
        try:
            started = one.cell.start(
                request.exec_id,
                request.command_args,
                env=one.environment(given),
                cwd=request.workdir or one.workdir,
                window=window,
                heard=pipes,
            )
        except CellError as error:
            fail(Status.NOT_FOUND, str(error))
        if request.timeout_secs:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(request.timeout_secs, one.cell.expire, request.exec_id)
            started.at_end(timer.cancel)
        return tcr.TaskExecStartResponse()

    async def TaskExecStdioRead(
        self, request: tcr.TaskExecStdioReadRequest, call: Call
    ) -> AsyncIterator[tcr.TaskExecStdioReadResponse]:
        one = self._exec(request.task_id, request.exec_id)
        output = one.stderr if request.file_descriptor == _STDERR else one.stdout
        offset = request.offset
        while chunk := await output.read(offset):
            yield tcr.TaskExecStdioReadResponse(data=chunk)
            offset += len(chunk)

    async def TaskExecStdinWrite(
        self, request: tcr.TaskExecStdinWriteRequest, call: Call
    ) -> tcr.TaskExecStdinWriteResponse:
        one = self._exec(request.task_id, request.exec_id)
        await _write(one, request.offset, request.data, request.eof)
        return tcr.TaskExecStdinWriteResponse()

    async def TaskExecStdinStatus(
        self, request: tcr.TaskExecStdinStatusRequest, call: Call
    ) -> tcr.TaskExecStdinStatusResponse:
        stdin = self._exec(request.task_id, request.exec_id).stdin
        return tcr.TaskExecStdinStatusResponse(num_bytes_written=stdin.written, closed=stdin.closed)

    async def TaskExecStdinWriteStream(
        self, stream: Any, call: Call
    ) -> tcr.TaskExecStdinWriteStreamResponse:
        start = (await stream.recv_message()).start
        call.note(start)
        one, offset = self._exec(start.task_id, start.exec_id), start.offset
        async for message in messages(stream):
            end = message.WhichOneof("payload") == "end"
            await _write(one, offset, message.data, end)
            offset += len(message.data)
            if end:
                break
        return tcr.TaskExecStdinWriteStreamResponse()

    async def TaskExecPoll(
        self, request: tcr.TaskExecPollRequest, call: Call
    ) -> tcr.TaskExecPollResponse:
        one = self._exec(request.task_id, request.exec_id)
        return tcr.TaskExecPollResponse(**one.outcome)

    async def TaskExecWait(
        self, request: tcr.TaskExecWaitRequest, call: Call
    ) -> tcr.TaskExecWaitResponse:
        one = self._exec(request.task_id, request.exec_id)
        await one.ended.wait()
        return tcr.TaskExecWaitResponse(**one.outcome)

    # -- the sandbox itself

    async def SandboxStdioReadV2(
        self, request: tcr.SandboxStdioReadV2Request, call: Call
    ) -> AsyncIterator[tcr.SandboxStdioReadV2Response]:
        main = self._task(request.task_id).main
        errors = request.file_descriptor == tcr.SANDBOX_STDIO_FILE_DESCRIPTOR_STDERR
        output = main.stderr if errors else main.stdout
        offset = request.offset
        while chunk := await output.read(offset):
            yield tcr.SandboxStdioReadV2Response(data=chunk, starting_offset=offset)
            offset += len(chunk)

    async def SandboxStdinWriteV2(
        self, request: tcr.SandboxStdinWriteV2Request, call: Call
    ) -> tcr.SandboxStdinWriteV2Response:
        main = self._running(request.task_id).main
        await _write(main, request.offset, request.data, request.eof)
        return tcr.SandboxStdinWriteV2Response()

    async def SandboxWaitUntilReady(
        self, request: tcr.SandboxWaitUntilReadyTcrRequest, call: Call
    ) -> tcr.SandboxWaitUntilReadyTcrResponse:
        one = self._running(request.task_id)
        probe = one.definition.readiness_probe
        deadline = time.monotonic() + request.timeout
        while not await self._ready(one):
            if time.monotonic() > deadline or not one.running:
                fail(Status.DEADLINE_EXCEEDED, "Sandbox did not become ready in time")
            await asyncio.sleep((probe.interval_ms or 100) / 1000)
        return tcr.SandboxWaitUntilReadyTcrResponse(ready_at=time.time())

    @staticmethod
    async def _ready(one: Sandbox) -> bool:
        probe = one.definition.readiness_probe
        match probe.WhichOneof("probe_oneof"):
            case "tcp_port" if one.tunnels:
                try:
                    _, writer = await one.tunnels.reach(probe.tcp_port)
                except (OSError, CellError):
                    return False
                writer.close()
            case "exec_command":
                argv = list(probe.exec_command.argv)
                done = await one.cell.run(argv, env=one.environment({}))
                return done.exit_status == 0
        return True

    async def TaskReloadVolumes(
        self, request: tcr.TaskReloadVolumesRequest, call: Call
    ) -> tcr.TaskReloadVolumesResponse:
        self._running(request.task_id)
        return tcr.TaskReloadVolumesResponse()

    # -- snapshots and mounted images

    async def TaskSnapshotFilesystem(
        self, request: tcr.TaskSnapshotFilesystemRequest, call: Call
    ) -> tcr.TaskSnapshotFilesystemResponse:
        one = self._running(request.task_id)
        image_id = id_of("im", request.snapshot_id.encode())
        image = Image(one.image.layers, {**one.image.env}, one.workdir, one.image.command)
        lasting = _with_end(image, request.ttl_seconds)
        await self._images.keep(image_id, lasting, one.cell.upper)
        return tcr.TaskSnapshotFilesystemResponse(image_id=image_id)

    async def TaskSnapshotDirectory(
        self, request: tcr.TaskSnapshotDirectoryRequest, call: Call
    ) -> tcr.TaskSnapshotDirectoryResponse:
        one = self._running(request.task_id)
        path = os.fsdecode(request.path)
        source = Path(f"/proc/{one.cell.pid}/root{path}")
        if not source.is_dir():
            fail(Status.NOT_FOUND, f"{path} is not a directory")
        image_id = id_of("im", request.snapshot_id.encode())
        await self._images.keep(image_id, _with_end(Image(()), request.ttl_seconds), source)
        return tcr.TaskSnapshotDirectoryResponse(image_id=image_id)

    async def TaskMountDirectory(self, request: tcr.TaskMountDirectoryRequest, call: Call) -> Empty:
        one, path = self._running(request.task_id), os.fsdecode(request.path)
        image = self._images.get(request.image_id) if request.image_id else Image(())
        room = self._ground.directory("b")
        for name in ("empty", "merged"):
            (room / name).mkdir()
        layers = [*self._images.own_layers(image), str(room / "empty")]
        merged = str(room / "merged")
        linux.mount("overlay", merged, "overlay", data=self._ground.overlay(room, layers))
        try:
            await one.cell.place(linux.copy_of_mount(merged), path)
        except CellError as error:
            fail(Status.INVALID_ARGUMENT, str(error))
        finally:
            linux.unmount(merged)
        self._mounted[one.id, path] = room
        return Empty()

    async def TaskUnmountDirectory(
        self, request: tcr.TaskUnmountDirectoryRequest, call: Call
    ) -> Empty:
        one, path = self._running(request.task_id), os.fsdecode(request.path)
        if self._mounted.pop((one.id, path), None) is None:
            fail(Status.NOT_FOUND, f"nothing is mounted at {path}")
        await one.cell.unplace(path)
        return Empty()


async def _write(one: Exec, offset: int, data: bytes, end: bool) -> None:
    try:
        await one.stdin.write(offset, data, end=end)
    except NotReading as error:
        fail(Status.FAILED_PRECONDITION, str(error))


def _with_end(image: Image, seconds: int) -> Image:
    """The image, to be forgotten after its time to live; 0 for never."""
    return replace(image, expires_at=time.time() + seconds) if seconds > 0 else image
