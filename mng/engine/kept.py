"""Hosts that keep their work by themselves: given the means, asked for it, and brought home after
their end."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from mng.agents import remote
from mng.agents.sight import live_agents, parse
from mng.engine.context import Context
from mng.errors import HostError, MngError, SaveFailed
from mng.model.transport import Machine
from mng.model.world import LiveHost
from mng.work.draft import Draft
from mng.work.kept import kept_machine, kept_refs, scripts
from mng.work.save import save
from mng.work.saved import STAMP, find_saved
from mng.work.source import repository_of

_LONGEST = 1800.0  # seconds for keeping all of a host's work
_TRIES = 3


def arm(host: LiveHost, machine: Machine) -> None:
    """Give a host what it needs to keep its work, and to tell whether its agents are at work."""
    home = machine.home
    call = ["sh", f"{home}/keep/keep", home, machine.mark, machine.work_dir]
    rest = [f"{host.name}, kept by itself", *host.spec.keep]
    texts = {
        **scripts(),
        "observe": remote.script("observe"), "glance": "quick=1\n" + remote.script("observe"),
        "idle": remote.script("idle"), "work": machine.work_dir,
        "run": f'exec {shlex.join(call)} "$1" {shlex.join(rest)}\n',
    }  # fmt: skip
    archive = remote.tar_of({name: text.encode() for name, text in texts.items()})
    remote.call(machine, "arm", str(len(archive)), stdin=archive)


def keep_now(host: LiveHost, machine: Machine) -> None:
    """Have a host keep its work at once, for it is about to be stopped. Raises SaveFailed."""
    arm(host, machine)
    argv = ["sh", f"{machine.home}/keep/run", "stop"]
    done = machine.transport.run(argv, timeout=_LONGEST)
    if done.status != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        why = said[-1].removeprefix("mng: ") if said else f"status {done.status}"
        raise SaveFailed(
            f"host {host.name} can't keep its work: {why}; it stays", hint="run it again"
        )


def bring_back(host: LiveHost, context: Context, say: Callable[[str], None]) -> str | None:
    """Fetch what a new host's tree is to begin with. Raises SaveFailed, HostError."""
    place = fetch(host, context, say)
    if place and place.endswith(".tar.gz"):
        words = f"git could not read the repository that host {host.name} kept"
        hint = f"tar -xzf {place}   then   mng destroy {host.name}   and the same again"
        raise HostError(f"{words}: its files are in {place}", hint=hint)
    return place


def fetch(host: LiveHost, context: Context, say: Callable[[str], None]) -> str | None:
    """Bring what an ended host has kept to where its work is saved; once, whoever asks again.

    Where it is then, as `HostSpec.restored` names it; None if there was nothing to save.
    Raises SaveFailed.
    """
    assert host.kept is not None
    name = host.kept.name
    at = datetime.strptime(name.partition("/")[2], STAMP).replace(tzinfo=UTC)
    agents = [agent.name.name for agent in live_agents(host, parse(host.kept.view))]
    # Where what a killed mng leaves is removed by the next.
    with Draft(context.archive / host.name.name, name.partition("/")[2], "") as draft:
        say(f"fetching {name}")
        try:
            context.fleet.keeper(host.name.provider).fetch(host, draft.path)
            machine, refs = kept_machine(draft.path, host.mark), kept_refs(draft.path)
        except MngError as error:
            words = f"what host {host.name} kept can't be fetched: {error}"
            raise SaveFailed(words, hint=error.hint) from error
        for attempt in range(_TRIES):
            if there := _saved_before(host, refs, context):
                return there
            try:
                saved = save(
                    machine, host.name, host.spec.source, context.archive,
                    keep=host.spec.keep, agents=agents, now=at, say=say,
                )  # fmt: skip
            except SaveFailed:  # perhaps since another mng makes the same refs just now
                if attempt + 1 == _TRIES:
                    raise
                time.sleep(0.2)
            else:
                return saved.place if saved.refs or saved.dirty else None
    raise AssertionError("the last attempt returns or raises")


def _saved_before(host: LiveHost, refs: Mapping[str, str], context: Context) -> str | None:
    """Where another mng, or one that was killed since, has put all of just this."""
    assert host.kept is not None
    source = host.spec.source
    repository = repository_of(Path(source)) if source and Path(source).is_dir() else None
    for one in find_saved(repository, context.archive):
        if one.name == host.kept.name and (one.in_archive or refs.items() <= one.refs.items()):
            return one.place
    return None
