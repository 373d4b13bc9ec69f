"""Calls the scripts over a Transport, one round trip each, and parses what they print."""

from __future__ import annotations

import io
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

from mng import __version__
from mng.agents.kind import AgentKind, Launch
from mng.errors import AgentError, HostError, HostGone, UsageError, printable
from mng.model.name import AgentName, HostName
from mng.model.record import agent_record
from mng.model.spec import AgentSpec, Env, MessageSpec, Owner, Secret
from mng.model.transport import Completed, Machine
from mng.model.world import Sent, SentState

_SCRIPTS = Path(__file__).with_name("scripts")
_TIMEOUT = 90.0  # seconds for one script; its own waits end earlier
_ROWS = 50  # of an agent's screen
_BLANK = 4  # so many empty lines in a row are rows that nobody has printed

_IN_ONE = {"start_ready": ("start", "ready", "observe")}  # verbs that share a trip
_LOOKED = "mng-looked-7f3a9c"

# What lies on every host: its tmux's configuration and hook, the guard, and the commit helper.
_ON_HOST = ("tmux.conf", "died.sh", "bin/git", "bin/mng-commit")

STATE_LETTERS = {
    SentState.SUBMITTED: "s",
    SentState.ACCEPTED: "a",
    SentState.RECORDED: "n",
    SentState.UNCERTAIN: "u",
    SentState.BEGUN: "b",
}


@cache
def script(verb: str) -> str:
    """A verb's whole text: the prelude, then its own."""
    parts = ("prelude", *_IN_ONE.get(verb, (verb,)))
    return "".join((_SCRIPTS / f"{part}.sh").read_text() for part in parts)


def call(
    machine: Machine, verb: str, *args: str, stdin: bytes = b"", timeout: float = _TIMEOUT
) -> str:
    """Run a verb on a host; what it printed, stripped.

    Raises HostError if the host has another mark or the script failed, HostUnreachable if the host
    did not answer within `timeout` seconds.
    """
    return _call(machine, verb, args, stdin, timeout).stdout.decode("utf-8", "replace").strip()


def _call(
    machine: Machine, verb: str, args: Iterable[str], stdin: bytes, timeout: float
) -> Completed:
    argv = ["sh", "-c", script(verb), "mng", machine.home, machine.mark, *args]
    done = machine.transport.run(argv, stdin=stdin, timeout=timeout)
    if done.status == 0:
        return done
    said = done.stdout.decode("utf-8", "replace").strip().splitlines()
    word = said[-1] if said else ""
    match done.status, word:
        case 66, "gone":
            raise HostGone("the host is gone, or another has its name", hint="mng list")
        case 67, _:
            raise HostError("the host is about to end", hint="run it again")
        case 75, _:
            raise HostError("another mng has held this agent or host for a minute")
        case _:
            error = done.stderr.decode("utf-8", "replace").strip() or word
            raise HostError(f"{verb} failed on the host: {error or f'status {done.status}'}")


@dataclass(frozen=True, slots=True)
class Start:
    """A start to be made. `secrets` are the resolved values of the spec's references."""

    name: AgentName
    spec: AgentSpec
    owner: Owner
    incarnation: str
    launch: Launch
    replaces: str | None = None
    carried: tuple[Sent, ...] = ()
    secrets: Mapping[str, str] | None = None
    rests: tuple[str, str] | None = None

    @property
    def told(self) -> dict[str, bytes]:
        """How a host tells without a client whether the agent is at work."""
        return {"rests": "".join(f"{line}\n" for line in self.rests).encode()} if self.rests else {}


def start(
    machine: Machine, want: Start, created: int, look: Sequence[str] = ()
) -> tuple[str, str, str]:
    """Start an agent: ("started", pid), or ("exists", incarnation) where another one is.

    look: what `observe` is asked once the agent is ready, in the same trip; its answer comes last.
    """
    name = want.name.name
    record = agent_record(want.name, want.incarnation, want.owner, want.spec, created)
    files = {
        **want.launch.files,
        **want.told,
        **{name: (_SCRIPTS / name).read_bytes() for name in _ON_HOST},
        f"{want.incarnation}.sh": _launcher(machine, want).encode(),
        f"{want.incarnation}.json": record.encode(),
    }
    lines = f"{_exports(want.secrets or {})}\n{ledger_text(want.carried)}\n"
    stdin = lines.encode() + tar_of(files)
    said = call(
        machine, "start_ready" if look else "start", name, want.incarnation, want.replaces or "-",
        machine.work_dir, want.owner.team, __version__, *((_LOOKED, *look) if look else ()),
        stdin=stdin,
    )  # fmt: skip
    said, _, seen = said.partition(f"\n{_LOOKED}\n")
    word, _, rest = said.partition(" ")
    if word not in ("started", "exists"):
        raise AgentError(f"{want.name} could not be started: {rest or said}")
    return word, rest, seen


