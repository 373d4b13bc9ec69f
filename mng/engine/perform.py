"""One short function for each action. They act and report; the plan has decided."""

from __future__ import annotations

import dataclasses
import secrets
import shlex
import time
from collections.abc import Callable
from contextlib import suppress
from typing import assert_never

from mng.agents import remote
from mng.agents.kind import find_kind
from mng.agents.sight import asked, live_agents, look, parse
from mng.engine.context import Context
from mng.engine.kept import arm, bring_back, fetch, keep_now
from mng.engine.observe import as_kept
from mng.engine.talk import await_agent, send
from mng.errors import (
    AgentError,
    HostError,
    HostGone,
    MngError,
    SaveFailed,
    SetupFailed,
    UsageError,
)
from mng.model.action import (
    Action,
    AwaitAgent,
    CreateHost,
    DestroyAgent,
    DestroyHost,
    RecordMessages,
    RenameAgent,
    SendMessage,
    StartAgent,
    StopAgent,
    StopHost,
    SweepHost,
    UpdateAgent,
    UpdateHost,
)  # fmt: skip
from mng.model.event import Outcome, Result
from mng.model.name import AgentName, HostName, check_host_name
from mng.model.record import host_record
from mng.model.spec import AgentSpec, HostSpec, Owner
from mng.model.transport import Machine
from mng.model.world import HostState, LiveHost
from mng.reconcile.builder import count
from mng.work.inward import bring_in
from mng.work.save import Saved, changed_since, save
from mng.work.setup import run_setup

Say = Callable[[str], None]

_ROUNDS = 3  # saves of a host until nobody writes there any more


def perform(action: Action, context: Context, say: Say) -> Outcome:
    """Carry out one action. Raises MngError when it failed; a thing that is already so is fine."""
    match action:
        case AwaitAgent():
            return await_agent(action, context)
        case SendMessage():
            return send(action, context)
    with context.slot():
        match action:
            case CreateHost():
                return _create_host(action, context, say)
            case UpdateHost():
                return _update_host(action, context)
            case SweepHost(name, _, leftovers):
                remote.call(context.machine(name), "sweep", *leftovers)
                return Outcome()
            case StopHost():
                return _stop_host(action, context, say)
            case DestroyHost():
                return _end_host(action, context, say)
            case StartAgent():
                return _start(action, context)
            case UpdateAgent(name, incarnation, spec, owner):
                machine = context.machine(name.host)
                remote.update(machine, name, incarnation, spec, owner, int(time.time()))
                return Outcome()
            case RenameAgent(name, new, incarnation):
                remote.call(context.machine(name.host), "rename", name.name, new, incarnation)
                context.incarnations[AgentName(name.host, new)] = incarnation
                return Outcome()
            case StopAgent(name, incarnation):
                remote.call(context.machine(name.host), "stop", name.name, incarnation, "stop")
                return Outcome()
            case DestroyAgent():
                return _end_agent(action, context)
            case RecordMessages(name, incarnation, messages):
                keys = [message.key for message in messages]
                remote.call(context.machine(name.host), "record", name.name, incarnation, *keys)
                return Outcome()
            case _:
                assert_never(action)


def _create_host(action: CreateHost, context: Context, say: Say) -> Outcome:
    """Every part is idempotent and raced safely, so that an interrupted one is finished later."""
    spec, seen = action.spec, context.fleet.mark(action.name)
    if action.back:
        ended = context.fleet.host(action.name)
        spec = dataclasses.replace(spec, restored=bring_back(ended, context, say))
        keeper = context.fleet.keeper(action.name.provider)
        host = keeper.create(action.name, spec, action.owner, say, ended)
    else:
        provider = context.fleet.provider(action.name.provider)
        host = provider.create(action.name, spec, action.owner, say)
    if not action.owner.owns(host.owner):
        whose = f"{host.owner.team} ({host.owner.file})"
        raise HostError(f"host {host.name} belongs to team {whose}", hint="choose another name")
    if _differ(host.spec, spec) and host.mark != seen:
        what = host.spec.restored or host.spec.source or "no source"
        made = f"host {host.name} was made just now by another mng, from {what}"
        raise HostError(made, hint=f"choose another name, or look at it: mng list {host.name}")
    machine = context.fleet.add(host)
    if host.spec != spec:
        host = _record(host, spec, action.owner, context)
    remote.call(machine, "reopen")
    if host.expires:
        arm(host, machine)
    bring_in(machine, spec.source, restored=spec.restored, archive=context.archive, say=say)
    if action.spec.setup:
        env = {key: value for key, value in action.spec.env.items() if isinstance(value, str)}
        env |= remote.resolve(action.spec.env, context.environ)
        try:
            run_setup(machine, action.spec.setup, env, say=say)
        except SetupFailed as error:
            log = shlex.join(["cat", f"{machine.home}/setup.log"])
            hint = f"mng exec {action.name} {shlex.quote(log)}"
            raise SetupFailed(str(error), hint=hint) from error
    context.fleet.add(dataclasses.replace(host, state=HostState.RUNNING, unfinished=""))
    return Outcome()


