"""What a host's scripts printed, as agents: process first, then the kind's own evidence."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from mng.agents.journal import Journal, number
from mng.agents.kind import Facts, find_kind
from mng.agents.remote import ledger_of, left_of_setup, script
from mng.errors import HostGone, HostUnreachable, MngError, printable
from mng.model.name import NAME, AgentName
from mng.model.record import Damaged, Record, read_record
from mng.model.spec import AgentSpec, HostSpec, Owner
from mng.model.transport import Machine
from mng.model.world import AgentState, Edit, HostState, LiveAgent, LiveHost, Sent, SentState

Files = Mapping[str, list[str]]  # the lines of each file in an agent's directory

# A screen comes with its styles. Dim text is a program's hint, not what stands there, in whatever
# colours and with the cursor on its first letter: deliver.sh takes it out in the same way.
_STYLE = re.compile(r"\x1b\[[0-9;:]*m|[\x0e\x0f]")
_COLOUR = r"\x1b\[[349][0-9;:]*m"
_CURSOR = rf"(?:\x1b\[7m(?:{_COLOUR})*[^\x1b\n]{{1,4}})?"
_DIM = re.compile(rf"{_CURSOR}\x1b\[(?:[013479];)*2m(?:{_COLOUR}|[^\x1b\n])*")
_EDITS_FOR = 600  # seconds for which an edit is told


@dataclass(frozen=True, slots=True)
class Pane:
    """A pane as tmux tells of it. Times are seconds since the epoch.

    name: the agent's, whatever a person may have called its session.
    """

    name: str
    id: str
    pid: int
    dead: bool
    status: int | None
    signal: int | None
    dead_at: int
    created: int
    activity: int
    drawn: bool
    incarnation: str
    session: str
    flight: str
    ledger: str
    session_name: str


@dataclass(slots=True)
class View:
    """All that one observation of a host printed."""

    now: int = 0
    facts: dict[str, str] = field(default_factory=dict)
    files: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    panes: list[Pane] = field(default_factory=list)
    buffers: list[str] = field(default_factory=list)
    reading: set[int] = field(default_factory=set)
    busy: set[int] = field(default_factory=set)
    screens: dict[str, str] = field(default_factory=dict)
    lit: dict[str, str] = field(default_factory=dict)
    moments: dict[str, str] = field(default_factory=dict)  # a screen's, as `FLIGHT|LEDGER`
    error: str = ""


@dataclass(frozen=True, slots=True)
class Calm:
    """For how many seconds an agent has drawn and told nothing, and for how many done nothing."""

    quiet: float
    idle: float


def look(machine: Machine, looking: Collection[str] = (), *, timeout: float = 10.0) -> View:
    """Ask a host for everything at once.

    Raises HostGone, or HostUnreachable, also if its tmux does not answer.

    looking: the agents whose screens are wanted too. timeout: seconds.
    """
    argv = ["sh", "-c", script("observe"), "mng", machine.home, machine.mark, *asked(looking)]
    done = machine.transport.run(argv, timeout=timeout)
    if done.status == 66:
        raise HostGone("it went away while it was looked at", hint="run it again")
    if done.status != 0:
        raise HostUnreachable(done.stderr.decode("utf-8", "replace").strip() or "it went away")
    view = parse(done.stdout.decode("utf-8", "replace"))
    if view.error:
        raise HostUnreachable(f"its tmux says: {view.error}")
    return view


def asked(looking: Iterable[str]) -> list[str]:
    """What `observe` is given to look at the screens of these agents, too.

    Its first word stands before each screen, and no agent can guess it and draw one for another.
    """
    return [f"mng-{secrets.token_hex(8)}", *looking]


def glance(machine: Machine, *, timeout: float = 5.0) -> View:
    """What lies on a host's disk alone, for when its tmux does not answer."""
    text = "quick=1\n" + script("observe")
    argv = ["sh", "-c", text, "mng", machine.home, machine.mark, "-"]
    done = machine.transport.run(argv, timeout=timeout)
    return parse(done.stdout.decode("utf-8", "replace"))


