"""The provider `modal`: a host is a sandbox, found by its name and its tags."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mng.errors import HostError, HostGone, HostUnreachable, NotOurs, UsageError
from mng.hosts.modal_client import ask, contact, sdk, together, translated
from mng.hosts.modal_image import image_of
from mng.hosts.modal_saves import MOUNT, Place, Saves, place_of
from mng.hosts.modal_transport import SandboxTransport, how_it_ended
from mng.hosts.provider import Foreign, Say, script
from mng.model.name import HostName
from mng.model.record import host_record, read_record
from mng.model.spec import MODAL_LONGEST, HostSpec, Owner
from mng.model.transport import Machine
from mng.model.world import HostState, Kept, LiveHost

if TYPE_CHECKING:
    from modal import App, Sandbox, Volume

HOME = "/var/lib/mng"  # in the sandbox
WORK_DIR = "/work"
_OURS = {"mng": "1"}  # the tag of all that mng made
_BUILD = 1800.0  # seconds for an image
_SILENT = 5.0  # seconds in which a command does not ask again, and wait again
_TRIES = 30  # to have a name that an ending sandbox still holds
_ENDED = "mng-ended"  # the tag of what mng itself has ended
_SNAPSHOT = 600  # seconds; Modal keeps it for 30 days
_KEEP_EVERY = 300
_ENDS = {
    "stop": (HostState.STOPPED, "stopped by mng stop"),
    "idle": (HostState.STOPPED, "it ended when all its agents had been idle"),
}


class Modal:
    """Sandboxes of one Modal app. All calls are safe to repeat and to race.

    The handles of sandboxes are kept, for a new one costs three trips with its first command.
    """

    def __init__(self, app: str) -> None:
        self.app = app
        self._app: App | None = None
        self._saves = Saves(app)
        self._boxes: dict[str, Sandbox] = {}  # by mark
        self._silent: tuple[HostUnreachable | None, float] = None, 0.0  # and until when it counts

    def check(self) -> None:
        """Nothing but the token is needed on this machine, and to look for hosts needed it, too."""

    # What there is

    def find(self, names: Collection[str] = ()) -> Sequence[LiveHost | Foreign]:
        """Those that the app lists, and of the names in scope also what the list has missed: its
        filter by tags may be stale, names never are."""
        silent, until = self._silent
        if silent and time.monotonic() < until:
            raise silent
        try:
            return ask(self._asked(names))
        except HostUnreachable as error:
            self._silent = error, time.monotonic() + _SILENT
            raise

    async def _asked(self, names: Collection[str]) -> list[LiveHost | Foreign]:
        looking = asyncio.ensure_future(self._find(names))
        try:
            await contact()
        except HostUnreachable:
            looking.cancel()
            await asyncio.wait([looking])
            raise
        return await looking

    async def _find(self, names: Collection[str]) -> list[LiveHost | Foreign]:
        listed, kept, *others = await together(
            self._list(), self._saves.newest(), *(self._by_name(name) for name in sorted(names))
        )
        found = {one.name.name: one for one in [*listed, *(one for one in others if one)]}
        ended = await together(
            *(self._ended(place) for host, place in kept.items() if host not in found),
            *(self._lost(name) for name in sorted(names) if name not in {*found, *kept}),
        )
        found |= {one.name.name: one for one in ended if one}
        return [found[name] for name in sorted(found)]

    async def _ended(self, place: Place) -> LiveHost | None:
        """A host that is no more, by the newest of what it kept."""
        state, reason = _ENDS.get(place.why, (HostState.GONE, "Modal ended it"))
        try:
            view = await self._saves.view(place)
        except HostGone:
            return None
        kept = Kept(f"{place.host}/{place.stamp}", place.path, view)
        name, owner = HostName("modal", place.host), Owner(place.team)
        return LiveHost(name, owner, HostSpec(), place.mark, state, reason, kept=kept)

    async def _lost(self, name: str) -> LiveHost | None:
        """One that others than mng have ended, and that kept nothing."""
        boxes = sdk().Sandbox
        try:
            box = await boxes.from_name.aio(self.app, name, include_terminated=True)
            tags, code = await together(box.get_tags.aio(), box.poll.aio())
        except sdk().exception.NotFoundError:
            return None
        if not tags.get("mng-mark") or _ENDED in tags or not code:
            return None
        words = f"{how_it_ended(code)}, and nothing of it was kept"
        host, owner = HostName("modal", name), Owner(tags["mng-team"])
        return LiveHost(host, owner, HostSpec(), tags["mng-mark"], HostState.GONE, words)

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

    def create(
        self, name: HostName, spec: HostSpec, owner: Owner, say: Say, back: LiveHost | None = None
    ) -> LiveHost:
        """The unique name is the lock: of those who race, one makes it and the others adopt it."""
        mark = secrets.token_hex(8)
        if back is None:
            self._check_new(name, owner)
        with translated():
            place = place_of(back.kept.place) if back and back.kept else None
            # Where the one before it kept its work, though another team may have adopted it.
            saves = self._saves.mounted(place.team if place else owner.team, name.name)
            beginning = self._beginning(spec, place, say)
            say("starting a sandbox")
            for _ in range(_TRIES):
                try:
                    self._boxes[mark] = self._make(name, spec, owner, mark, saves, beginning)
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

    def _check_new(self, name: HostName, owner: Owner) -> None:
        """What a host has kept that ended a moment ago must not be hidden by a new one."""
        kept = ask(self._saves.newest()).get(name.name)
        living = kept and ask(self._by_name(name.name))
        if kept and not living and kept.team == owner.team:
            raise HostError(f"host {name} has just ended, and kept its work", hint="run it again")

    def _beginning(self, spec: HostSpec, place: Place | None, say: Say) -> tuple[Any, str]:
        """The image to begin with, and what an ended host kept of its agents, where no snapshot
        has them."""
        self._app = self._app or sdk().App.lookup(self.app, create_if_missing=True)
        if place and place.why == "stop":
            with suppress(sdk().exception.NotFoundError):  # none was taken, or its time is over
                return sdk().Image.from_name(_snapshot(place.mark)).build(self._app), ""
        say("building its image")
        made = image_of(spec.options.get("image") or {}).build(self._app)
        return made, place.file if place else ""

    def _make(
        self, name: HostName, spec: HostSpec, owner: Owner, mark: str, saves: Volume,
        beginning: tuple[Any, str],
    ) -> Sandbox:  # fmt: skip
        from mng import __version__

        image, back = beginning
        modal, options, timeout = sdk(), spec.options, _timeout(spec)
        record = host_record(name, mark, owner, spec, 0, 0)  # its own clock says when
        times = _keep_every(), str(timeout)
        tags = {
            **_OURS, "mng-mark": mark, "mng-host": name.name, "mng-team": owner.team,
            "mng-spec": spec.digest, "mng-version": __version__,
        }  # fmt: skip
        made: Sandbox = modal.Sandbox.create(
            "sh", "-c", script("boot"), "mng", HOME, mark, record, MOUNT, back, *times,
            app=self._app, name=name.name, tags=tags, image=image, timeout=timeout,
            cpu=options.get("cpu"), memory=options.get("memory"), gpu=options.get("gpu"),
            region=options.get("region"), block_network=options.get("block_network", False),
            outbound_cidr_allowlist=options.get("outbound_cidrs"),
            outbound_domain_allowlist=options.get("outbound_domains"),
            secrets=[modal.Secret.from_name(one) for one in options.get("secrets", ())],
            volumes={
                MOUNT: saves,
                **{
                    path: modal.Volume.from_name(volume, create_if_missing=True)
                    for path, volume in options.get("volumes", {}).items()
                },
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
        """One that has ended is forgotten, with all that it kept."""
        if not self._end(name, mark) and ask(self._by_name(name.name)) is None:
            ask(self._saves.forget(name.name, mark), timeout=60.0)

    def stop(self, name: HostName, mark: str, say: Say) -> None:
        """The snapshot has what was installed; all else is also in what the host kept."""
        found = ask(self._by_name(name.name))
        if isinstance(found, LiveHost) and found.mark == mark:
            say("taking a snapshot")
            try:
                ask(_publish(self._boxes[mark], _snapshot(mark)), timeout=_SNAPSHOT + 10)
            except HostError as error:
                say(f"no snapshot: {error}; what was installed there has to be installed again")
            self._end(name, mark, "keep")

    def fetch(self, host: LiveHost, folder: Path) -> None:
        assert host.kept is not None
        ask(self._saves.fetch(host.kept.place, folder), timeout=None)

    def _end(self, name: HostName, mark: str, *how: str) -> bool:
        """Taken from all scripts in one rename, under the lock that opens and seals; then ended.

        A sandbox without its home ends by itself, so that one whose client dies here does, too.
        False if it has ended before.
        """
        found = ask(self._by_name(name.name))
        if not isinstance(found, LiveHost) or found.mark != mark:
            return False
        box = self._boxes[mark]
        argv = ["sh", "-c", script("end"), "mng", HOME, mark, *how]
        try:
            done = SandboxTransport(box).run(argv, timeout=90)
        except HostGone:
            return False
        if done.status == 67:
            raise HostError(f"host {name} was opened again", hint="run it again")
        ask(_terminate(box), timeout=60.0)
        self._boxes.pop(mark, None)
        return True

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


def _snapshot(mark: str) -> str:
    """The name under which the file system of a stopped host is published."""
    return f"mng-{mark}"


async def _publish(box: Sandbox, name: str) -> None:
    image = await box.snapshot_filesystem.aio(timeout=_SNAPSHOT)
    await image.publish.aio(name)


async def _terminate(box: Sandbox) -> None:
    try:
        await box.set_tags.aio({**await box.get_tags.aio(), _ENDED: "1"})
        await box.terminate.aio(wait=True)
        if await box.poll.aio() is None:
            raise HostError("Modal did not end the sandbox", hint="run it again")
    except sdk().exception.NotFoundError:
        pass


def _timeout(spec: HostSpec) -> int:
    if (spec.timeout or 0) > MODAL_LONGEST:
        raise UsageError("Modal ends a sandbox after 24 hours", hint="timeout: 24h")
    return spec.timeout or MODAL_LONGEST


def _keep_every() -> str:
    """Seconds between two saves that a host makes by itself."""
    every = os.environ.get("MNG_KEEP_EVERY") or str(_KEEP_EVERY)
    if not every.isascii() or not every.isdigit() or int(every) < 1:
        raise UsageError(f"MNG_KEEP_EVERY={every} is no number of seconds", hint="300")
    return every


def provider() -> Modal:
    return Modal(os.environ.get("MNG_MODAL_APP") or "mng")