def _differ(one: HostSpec, other: HostSpec) -> bool:
    return (one, one.restored) != (other, other.restored)


def _record(host: LiveHost, spec: HostSpec, owner: Owner, context: Context) -> LiveHost:
    text = host_record(host.name, host.mark, owner, spec, host.created, host.expires)
    remote.put(context.machine(host.name), "host.json", text.encode())
    updated = dataclasses.replace(host, spec=spec, owner=owner)
    context.fleet.add(updated)
    return updated


def _update_host(action: UpdateHost, context: Context) -> Outcome:
    host = _record(context.fleet.host(action.name), action.spec, action.owner, context)
    if host.expires:
        arm(host, context.machine(host.name))
    return Outcome()


def _stop_host(action: StopHost, context: Context, say: Say) -> Outcome:
    """Close, keep, seal, end. If its work can't be kept, the host stays, opened again."""
    name, machine = action.name, context.machine(action.name)
    token = _close(name, machine)
    try:
        keep_now(context.fleet.host(name), machine)
        _seal(name, context, token)
        context.fleet.keeper(name.provider).stop(name, action.mark, say)
    except MngError:
        with suppress(MngError):
            remote.call(machine, "reopen")
        raise
    return Outcome(Result.DONE, f"its work was kept; mng start {name} brings it back")


def _close(name: HostName, machine: Machine) -> str:
    """No agent is started there any more. The token by which it is known if that is undone."""
    said, _, token = remote.call(machine, "close").partition(" ")
    if said != "closed":
        raise HostError(f"host {name} is in use again by {token}", hint="run it again")
    return token


def _left(name: HostName, mark: str, context: Context) -> LiveHost | None:
    """What there is of a host whose end has failed; None if another mng has ended it meanwhile."""
    found = context.fleet.provider(name.provider).find([name.name])
    for one in found:
        if isinstance(one, LiveHost) and one.mark == mark:
            # A sandbox is listed until it has ended, though its home was taken away before.
            return one if one.ended or remote.is_there(context.machine(name)) else None
    return None


def _end_host(action: DestroyHost, context: Context, say: Say) -> Outcome:
    """End a host; one that its provider has ended in the middle of that has to be brought home."""
    ended = context.fleet.host(action.name).ended
    try:
        return _forget_host(action, context, say) if ended else _destroy_host(action, context, say)
    except MngError:
        left = _left(action.name, action.mark, context)
        if left is None:
            return Outcome(Result.ALREADY, "another mng was faster")
        if not left.ended or (ended and left.kept is None):
            raise
        if left.kept is None:
            words = f"host {action.name} is lost while it was ended: {left.reason}"
            raise HostGone(words, hint="mng list") from None
        context.fleet.keep(as_kept(left))
        done = _forget_host(action, context, say)
        if ended:  # another mng took away what it had begun to fetch, but has not done it all
            return done
        return Outcome(Result.DONE, f"{left.reason} meanwhile; as it kept its work: {done.words}")


def _end_agent(action: DestroyAgent, context: Context) -> Outcome:
    mark = context.machine(action.name.host).mark
    try:
        return _destroy_agent(action, context)
    except MngError:
        left = _left(action.name.host, mark, context)
        if left and not left.ended:
            raise
        return Outcome(Result.ALREADY, "its host has ended" if left else "another mng was faster")


def _destroy_agent(action: DestroyAgent, context: Context) -> Outcome:
    machine = context.machine(action.name.host)
    remote.call(machine, "stop", action.name.name, action.incarnation, "destroy")
    return Outcome()


def _destroy_host(action: DestroyHost, context: Context, say: Say) -> Outcome:
    """Close, save, verify, seal, end. If the work can't be saved, the host stays, opened again."""
    name, machine = action.name, context.machine(action.name)
    token = _close(name, machine)
    words = "its work was discarded"
    try:
        words = _save_and_seal(action, context, say, token)
    except SaveFailed as error:
        if not action.discard_work:
            remote.call(machine, "reopen")
            hint = error.hint or f"or give the work up: --discard-work {name.name}"
            raise SaveFailed(f"{error}; host {name} stays", hint=hint) from error
        _seal(name, context, token)
    try:
        context.fleet.provider(name.provider).destroy(name, action.mark)
    except HostError:
        # Without its home a sandbox ends by itself, whether or not it could be told to.
        if machine.local or remote.is_there(machine):
            raise
        words = f"{words}; its sandbox has still to end"
    # What lies beside the host is the user's: it may hold what git ignores.
    beside = machine.local and not machine.work_dir.startswith(f"{machine.home}/")
    return Outcome(Result.DONE, f"{words}; {machine.work_dir} stays" if beside else words)