def parse(text: str) -> View:
    """A view from what observe.sh printed."""
    view = View()
    nonce = text.partition("\n")[0].partition(" nonce ")[2]
    body, *screens = text.split(f"\n{nonce} ") if nonce else [text]
    for screen in screens:
        head, _, rest = screen.partition("\n")
        name, _, view.moments[name] = (*head.split(" ", 2), "", "")[:3]
        view.lit[name] = _STYLE.sub("", _DIM.sub("", rest)).rstrip("\n")
        view.screens[name] = _STYLE.sub("", rest).rstrip("\n")
    for line in body.split("\n"):
        if line.startswith("agents/"):
            path, _, rest = line.partition(":")
            agent, _, name = path.removeprefix("agents/").partition("/")
            if NAME.fullmatch(agent):
                view.files.setdefault(agent, {}).setdefault(name, []).append(rest)
            continue
        word, _, rest = line.partition(" ")
        match word:
            case "now":
                view.now = int(rest.split(" ")[0])
            case "fact":
                name, _, value = rest.partition(" ")
                view.facts[name] = value.strip()
            case "pane":
                view.panes.append(_pane(rest))
            case "buffer" if rest.startswith("mng."):
                view.buffers.append(rest)
            case "reads":
                view.reading.add(int(rest))
            case "busy":
                view.busy.add(int(rest))
            case "tmux":
                view.error = rest
    return view


def _pane(text: str) -> Pane:
    (name, id_, pid, dead, status, signal, dead_at, created, activity, drawn, _mode, incarnation,
     session, flight, ledger, session_name) = text.split("|", 15)  # fmt: skip
    return Pane(
        name, id_, int(pid or 0), dead == "1", number(status), number(signal),
        int(dead_at or 0), int(created or 0), int(activity or 0), drawn not in ("", "0"),
        incarnation, session, flight, ledger, session_name,
    )  # fmt: skip


def live_host(found: LiveHost, view: View) -> LiveHost:
    """The host as its own record says, with what of its making is still to do."""
    try:
        record = read_record(view.facts.get("host.json", ""), HostSpec)
    except Damaged:  # it was whole a moment ago, when the host was found
        record = Record(found.owner, found.spec, found.created, found.expires)
    unfinished = (
        "its end was interrupted" if "closing" in view.facts
        else "work tree" if "work.done" not in view.facts
        else left_of_setup(found.name, view.facts) if record.spec.setup
        else ""
    )  # fmt: skip
    failed = view.facts.get("keep.failed", "").removeprefix("mng: ")
    return dataclasses.replace(
        found,
        spec=record.spec,
        owner=record.owner,
        created=record.created,
        expires=record.expires,
        unfinished=unfinished,
        leftovers=tuple(view.buffers),
        state=HostState.CREATING if unfinished else HostState.RUNNING,
        reason=unfinished or (f"can't keep its work: {failed}" if failed else ""),
    )


def foreign_agents(host: LiveHost, view: View) -> Iterator[AgentName]:
    """Sessions on mng's own server that it did not make."""
    ours = {pane.session_name for pane in view.panes if pane.session}
    for name in sorted({pane.session_name for pane in view.panes} - ours):
        yield AgentName(host.name, name)


def live_agents(
    host: LiveHost, view: View, calm: Mapping[str, Calm] | None = None
) -> Iterator[LiveAgent]:
    """The agents of a host. calm: of those that were watched more closely."""
    panes = {pane.name: pane for pane in view.panes if pane.incarnation}
    files = {**view.files, **_displaced(view.files, panes)}
    for name in sorted({*files, *panes}):
        agent = _live_agent(host, view, name, files.get(name, {}), panes.get(name), calm or {})
        if agent is not None:
            yield agent


def _displaced(files: Mapping[str, Files], panes: Mapping[str, Pane]) -> dict[str, Files]:
    """Where a rename died after the directory and before the session: the session has the name."""
    moved: dict[str, Files] = {}
    for name, pane in panes.items():
        record = f"{pane.incarnation}.json"
        if record in files.get(name, {}):
            continue
        for other in files:
            if record in files[other] and other not in panes:
                moved[name], moved[other] = files[other], {}
    return moved


