"""Sandboxes as Modal knows them: ids, names, tags, deadlines, results; each runs in a cell."""

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_network

from grpclib import Status
from modal_proto import api_pb2

from tests.modal_loopback.cell import PATH, Cell, CellError, Exec
from tests.modal_loopback.ids import new_id
from tests.modal_loopback.images import Image, Images
from tests.modal_loopback.keyring import Keyring
from tests.modal_loopback.mounts import Mounts
from tests.modal_loopback.tunnels import Tunnels
from tests.modal_loopback.volumes import Volumes
from tests.modal_loopback.wire import fail

Result = api_pb2.GenericResult
MAIN = "main"
_LONGEST = 86400
_DOMAIN = re.compile(r"(\*\.)?[\w-]+(\.[\w-]+)*")


@dataclass
class Sandbox:
    """One sandbox, from the call that creates it to long after its end."""

    id: str
    task_id: str
    app_id: str
    definition: api_pb2.Sandbox
    image: Image
    env: dict[str, str]
    tags: dict[str, str]
    cell: Cell
    name: str
    created_at: float = field(default_factory=time.time)
    ended_at: float = float("inf")
    active_at: float = field(default_factory=time.monotonic)
    condemned: "api_pb2.GenericResult.GenericStatus.ValueType" = Result.GENERIC_STATUS_UNSPECIFIED
    result: api_pb2.GenericResult | None = None
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    tags_before: list[tuple[float, dict[str, str]]] = field(default_factory=list)
    tunnels: Tunnels | None = None

    @property
    def running(self) -> bool:
        """Whether it may still be asked for anything; a condemned one may not."""
        return self.result is None and not self.condemned

    @property
    def main(self) -> Exec:
        """The process that it was created with."""
        return self.cell.execs[MAIN]

    @property
    def metadata(self) -> api_pb2.SandboxHandleMetadata:
        """What handles are made of."""
        return api_pb2.SandboxHandleMetadata(app_id=self.app_id, result=self.result)

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """The variables of a process in it."""
        about = {"MODAL_SANDBOX_ID": self.id, "MODAL_TASK_ID": self.task_id, "MODAL_IS_REMOTE": "1"}
        usual = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "USER": "root", **about}
        return {**usual, **self.image.env, **self.env, **more}

    @property
    def workdir(self) -> str:
        """Where its processes start."""
        return self.definition.workdir or self.image.workdir or "/"

    def kill(self, status: "api_pb2.GenericResult.GenericStatus.ValueType") -> None:
        """Begin its end, with the result that `wait` shall see."""
        if self.running:
            self.condemned = status
            self.cell.kill()

    def set_tags(self, tags: dict[str, str]) -> None:
        """Replace its tags; the old ones stay known for stale answers."""
        self.tags_before.append((time.time(), self.tags))
        self.tags = tags

    def tags_at(self, moment: float) -> dict[str, str]:
        """Its tags as they were at a time of the clock."""
        later = (tags for changed, tags in self.tags_before if changed > moment)
        return next(later, self.tags)