def _launcher(machine: Machine, want: Start) -> str:
    """The script that becomes the agent's process by `exec`, so that no shell waits behind it."""
    agent_dir = f"{machine.home}/agents/.{want.incarnation}"
    exports = {
        **identity(want.name, want.owner), "MNG_AGENT_DIR": agent_dir,
        **{key: value.replace("{dir}", agent_dir) for key, value in want.launch.env.items()},
        **{key: value for key, value in want.spec.env.items() if isinstance(value, str)},
        "MNG_GUARD": machine.work_dir,
    }  # fmt: skip
    path = f"PATH={shlex.quote(machine.home)}/bin:$PATH"
    lines = ["unset TMUX TMUX_PANE", "nl='\n'"]
    if want.secrets:  # before all else: the user's PATH may know no tmux
        # The socket's whole path may be too long for it, its name is not.
        tmux, buffer = "tmux -u -S tmux", f"-b mng.{want.name.name}.env"
        take = f"{tmux} show-buffer {buffer} && {tmux} delete-buffer {buffer}"
        lines += [
            f"mng_env=$(cd {shlex.quote(machine.home)} && {take}) ||"
            " { echo 'mng: the secrets did not arrive' >&2; exit 71; }",
        ]
    lines += [_exports(exports, "\n"), path]
    if want.secrets:
        lines += ['eval "$mng_env"', "unset mng_env"]
    argv = [item.replace("{dir}", agent_dir) for item in want.launch.argv]
    if want.launch.prepare:
        lines += ["set --", want.launch.prepare]
    lines.append(f"exec {shlex.join(argv)}" + (' "$@"' if want.launch.prepare else ""))
    return "\n".join(lines) + "\n"


def identity(name: AgentName, owner: Owner) -> dict[str, str]:
    """Who an agent is, to itself and to git."""
    email = f"{name.name}@{name.host.name}.mng.invalid"
    return {
        "MNG_AGENT": name.name, "MNG_HOST": name.host.name, "MNG_TEAM": owner.team,
        "GIT_AUTHOR_NAME": name.name, "GIT_AUTHOR_EMAIL": email,
        "GIT_COMMITTER_NAME": name.name, "GIT_COMMITTER_EMAIL": email,
    }  # fmt: skip


def _exports(env: Mapping[str, str], separator: str = "; ") -> str:
    """Shell text that sets variables, on one line if the separator is no newline."""
    one_line = separator != "\n"
    return separator.join(f"export {key}={_quote(value, one_line)}" for key, value in env.items())


def _quote(value: str, one_line: bool) -> str:
    if one_line and "\n" in value:
        lines = (shlex.quote(line) for line in value.split("\n"))
        return '"$nl"'.join(lines)
    return shlex.quote(value)


def exports(env: Mapping[str, str]) -> str:
    """One line of shell text that sets variables."""
    return _exports(env)


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """Files as an archive; those below `bin` can be run."""
    import tarfile  # 0.01 s that only a start pays

    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), 0o700 if name.startswith("bin/") else 0o600
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def ledger_text(sent: Iterable[Sent]) -> str:
    """A ledger as the tmux option holds it: ` KEY=STATE=ORIGIN` for each entry."""
    return "".join(f" {one.key}={STATE_LETTERS[one.state]}={one.origin}" for one in sent)


def left_of_setup(host: HostName, facts: Mapping[str, str]) -> str:
    """`setup` if it is still to do; if it has failed, how, and what shows its output."""
    if "setup.done" in facts:
        return ""
    status, _, log = facts.get("setup.failed", "").partition(" ")
    if not status.isdecimal():
        return "setup"
    command = shlex.quote(shlex.join(["cat", printable(log)]))
    return f"setup ended with status {status}: mng exec {host} {command}"


