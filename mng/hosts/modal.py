"""The provider `modal`: a host is a sandbox, found by its name and its tags."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from mng.errors import HostError, HostGone, HostUnreachable, NotOurs, UsageError
from mng.hosts.modal_client import ask, sdk, together, translated
from mng.hosts.modal_image import image_of
from mng.hosts.modal_transport import SandboxTransport
from mng.hosts.provider import Foreign, Say, script
from mng.model.name import HostName
from mng.model.record import host_record, read_record
from mng.model.spec import HostSpec, Owner
from mng.model.transport import Machine
from mng.model.world import LiveHost

if TYPE_CHECKING:
    from modal import App, Sandbox

HOME = "/var/lib/mng"  # in the sandbox
WORK_DIR = "/work"
LONGEST = 24 * 3600  # seconds: Modal ends every sandbox then
_OURS = {"mng": "1"}  # the tag of all that mng made
_BUILD = 1800.0  # seconds for an image
_TRIES = 30  # to have a name that an ending sandbox still holds


class Modal:
    """Sandboxes of one Modal app. All calls are safe to repeat and to race.

    The handles of sandboxes are kept, for a new one costs three trips with its first command.
    """

    def __init__(self, app: str) -> None:
        self.app = app
        self._app: App | None = None
        self._boxes: dict[str, Sandbox] = {}  # by mark

    def check(self) -> None:
        """Nothing but the token is needed on this machine, and to look for hosts needed it, too."""

    # What there is

    def find(self, names: Collection[str] = ()) -> Sequence[LiveHost | Foreign]:
        """Those that the app lists, and of the names in scope also what the list has missed: its
        filter by tags may be stale, names never are."""
        return ask(self._find(names))

    async def _find(self, names: Collection[str]) -> list[LiveHost | Foreign]:
        listed, *others = await together(
            self._list(), *(self._by_name(name) for name in sorted(names))
        )
        found = {one.name: one for one in [*listed, *(one for one in others if one)]}
        return [found[name] for name in sorted(found)]

    async def _list(self) -> list[LiveHost]:
        modal = sdk()
        try:
            self._app = self._app or await modal.App.lookup.aio(self.app)
        except modal.exception.NotFoundError:
            return []
        app_id = self._app.app_id
        boxes = [box async for box in modal.Sandbox.list.aio(app_id=app_id, tags=_OURS)]
        found = await together(*map(self._known, boxes))
        return [one for one in found if isinstance(one, LiveHost)]

    async def _by_name(self, name: str) -> LiveHost | Foreign | None:
        modal = sdk()
        try:
            return await self._known(await modal.Sandbox.from_name.aio(self.app, name), name)
        except modal.exception.NotFoundError:
            return None

    async def _known(self, box: Sandbox, name: str = "") -> LiveHost | Foreign | None:
        """What the tags say that a sandbox is; None if it ended meanwhile."""
        try:
            tags = await box.get_tags.aio()
        except sdk().exception.NotFoundError:
            return None
        mark = tags.get("mng-mark", "")
        name = tags.get("mng-host", name)
        if not mark or not name:
            return Foreign(HostName("modal", name)) if name else None
        self._boxes.setdefault(mark, box)
        # Its record in the sandbox says the rest, and is read with its agents.
        return LiveHost(HostName("modal", name), Owner(tags["mng-team"]), HostSpec(), mark)

    # Making

    def create(self, name: HostName, spec: HostSpec, owner: Owner, say: Say) -> LiveHost:
        """The unique name is the lock: of those who race, one makes it and the others adopt it."""
        mark = secrets.token_hex(8)
        timeout = _timeout(spec)
        with translated():
            image = self._image(spec, say)
            say("starting a sandbox")
            for _ in range(_TRIES):
                try:
                    self._boxes[mark] = self._make(name, spec, owner, mark, timeout, image)
                    found: LiveHost | Foreign | None = LiveHost(name, owner, spec, mark)
                except sdk().exception.AlreadyExistsError:
                    found = ask(self._by_name(name.name))
                if isinstance(found, Foreign):
                    words = f"a sandbox {name.name} is there that mng did not make"
                    raise NotOurs(words, hint="choose another name")
                if found and (made := self._adopt(found)):
                    return made
                time.sleep(0.5)
        raise HostError(f"sandbox {name.name} is ending, but has not ended", hint="run it again")

    def _image(self, spec: HostSpec, say: Say) -> Any:
        self._app = self._app or sdk().App.lookup(self.app, create_if_missing=True)
        say("building its image")
        return image_of(spec.options.get("image") or {}).build(self._app)

    def _make(
        self, name: HostName, spec: HostSpec, owner: Owner, mark: str, timeout: int, image: Any
    ) -> Sandbox:
        from mng import __version__

        modal, options, now = sdk(), spec.options, int(time.time())
        record = host_record(name, mark, owner, spec, now, now + timeout)
        tags = {
            **_OURS, "mng-mark": mark, "mng-host": name.name, "mng-team": owner.team,
            "mng-spec": spec.digest, "mng-version": __version__,
        }  # fmt: skip
        made: Sandbox = modal.Sandbox.create(
            "sh", "-c", script("boot"), "mng", HOME, mark, record,
            app=self._app, name=name.name, tags=tags, image=image, timeout=timeout,
            cpu=options.get("cpu"), memory=options.get("memory"), gpu=options.get("gpu"),
            region=options.get("region"), block_network=options.get("block_network", False),
            outbound_cidr_allowlist=options.get("outbound_cidrs"),
            outbound_domain_allowlist=options.get("outbound_domains"),
            secrets=[modal.Secret.from_name(one) for one in options.get("secrets", ())],
            volumes={
                path: modal.Volume.from_name(volume, create_if_missing=True)
                for path, volume in options.get("volumes", {}).items()
            },
        )  # fmt: skip
        return made

    def _adopt(self, host: LiveHost) -> LiveHost | None:
        """The host as its own record says, as soon as it is there; None if it is about to end."""
        argv = ["sh", "-c", script("settled"), "mng", HOME, host.mark]
        try:
            done = self.reach(host).transport.run(argv, timeout=60)
        except HostGone:
            return None
        if done.status != 0:
            return None
        record = read_record(done.stdout.decode(), HostSpec)
        return LiveHost(
            host.name, record.owner, record.spec, host.mark,
            created=record.created, expires=record.expires,
        )  # fmt: skip

    # Ending

    def destroy(self, name: HostName, mark: str) -> None:
        """Taken from all scripts in one rename, under the lock that opens and seals; then ended.

        A sandbox without its home ends by itself, so that one whose client dies here does, too.
        """
        found = ask(self._by_name(name.name))
        if not isinstance(found, LiveHost) or found.mark != mark:
            return
        box = self._boxes[mark]
        argv = ["sh", "-c", script("end"), "mng", HOME, mark]
        try:
            done = SandboxTransport(box).run(argv, timeout=60)
        except HostGone:
            return
        if done.status == 67:
            raise HostError(f"host {name} was opened again", hint="run it again")
        ask(_terminate(box), timeout=60.0)
        self._boxes.pop(mark, None)

    def tidy(self) -> None:
        """Nothing is made in halves: a sandbox has its name and its tags from the first moment."""

    def reach(self, host: LiveHost) -> Machine:
        box = self._boxes.get(host.mark)
        if box is None:
            raise HostUnreachable(f"host {host.name} was not found", hint="mng list")
        work_dir = host.spec.work_dir or WORK_DIR
        if work_dir.startswith("~"):
            work_dir = f"/root{work_dir[1:]}"
        return Machine(SandboxTransport(box), HOME, work_dir, host.mark)


async def _terminate(box: Sandbox) -> None:
    try:
        await box.terminate.aio(wait=True)
        if await box.poll.aio() is None:
            raise HostError("Modal did not end the sandbox", hint="run it again")
    except sdk().exception.NotFoundError:
        pass


def _timeout(spec: HostSpec) -> int:
    if (spec.timeout or 0) > LONGEST:
        raise UsageError("Modal ends a sandbox after 24 hours", hint="timeout: 24h")
    return spec.timeout or LONGEST


def provider() -> Modal:
    return Modal(os.environ.get("MNG_MODAL_APP") or "mng")