def _live_agent(
    host: LiveHost, view: View, name: str, files: Files, pane: Pane | None,
    calm: Mapping[str, Calm],
) -> LiveAgent | None:  # fmt: skip
    journal = Journal(files.get("journal", []))
    incarnation = pane.incarnation if pane else journal.incarnation
    text = files.get(f"{incarnation}.json")
    if text is None:
        return None  # a start that died before its session: the next start takes its place
    spec, unknown = AgentSpec(type=""), AgentState.UNKNOWN
    base = LiveAgent(AgentName(host.name, name), Owner(), spec, incarnation, unknown)
    try:
        record = read_record("\n".join(text), AgentSpec)
        spec = record.spec
        edits = tuple(_edits(files.get("edits", []), view.now - _EDITS_FOR))
        base = dataclasses.replace(
            base, owner=record.owner, spec=spec, created=record.created, edits=edits
        )
        kind = find_kind(spec.type)
        if pane is None and journal.damage:
            raise Damaged(f"its journal has a damaged line: {journal.damage!r}")
    except (Damaged, MngError) as error:
        return dataclasses.replace(base, reason=str(error))
    base = dataclasses.replace(base, resumes=kind.resumes)
    if pane is None:
        sent = tuple(journal.settled(journal.sent.values(), files.get("evidence", []), kind))
        return _ended(dataclasses.replace(base, sent=sent), journal)
    ledger, evidence = ledger_of(pane.ledger), files.get("evidence", [])
    if pane.dead:
        sent = tuple(journal.settled(ledger, evidence, kind))
    else:
        sent = tuple(journal.proven(ledger, evidence))
    flight, _, after = view.moments.get(name, "").partition("|")
    ours = bool(pane.flight or flight)
    entered = journal.entered(view.now) or bool(_keys(ledger_of(after)) - _keys(ledger))
    if ours or entered:
        files = {**files, "draft": []}  # what stands in its composer is ours
    if pane.flight:
        sent = (*sent, Sent(pane.flight, SentState.BEGUN, journal.origins.get(pane.flight, "file")))
    base = dataclasses.replace(base, sent=sent)
    if pane.dead:
        return _with_end(base, pane.status, pane.signal, pane.dead_at)
    told = files.get("event", [""])[0].partition(" ")[0]
    news = max(pane.activity, int(told) if told.isdigit() else 0)
    quiet = float(view.now - news) - 1  # whole seconds, cut
    seen = calm.get(name) or Calm(quiet, 0.0 if pane.pid in view.busy else quiet)
    facts = Facts(
        pane.pid, pane.drawn, pane.pid in view.reading, seen.quiet, seen.idle, pane.activity,
        view.screens.get(name), view.lit.get(name),
        {key: "\n".join(lines) for key, lines in files.items()}, ours=ours, entered=entered,
    )  # fmt: skip
    sighting = kind.sight(spec, facts)
    return dataclasses.replace(
        base,
        state=sighting.state,
        reason=printable(sighting.reason),
        since=sighting.since or pane.created,
        pid=pane.pid,
        created=pane.created,
    )


def _keys(sent: Iterable[Sent]) -> set[str]:
    return {entry.key for entry in sent}


def _edits(lines: Iterable[str], since: int) -> Iterator[Edit]:
    """The last edit of each file from then on; a line is a time and a path as JSON has it."""
    last = {}
    for line in lines:
        at, _, path = line.partition(" ")
        if at.isdigit() and int(at) >= since:
            last[path] = int(at)
    for path, at_last in last.items():
        with suppress(ValueError):
            path = json.loads(f'"{path}"')
        yield Edit(printable(path), at_last)


def _with_end(agent: LiveAgent, status: int | None, signal: int | None, at: int) -> LiveAgent:
    code: int | None
    if signal:
        reason, code = f"killed by signal {signal}", 128 + signal
    else:
        reason, code = f"ended with {status}", status
    if status is None and not signal:
        reason = "ended, and its status was lost"
    state = AgentState.DONE if code == 0 else AgentState.FAILED
    return dataclasses.replace(agent, state=state, reason=reason, since=at, exit_status=code)


def _ended(agent: LiveAgent, journal: Journal) -> LiveAgent:
    """An agent without a session: its journal knows whether that was meant."""
    if journal.stopped == agent.incarnation:
        return dataclasses.replace(
            agent, state=AgentState.STOPPED, reason="by mng stop", since=journal.last
        )
    if journal.exited == agent.incarnation:
        return _with_end(agent, journal.status, journal.signal, journal.last)
    return dataclasses.replace(
        agent, state=AgentState.FAILED, reason="its session vanished", since=journal.last
    )