def ledger_of(text: str) -> tuple[Sent, ...]:
    """The entries of a tmux option, the last word on a message at its place."""
    states = {letter: state for state, letter in STATE_LETTERS.items()}
    entries: dict[str, Sent] = {}
    for item in text.split():
        key, state, origin = (*item.split("="), "", "")[:3]
        if state in states:
            entries.pop(key, None)
            entries[key] = Sent(key, states[state], origin or "file")
    return tuple(entries.values())


def digest_of(text: str) -> str:
    """How evidence names a text: 16 hexadecimal digits of its SHA-256."""
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def deliver(
    machine: Machine, name: AgentName, incarnation: str, message: MessageSpec, kind: AgentKind, *,
    pasted: bool, proof: int,
) -> str:  # fmt: skip
    """Type one message into an agent's terminal, at most once.

    proof: seconds to wait for the agent's evidence.
    Returns accepted, submitted, already, ended, gone, mode, draft, dialog, behind, unsent,
    uncertain, torn or long.
    Source: tmux(1), load-buffer, paste-buffer -p (bracketed paste), if-shell -F.
    """
    typed = kind.typed(message)
    text, look = typed.encode(), kind.composer
    return call(
        machine, "deliver", name.name, incarnation, message.key, message.origin, str(len(text)),
        digest_of(kind.proves(typed)), str(kind.enter_delay), str(proof), "1" if pasted else "0",
        *((look.empty, look.there, look.dialog, look.label) if look else ("inbox",) * kind.inbox),
        stdin=text,
    )  # fmt: skip


def update(
    machine: Machine, name: AgentName, incarnation: str, spec: AgentSpec, owner: Owner, created: int
) -> str:
    record = agent_record(name, incarnation, owner, spec, created)
    stdin = record.encode()
    size = str(len(stdin))
    return call(machine, "update", name.name, incarnation, owner.team, size, stdin=stdin)


def put(machine: Machine, file: str, data: bytes) -> None:
    """Replace a file in the host's home, at once or not at all."""
    call(machine, "put", file, str(len(data)), stdin=data)


def is_there(machine: Machine) -> bool:
    """The host still has its home and its mark there. One that does not answer is not gone."""
    try:
        done = machine.transport.run(["cat", f"{machine.home}/id"], timeout=_TIMEOUT)
    except HostGone:
        return False
    except HostError:
        return True
    return done.status == 0 and done.stdout.decode("utf-8", "replace") == machine.mark


def logs(machine: Machine, name: AgentName, lines: int) -> list[str]:
    """The last lines of what an agent printed, in all its lives.

    Of an ended life the whole screen was kept, its empty rows too: many of them become one.
    """
    more = str(lines + 4 * _ROWS)
    printed = _call(machine, "logs", (name.name, more), b"", _TIMEOUT).stdout
    kept: list[str] = []
    blank = 0
    for line in printed.decode("utf-8", "replace").splitlines():
        blank = 0 if line.strip() else blank + 1
        kept.append(line)
        if blank == _BLANK:
            del kept[1 - _BLANK :]
        elif blank > _BLANK:
            kept.pop()
    return kept[-lines:] if lines > 0 else []


def texts(machine: Machine, name: AgentName) -> dict[str, str]:
    """The texts that an agent was given, by key."""
    stream: BinaryIO = io.BytesIO(_call(machine, "messages", (name.name,), b"", _TIMEOUT).stdout)
    found = {}
    while head := stream.readline().decode().split():
        found[head[0]] = stream.read(int(head[1])).decode("utf-8", "replace")
        stream.readline()
    return found


def start_dir(machine: Machine) -> str:
    """Where agents start: the work tree, or the place in it that the source was."""
    done = machine.transport.run(["cat", f"{machine.home}/work.prefix"], timeout=_TIMEOUT)
    prefix = done.stdout.decode("utf-8", "surrogateescape").strip("\n") if done.status == 0 else ""
    return f"{machine.work_dir}/{prefix}".rstrip("/")


def as_utf8(text: str, what: str) -> str:
    """The text itself. Raises UsageError, in which it is not shown, if it was not UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{what} is not UTF-8 text") from error
    return text


def resolve(env: Env, environ: Mapping[str, str]) -> dict[str, str]:
    """The secrets that an environment refers to. Raises UsageError for one that is not set."""
    found = {}
    for name, value in env.items():
        if not isinstance(value, Secret):
            continue
        if value.name not in environ:
            raise UsageError(
                f"secret {value.name} (for {name}) is not in the environment",
                hint=f"export {value.name}=...",
            )
        found[name] = as_utf8(environ[value.name], f"secret {value.name}")
    return found