class Sandboxes:
    """All sandboxes of this Modal, the ended ones too."""

    def __init__(
        self,
        images: Images,
        keyring: Keyring,
        volumes: Volumes,
        mounts: Mounts,
        apps: set[str],
        page: int,
    ) -> None:
        """page: how many sandboxes a list shows at once."""
        self.by_id: dict[str, Sandbox] = {}
        self.by_task: dict[str, Sandbox] = {}
        self._images, self._keyring = images, keyring
        self._volumes, self._mounts, self._apps, self._page = volumes, mounts, apps, page
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, sandbox_id: str) -> Sandbox:
        """The sandbox of that id, or NOT_FOUND."""
        if sandbox_id not in self.by_id:
            fail(Status.NOT_FOUND, f"Sandbox {sandbox_id} not found")
        return self.by_id[sandbox_id]

    def named(self, app_id: str, name: str, *, ended: bool = False) -> Sandbox | None:
        """The one that holds a name; with `ended`, else the last one that held it."""
        held = [one for one in self.by_id.values() if (one.app_id, one.name) == (app_id, name)]
        found = [one for one in held if one.result is None] or (held if ended else [])
        return found[-1] if found else None

    def listed(
        self, request: api_pb2.SandboxListRequest, apps: Iterable[str], moment: float
    ) -> list[Sandbox]:
        """A page of those that match, newest first, as the world was at `moment`."""
        wanted = {tag.tag_name: tag.tag_value for tag in request.tags}.items()
        before = min(request.before_timestamp or float("inf"), moment)
        found = [
            one
            for one in self.by_id.values()
            if one.app_id in apps
            and (request.include_finished or one.ended_at > moment)
            and one.created_at < before
            and wanted <= one.tags_at(moment).items()
        ]
        return sorted(found, key=lambda one: one.created_at, reverse=True)[: self._page]

    async def create(
        self, request: api_pb2.SandboxCreateV2Request | api_pb2.SandboxCreateRequest, *, old: bool
    ) -> Sandbox:
        """Make a sandbox and start its command. Answers the RPC with Modal's errors."""
        definition = request.definition
        self._check(request.app_id, definition)
        env = self._keyring.resolve(definition.secret_ids)
        if isinstance(request, api_pb2.SandboxCreateV2Request):
            env |= self._keyring.given(request.secret_sources)
            env |= request.ephemeral_secrets.contents
        image = self._images.get(definition.image_id)
        sandbox_id = new_id("sb", 22 if old else 26)
        one = Sandbox(
            id=sandbox_id,
            task_id=f"ta-{sandbox_id[3:]}" + ("" if old else "V"),
            app_id=request.app_id,
            definition=definition,
            image=image,
            env=env,
            tags={tag.tag_name: tag.tag_value for tag in request.tags},
            cell=self._images.cell(image),
            name=definition.name,
        )
        # Known before the first await: two creations of one name must not both succeed.
        self.by_id[one.id] = self.by_task[one.task_id] = one
        try:
            await self._start(one)
        except CellError as error:
            self._end(one, Result(status=Result.GENERIC_STATUS_INIT_FAILURE, exception=str(error)))
            fail(Status.INTERNAL, str(error))
        return one

    def _check(self, app_id: str, definition: api_pb2.Sandbox) -> None:
        if app_id not in self._apps:
            fail(Status.NOT_FOUND, f"App {app_id} not found")
        if definition.name and self.named(app_id, definition.name):
            text = f"Sandbox with name {definition.name!r} already exists in this App"
            fail(Status.ALREADY_EXISTS, text)
        if not 0 < definition.timeout_secs <= _LONGEST:
            fail(Status.INVALID_ARGUMENT, f"timeout must be between 1 and {_LONGEST} seconds")
        if definition.cloud_provider_str not in ("", "aws", "gcp", "oci", "auto"):
            fail(Status.INVALID_ARGUMENT, f"invalid cloud {definition.cloud_provider_str!r}")
        for region in definition.scheduler_placement.regions:
            if region.startswith("invalid"):
                fail(Status.INVALID_ARGUMENT, f"invalid region {region!r}")
        self._check_network(definition)

    @staticmethod
    def _check_network(definition: api_pb2.Sandbox) -> None:
        for cidr in (*definition.network_access.allowed_cidrs, *definition.inbound_cidr_allowlist):
            try:
                ip_network(cidr, strict=False)
            except ValueError:
                fail(Status.INVALID_ARGUMENT, f"Invalid CIDR: {cidr}")
        for domain in definition.network_access.allowed_domains:
            if not _DOMAIN.fullmatch(domain):
                fail(Status.INVALID_ARGUMENT, f"Invalid domain: {domain}")

    async def _start(self, one: Sandbox) -> None:
        definition = one.definition
        await one.cell.open()
        if files := self._mounts.files(definition.mount_ids):
            await one.cell.unpack(files)
        for mount in definition.volume_mounts:
            await self._volumes.place(mount, one.cell)
        await one.cell.run(["mkdir", "-p", one.workdir])
        command = list(definition.entrypoint_args) or one.image.command
        env = one.environment({})
        main = one.cell.start(MAIN, command, env=env, cwd=one.workdir)
        ports = definition.open_ports.ports if definition.HasField("open_ports") else []
        one.tunnels = Tunnels(one.cell, touch=lambda: self._touch(one))
        await one.tunnels.open([port.port for port in ports])
        for work in (self._watch(one, main), self._limit(one)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _touch(one: Sandbox) -> None:
        one.active_at = time.monotonic()

    async def _watch(self, one: Sandbox, main: Exec) -> None:
        await main.ended.wait()
        one.cell.kill()
        await one.cell.ended.wait()
        if one.condemned == Result.GENERIC_STATUS_TIMEOUT:
            result = Result(status=one.condemned, exitcode=124)
        elif one.condemned:
            result = Result(status=one.condemned, exitcode=137)
        else:
            good = main.exit_status == 0
            status = Result.GENERIC_STATUS_SUCCESS if good else Result.GENERIC_STATUS_FAILURE
            result = Result(status=status, exitcode=main.exit_status)
        if one.tunnels:
            one.tunnels.close()
        self._end(one, result)
        await one.cell.discard()

    @staticmethod
    def _end(one: Sandbox, result: api_pb2.GenericResult) -> None:
        one.result = result
        one.ended_at = time.time()
        one.finished.set()

    async def _limit(self, one: Sandbox) -> None:
        """End it at its timeout, or when nothing was active for its idle timeout."""
        definition = one.definition
        idle = definition.idle_timeout_secs if definition.HasField("idle_timeout_secs") else 0
        deadline = time.monotonic() + definition.timeout_secs
        while one.running:
            now = time.monotonic()
            busy = any(not e.ended.is_set() for n, e in one.cell.execs.items() if n != MAIN)
            if busy or (one.tunnels and one.tunnels.busy):
                one.active_at = now
            end = min(deadline, one.active_at + idle) if idle else deadline
            if now >= end:
                one.kill(Result.GENERIC_STATUS_TIMEOUT)
                return
            # Activity is looked for often enough that the end is late by a tenth at most.
            wait = min(end - now, max(0.05, idle / 10)) if idle else end - now
            with suppress(TimeoutError):
                await asyncio.wait_for(one.finished.wait(), wait)