def _save_and_seal(action: DestroyHost, context: Context, say: Say, token: str) -> str:
    """What was saved, once nothing has changed since. Raises SaveFailed, HostError."""
    name, machine = action.name, context.machine(action.name)
    for _ in range(_ROUNDS):
        now = context.now()
        saved = save(
            machine, name, action.spec.source, context.archive,
            keep=action.spec.keep, agents=action.agents, now=now, say=say,
        )  # fmt: skip
        _seal(name, context, token)
        # The agents have ended, but what a user or an agent left running may go on writing.
        if not changed_since(machine, name, saved, keep=action.spec.keep, now=now):
            return _saved_words(saved)
    raise SaveFailed(
        f"the work on {name} changes while it is saved: something writes to {machine.work_dir}",
        hint=f"end it and repeat, or give the rest up: --discard-work {name.name}",
    )


def _forget_host(action: DestroyHost, context: Context, say: Say) -> Outcome:
    """Bring home what an ended host has kept; only then it is forgotten."""
    name = action.name
    try:
        place = fetch(context.fleet.host(name), context, say)
        words = f"saved to {place}" if place else "nothing to save"
    except SaveFailed as error:
        if not action.discard_work:
            raise SaveFailed(f"{error}; what it kept stays", hint=error.hint) from error
        words = "its work was discarded"
    context.fleet.provider(name.provider).destroy(name, action.mark)
    return Outcome(Result.DONE, words)


def _seal(name: HostName, context: Context, token: str) -> None:
    """Another mng may have opened the host meanwhile, and its agents have worked since the save."""
    if remote.call(context.machine(name), "seal", token) != "sealed":
        raise HostError(f"host {name} was opened again by another mng", hint="run it again")


def _saved_words(saved: Saved) -> str:
    if not saved.refs and not saved.dirty:
        return saved.place
    what = f"{count(saved.commits, 'commit')} and {count(saved.dirty, 'file')}"
    return f"{what} saved to {saved.place}"


def _start(action: StartAgent, context: Context) -> Outcome:
    name = action.name
    machine = context.machine(name.host)
    kind = find_kind(action.spec.type)
    # The usual variables of its kind come along where the spec says nothing of them.
    usual = {key: value for key, value in context.environ.items() if key in kind.credentials}
    want = remote.Start(
        name,
        action.spec,
        action.owner,
        incarnation=secrets.token_hex(4),
        launch=kind.launch(action.spec, resume=action.resume),
        replaces=action.replaces,
        carried=action.carried,
        rests=kind.rests,
        secrets={
            **{key: value for key, value in usual.items() if key not in action.spec.env},
            **remote.resolve(action.spec.env, context.environ),
        },
    )
    # From afar a look of its own costs more than to wait there until the agent is ready.
    looking = asked([name.name]) if kind.rests and not machine.local else ()
    word, rest, seen = remote.start(machine, want, int(time.time()), looking)
    if word == "started":
        context.incarnations[name] = want.incarnation
        if seen:
            context.watch(name.host).saw(name.name, parse(seen))
        return Outcome(Result.DONE, "resumed" if action.resume else "")
    return _adopt(action, context, rest)


def _adopt(action: StartAgent, context: Context, incarnation: str) -> Outcome:
    """Another mng was faster. That is fine if it made the same thing."""
    host = context.fleet.host(action.name.host)
    agents = live_agents(host, look(context.machine(host.name)))
    there = next((agent for agent in agents if agent.name == action.name), None)
    if there is None or there.incarnation != incarnation:
        raise AgentError(
            f"a session {action.name.name} is there that mng did not make", hint="mng list"
        )
    if there.spec != action.spec or not action.owner.owns(there.owner):
        raise AgentError(f"{action.name} was made meanwhile from another spec", hint="run it again")
    context.incarnations[action.name] = incarnation
    return Outcome(Result.ALREADY, "another mng was faster")


def check(action: Action, context: Context) -> None:
    """Raise what can be known to fail before anything is done: secrets, kinds, providers."""
    match action:
        case StartAgent(name, spec, _, _, resume):
            context.fleet.provider(name.host.provider).check()
            find_kind(spec.type).launch(spec, resume=resume)
            if spec.permissions == "bypass" and name.host.provider == "local":
                _check_bypass(name, spec)
            remote.resolve(spec.env, context.environ)
        case CreateHost(name, spec):
            check_host_name(name.name)
            context.fleet.provider(name.provider).check()
            if spec.setup:
                remote.resolve(spec.env, context.environ)
        case _:
            pass


def _check_bypass(name: AgentName, spec: AgentSpec) -> None:
    if not spec.allow_unsafe:
        raise UsageError(
            f"{name} would run any command on this machine unasked (permissions: bypass)",
            hint="permissions: ask   or   allow_unsafe: true",
        )
