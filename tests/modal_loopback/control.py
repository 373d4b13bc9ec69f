"""The control plane: clients, environments, apps, sandboxes."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import NoReturn

from google.protobuf.empty_pb2 import Empty
from grpclib import Status
from modal_proto import api_pb2

from tests.modal_loopback.ids import new_id
from tests.modal_loopback.sandboxes import Result, Sandbox, Sandboxes
from tests.modal_loopback.streams import NotReading
from tests.modal_loopback.tokens import Tokens
from tests.modal_loopback.wire import Call, fail

_BUILDER = "2025.06"
# Its SDK refuses a worker without https, and yet adds no TLS where Modal is on loopback.
_JAVASCRIPT = str(api_pb2.CLIENT_TYPE_LIBMODAL_JS)


class Apps:
    """Apps by environment and name, and the RPCs of a client that says hello."""

    def __init__(self, tokens: Tokens) -> None:
        self.ids: set[str] = set()
        self._tokens = tokens
        self._names: dict[tuple[str, str], str] = {}

    def find(self, environment: str, name: str) -> str:
        """The id of an app, or NOT_FOUND."""
        app_id = self._names.get((environment or "main", name))
        if app_id is None:
            fail(Status.NOT_FOUND, f"App {name!r} not found")
        return app_id

    async def ClientHello(self, request: Empty, call: Call) -> api_pb2.ClientHelloResponse:
        return api_pb2.ClientHelloResponse()

    async def AuthTokenGet(
        self, request: api_pb2.AuthTokenGetRequest, call: Call
    ) -> api_pb2.AuthTokenGetResponse:
        token = self._tokens.issue("workspace", lifetime=call.token_lifetime)
        return api_pb2.AuthTokenGetResponse(token=token)

    async def EnvironmentGetOrCreate(
        self, request: api_pb2.EnvironmentGetOrCreateRequest, call: Call
    ) -> api_pb2.EnvironmentGetOrCreateResponse:
        name = request.deployment_name or "main"
        settings = api_pb2.EnvironmentSettings(image_builder_version=_BUILDER)
        metadata = api_pb2.EnvironmentMetadata(name=name, settings=settings)
        return api_pb2.EnvironmentGetOrCreateResponse(
            environment_id=f"en-{name}", metadata=metadata
        )

    async def AppGetOrCreate(
        self, request: api_pb2.AppGetOrCreateRequest, call: Call
    ) -> api_pb2.AppGetOrCreateResponse:
        key = (request.environment_name or "main", request.app_name)
        if key not in self._names:
            if request.object_creation_type != api_pb2.OBJECT_CREATION_TYPE_CREATE_IF_MISSING:
                fail(Status.NOT_FOUND, f"App {request.app_name!r} not found")
            self._names[key] = new_id("ap")
            self.ids.add(self._names[key])
        app_id = self._names[key]
        metadata = api_pb2.AppHandleMetadata(app_id=app_id)
        return api_pb2.AppGetOrCreateResponse(app_id=app_id, handle_metadata=metadata)

    async def AppCreate(
        self, request: api_pb2.AppCreateRequest, call: Call
    ) -> api_pb2.AppCreateResponse:
        app_id = new_id("ap")
        self.ids.add(app_id)
        return api_pb2.AppCreateResponse(app_id=app_id)

    async def AppHeartbeat(self, request: api_pb2.AppHeartbeatRequest, call: Call) -> Empty:
        return Empty()

    async def AppClientDisconnect(
        self, request: api_pb2.AppClientDisconnectRequest, call: Call
    ) -> Empty:
        return Empty()

    async def AppPublish(
        self, request: api_pb2.AppPublishRequest, call: Call
    ) -> api_pb2.AppPublishResponse:
        return api_pb2.AppPublishResponse()


class SandboxControl:
    """The RPCs of sandboxes; those of the older backend differ in their names alone."""

    def __init__(self, sandboxes: Sandboxes, apps: Apps, tokens: Tokens, url: str) -> None:
        self._sandboxes, self._apps, self._tokens, self._url = sandboxes, apps, tokens, url
        self._creations: dict[str, asyncio.Task[Sandbox]] = {}

    async def _create(
        self,
        request: api_pb2.SandboxCreateV2Request | api_pb2.SandboxCreateRequest,
        call: Call,
        *,
        old: bool,
    ) -> Sandbox:
        """Create once for each idempotency key: a retry gets what the first attempt made."""
        key = call.metadata.get("x-idempotency-key", "") or new_id("key")
        if key not in self._creations:
            creation = self._sandboxes.create(request, old=old)
            self._creations[key] = asyncio.create_task(creation)
        return await asyncio.shield(self._creations[key])

    def _access(self, one: Sandbox, call: Call) -> api_pb2.CommandRouterAccess:
        token = self._tokens.issue(one.task_id, lifetime=call.token_lifetime)
        plain = call.metadata.get("x-modal-client-type") != _JAVASCRIPT
        url = self._url if plain else self._url.replace("http:", "https:")
        return api_pb2.CommandRouterAccess(url=url, jwt=token)

    async def SandboxCreateV2(
        self, request: api_pb2.SandboxCreateV2Request, call: Call
    ) -> api_pb2.SandboxCreateV2Response:
        one = await self._create(request, call, old=False)
        return api_pb2.SandboxCreateV2Response(
            sandbox_id=one.id,
            task_id=one.task_id,
            metadata=one.metadata,
            tunnels=one.tunnels.described() if one.tunnels else [],
            command_router_access=self._access(one, call),
        )

    async def SandboxCreate(
        self, request: api_pb2.SandboxCreateRequest, call: Call
    ) -> api_pb2.SandboxCreateResponse:
        one = await self._create(request, call, old=True)
        return api_pb2.SandboxCreateResponse(sandbox_id=one.id, metadata=one.metadata)

    async def SandboxGetCommandRouterAccess(
        self, request: api_pb2.SandboxGetCommandRouterAccessRequest, call: Call
    ) -> api_pb2.SandboxGetCommandRouterAccessResponse:
        by_task = request.WhichOneof("target") == "task_id"
        known = self._sandboxes.by_task if by_task else self._sandboxes.by_id
        one = known.get(request.task_id if by_task else request.sandbox_id)
        if one is None:
            fail(Status.NOT_FOUND, "Sandbox not found")
        access = self._access(one, call)
        return api_pb2.SandboxGetCommandRouterAccessResponse(url=access.url, jwt=access.jwt)

    async def TaskGetCommandRouterAccess(
        self, request: api_pb2.TaskGetCommandRouterAccessRequest, call: Call
    ) -> api_pb2.TaskGetCommandRouterAccessResponse:
        one = self._sandboxes.by_task.get(request.task_id)
        if one is None:
            fail(Status.NOT_FOUND, f"Task {request.task_id} not found")
        access = self._access(one, call)
        return api_pb2.TaskGetCommandRouterAccessResponse(url=access.url, jwt=access.jwt)

    async def SandboxGetFromNameV2(
        self, request: api_pb2.SandboxGetFromNameRequest, call: Call
    ) -> api_pb2.SandboxGetFromNameResponse:
        one = self._named(request)
        if one is None or not one.task_id.endswith("V"):
            self._no_such(request)
        return api_pb2.SandboxGetFromNameResponse(sandbox_id=one.id, metadata=one.metadata)

    async def SandboxGetFromName(
        self, request: api_pb2.SandboxGetFromNameRequest, call: Call
    ) -> api_pb2.SandboxGetFromNameResponse:
        one = self._named(request)
        if one is None or one.task_id.endswith("V"):
            self._no_such(request)
        return api_pb2.SandboxGetFromNameResponse(sandbox_id=one.id, metadata=one.metadata)

    def _named(self, request: api_pb2.SandboxGetFromNameRequest) -> Sandbox | None:
        app_id = self._apps.find(request.environment_name, request.app_name)
        ended = request.include_terminated
        return self._sandboxes.named(app_id, request.sandbox_name, ended=ended)

    @staticmethod
    def _no_such(request: api_pb2.SandboxGetFromNameRequest) -> NoReturn:
        text = f"Sandbox with name {request.sandbox_name!r} not found in App {request.app_name!r}"
        fail(Status.NOT_FOUND, text)

    async def SandboxListV2(
        self, request: api_pb2.SandboxListRequest, call: Call
    ) -> api_pb2.SandboxListResponse:
        moment = call.moment
        apps = {request.app_id} if request.app_id else self._apps.ids
        found = self._sandboxes.listed(request, apps, moment)
        return api_pb2.SandboxListResponse(sandboxes=[_info(one, moment) for one in found])

    async def SandboxTagsGetV2(
        self, request: api_pb2.SandboxTagsGetRequest, call: Call
    ) -> api_pb2.SandboxTagsGetResponse:
        return api_pb2.SandboxTagsGetResponse(
            tags=_tags(self._sandboxes.get(request.sandbox_id).tags)
        )

    async def SandboxTagsSetV2(self, request: api_pb2.SandboxTagsSetRequest, call: Call) -> Empty:
        tags = {tag.tag_name: tag.tag_value for tag in request.tags}
        self._sandboxes.get(request.sandbox_id).set_tags(tags)
        return Empty()

    async def SandboxSetName(
        self, request: api_pb2.SandboxSetNameRequest, call: Call
    ) -> api_pb2.SandboxSetNameResponse:
        one = self._sandboxes.get(request.sandbox_id)
        holder = self._sandboxes.named(one.app_id, request.name)
        if holder not in (None, one):
            fail(Status.ALREADY_EXISTS, f"Sandbox with name {request.name!r} already exists")
        one.name = request.name
        return api_pb2.SandboxSetNameResponse()

    async def SandboxGetTaskIdV2(
        self, request: api_pb2.SandboxGetTaskIdRequest, call: Call
    ) -> api_pb2.SandboxGetTaskIdResponse:
        one = self._sandboxes.get(request.sandbox_id)
        return api_pb2.SandboxGetTaskIdResponse(task_id=one.task_id, task_result=one.result)

    async def SandboxWaitV2(
        self, request: api_pb2.SandboxWaitRequest, call: Call
    ) -> api_pb2.SandboxWaitResponse:
        one = self._sandboxes.get(request.sandbox_id)
        if request.timeout:
            with suppress(TimeoutError):
                await asyncio.wait_for(one.finished.wait(), request.timeout)
        return api_pb2.SandboxWaitResponse(result=one.result, metadata=one.metadata)

    async def SandboxTerminateV2(
        self, request: api_pb2.SandboxTerminateRequest, call: Call
    ) -> api_pb2.SandboxTerminateResponse:
        one = self._sandboxes.get(request.sandbox_id)
        before = one.result
        one.kill(Result.GENERIC_STATUS_TERMINATED)
        return api_pb2.SandboxTerminateResponse(existing_result=before)

    async def SandboxGetTunnelsV2(
        self, request: api_pb2.SandboxGetTunnelsRequest, call: Call
    ) -> api_pb2.SandboxGetTunnelsResponse:
        one = self._sandboxes.get(request.sandbox_id)
        tunnels = one.tunnels.described() if one.tunnels else []
        result = Result(status=Result.GENERIC_STATUS_SUCCESS)
        return api_pb2.SandboxGetTunnelsResponse(result=result, tunnels=tunnels)

    async def SandboxGetLogs(
        self, request: api_pb2.SandboxGetLogsRequest, call: Call
    ) -> AsyncIterator[api_pb2.TaskLogsBatch]:
        one = self._sandboxes.get(request.sandbox_id)
        wants_errors = request.file_descriptor == api_pb2.FILE_DESCRIPTOR_STDERR
        output = one.main.stderr if wants_errors else one.main.stdout
        offset = int((request.last_entry_id or "0").split("-")[0])
        deadline = time.monotonic() + (request.timeout or 55.0)
        with suppress(TimeoutError):
            while True:
                left = deadline - time.monotonic()
                chunk = await asyncio.wait_for(output.read(offset), left)
                offset += len(chunk)
                text = chunk.decode(errors="replace")
                log = api_pb2.TaskLogs(data=text, file_descriptor=request.file_descriptor)
                entry = f"{offset}-0"
                if not chunk:
                    yield api_pb2.TaskLogsBatch(entry_id=entry, eof=True)
                    return
                yield api_pb2.TaskLogsBatch(entry_id=entry, items=[log])

    async def SandboxStdinWrite(
        self, request: api_pb2.SandboxStdinWriteRequest, call: Call
    ) -> api_pb2.SandboxStdinWriteResponse:
        one = self._sandboxes.get(request.sandbox_id)
        stdin = one.main.stdin
        try:
            await stdin.write(stdin.written, request.input, end=request.eof)
        except NotReading as error:
            fail(Status.FAILED_PRECONDITION, str(error))
        return api_pb2.SandboxStdinWriteResponse()

    SandboxList = SandboxListV2
    SandboxTagsGet = SandboxTagsGetV2
    SandboxTagsSet = SandboxTagsSetV2
    SandboxGetTaskId = SandboxGetTaskIdV2
    SandboxWait = SandboxWaitV2
    SandboxTerminate = SandboxTerminateV2
    SandboxGetTunnels = SandboxGetTunnelsV2


def _tags(tags: dict[str, str]) -> list[api_pb2.SandboxTag]:
    return [api_pb2.SandboxTag(tag_name=name, tag_value=value) for name, value in tags.items()]


def _info(one: Sandbox, moment: float) -> api_pb2.SandboxInfo:
    seen_end = one.result is not None and one.ended_at <= moment
    result = one.result if seen_end else None
    return api_pb2.SandboxInfo(
        id=one.id,
        created_at=one.created_at,
        app_id=one.app_id,
        name=one.name,
        image_id=one.definition.image_id,
        timeout_secs=one.definition.timeout_secs,
        idle_timeout_secs=one.definition.idle_timeout_secs or None,
        metadata=api_pb2.SandboxHandleMetadata(app_id=one.app_id, result=result),
        task_info=api_pb2.TaskInfo(id=one.task_id, started_at=one.created_at, result=result),
        tags=_tags(one.tags_at(moment)),
    )
