"""What the real agent programs have in common: hooks that tell what they do, and their screens."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mng.agents.kind import AgentKind, Facts, Sighting
from mng.errors import printable
from mng.model.spec import AgentSpec, MessageSpec
from mng.model.world import AgentState

_HOOK = Path(__file__).with_name("scripts") / "hook.sh"
_ROWS = 40  # of a screen, from its end, in which a dialog is looked for
_LONGEST = 100
_OPENS = 1.0  # seconds of quiet behind the opening event until it listens; it took up to 0.6
_SILENT = 15.0  # and where no event comes
_AWAY = 10.0  # seconds of quiet in which the composer of one that is up has not come back
_PLACES = frozenset(["cwd", "transcript_path"])  # of a payload, where any word may stand
_FORGET = 300.0  # seconds after which a limit that nobody has looked at may be tried again


@dataclass(frozen=True, slots=True)
class Event:
    """What a program's hook said last. at: seconds since the epoch, None if it said nothing yet."""

    name: str = ""
    at: int | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


class Program(AgentKind):
    """A program that hooks tell of. What differs between versions is data.

    package: its name at npm. edits: which of its tools change a file, as a regular expression.
    limits, failures: regular expressions of what it says when it is not served. dialogs: those of
    a screen that waits for a person, with the reason. doings: what it does after an event: idle,
    busy, asks, failed, or again, where it was not served and tries once more. working: what its
    screen says then, where not every end of a turn is an event. retries: what it says when it is
    not served and tries again by itself. names: what begins a word that it would complete. flags:
    its own words for the permissions. opening: the event with which a life of it begins, where its
    composer is on the screen before that, and listens only some time after it. named: what else its
    hooks have.
    """

    resumes = True
    queues = True
    proof = 3
    package: str
    edits = "Write|Edit|MultiEdit|write_file|replace"
    flags: Mapping[str, tuple[str, ...]]
    dialogs: tuple[tuple[str, str], ...] = ()
    doings: Mapping[str, str]
    working = ""
    retries = ""
    names = "@"
    opening = ""
    named: Mapping[str, str] = MappingProxyType({})
    limits: tuple[tuple[str, str], ...] = (
        (r"(?i)rate.?limit|\b429\b|too many requests|quota|overloaded", "rate limit"),
        (r"(?i)authentication|\b401\b|\b403\b|unauthorized|invalid.{0,9}key|log ?in", "login"),
    )

    @property
    def install(self) -> str:  # type: ignore[override]
        return f"npm install -g {self.package}"

    @property
    def rests(self) -> tuple[str, str] | None:  # type: ignore[override]
        """The events after which it does nothing, as hook.sh leaves them."""
        names = "|".join(name for name, doing in self.doings.items() if doing == "idle")
        return ("event", f"^[0-9]+ ({names})$")

    def hooks(self, events: Mapping[str, str]) -> dict[str, Any]:
        """The hooks as three of the programs have them. events: name -> what else hook.sh does."""

        def command(event: str, more: str) -> str:
            more += f" '{self.edits}'" if more == "edited" else ""
            return f'sh "$MNG_AGENT_DIR/program/hook" {event} {more}'.strip()

        return {
            event: [{"hooks": [{"type": "command", "command": command(event, more), **self.named}]}]
            for event, more in events.items()
        }

    def files(self, more: Mapping[str, str]) -> dict[str, bytes]:
        """What is written into an agent's directory."""
        return {"program/hook": _HOOK.read_bytes(), **{k: v.encode() for k, v in more.items()}}

    def typed(self, message: MessageSpec) -> str:
        # A composer's first line is how its emptiness is told.
        text = re.sub(r"\A(?:[ \t]*\n)+", "", message.text)
        if message.command:
            return text
        text = text.rstrip()  # a short text would lose its last blanks, and a long one keep them
        # A backslash before Enter makes it a new line, and behind a name Enter takes a proposal.
        if text.endswith("\\") or re.search(rf"(^|\s)[{self.names}]\S*$", text):
            text += " "
        return self.plain(text)

    def plain(self, text: str) -> str:
        """The text in such a form that the program takes it for no command of its own."""
        return f" {text}" if re.match(r"/(?![^\s/]+/)|!", text) else text

    def heard(self, typed: str) -> str:
        """The text as the program itself records it."""
        return typed.strip()

    def proves(self, typed: str) -> str:
        return json.dumps(self.heard(typed), ensure_ascii=False)[1:-1]

    def looks(self, spec: AgentSpec) -> bool:
        return self.composer is not None

    def doing(self, facts: Facts, event: Event) -> tuple[str, int | None]:
        """idle, busy, asks or failed, or "" where nothing tells; and since when."""
        return self.doings.get(event.name, ""), event.at

    def sight(self, spec: AgentSpec, facts: Facts) -> Sighting:
        event = read_event(facts.files.get("event", ""))
        doing, since = self.doing(facts, event)
        composer = self.look(facts.lit, facts.screen or "")
        if composer == "filled" and facts.ours:
            composer = "ours"  # only Enter is missing, or another mng is just about to press it
        elif composer == "filled" and facts.entered:
            composer = "taken"
        if doing == "asks" and composer:
            doing = "busy"  # someone has answered
        if doing == "busy" and composer and self.working and facts.quiet >= 1:
            doing = "busy" if re.search(self.working, facts.screen or "") else "idle"
        if composer == "taken":
            doing = "busy"
        if doing == "asks":
            return Sighting(AgentState.BLOCKED, self.waits_for(event, facts), since)
        if not composer and facts.screen and (reason := self.dialog(facts.screen)):
            return Sighting(AgentState.BLOCKED, reason)
        if doing == "busy":
            tries = re.search(self.retries, facts.screen or "") if self.retries else None
            said = in_one_line("tries again", {"": tries[0]}) if tries else "at work"
            return Sighting(AgentState.RUNNING, said, since)
        if composer and not self.listens(event, facts):
            return Sighting(AgentState.STARTING, "its composer does not listen yet")
        if composer == "filled":
            return Sighting(AgentState.BLOCKED, "someone's half-typed text stands there")
        if doing == "failed" and facts.quiet < _FORGET and (reason := self.limit(event, facts)):
            return Sighting(AgentState.BLOCKED, reason, since)
        if doing == "again":
            said = in_one_line("tries again", {"": event.payload.get("message")})
            reason = self.limit(event, facts)
            state = AgentState.BLOCKED if reason else AgentState.RUNNING
            return Sighting(state, reason or said, since)
        if composer or (doing and not self.composer):
            return Sighting(AgentState.WAITING, "idle", since)
        if doing == "idle" and facts.quiet >= _AWAY:
            return Sighting(AgentState.BLOCKED, "something else stands in its composer's place")
        return Sighting(AgentState.STARTING, "its composer is not up yet")

    def listens(self, event: Event, facts: Facts) -> bool:
        """What is typed is not lost. If its hooks say nothing at all, long quiet has to do."""
        if not self.opening or event.name not in ("", self.opening):
            return True
        return facts.quiet >= (_OPENS if event.name else _SILENT)

    def look(self, lit: str | None, screen: str) -> str:
        """empty, filled, or "" where the composer is not on the screen."""
        if not lit or not self.composer or re.search(self.composer.dialog, _rows(screen)[-1]):
            return ""
        shown = _rows(lit)
        if any(re.search(self.composer.empty, line) for line in shown):
            return "empty"
        there = any(re.search(self.composer.there, line) for line in shown)
        return "filled" if there else ""

    def dialog(self, screen: str) -> str:
        shown = "\n".join(_rows(screen))
        return next((reason for said, reason in self.dialogs if re.search(said, shown)), "")

    def waits_for(self, event: Event, facts: Facts) -> str:
        """What a person has to settle."""
        return f"permission: {self.asked(event)}"

    def asked(self, event: Event) -> str:
        """The tool that is to be allowed, and its input, in one line."""
        tool = str(event.payload.get("tool_name") or "a tool")
        return in_one_line(tool, event.payload.get("tool_input"))

    def limit(self, event: Event, facts: Facts) -> str:
        """Why its last turn failed, where a person or time has to settle that; else ""."""
        said = json.dumps({k: v for k, v in event.payload.items() if k not in _PLACES})
        return next((reason for words, reason in self.limits if re.search(words, said)), "")


def _rows(screen: str) -> list[str]:
    """The last lines of a screen in which anything stands."""
    return [line for line in screen.splitlines() if line.strip()][-_ROWS:] or [""]


def in_one_line(tool: str, given: object) -> str:
    """A tool and the first text of its input."""
    values = [v for v in given.values() if isinstance(v, str)] if isinstance(given, dict) else []
    said = " ".join(" ".join([f"{tool}:", *values[:1]]).split()).rstrip(":")
    return printable(said if len(said) <= _LONGEST else said[: _LONGEST - 3] + "...")


def read_event(text: str) -> Event:
    """An event from the file that hook.sh leaves; a long payload was cut there."""
    head, _, rest = text.partition("\n")
    at, _, name = head.partition(" ")
    if not at.isdigit():
        return Event()
    try:
        payload = json.loads(rest)
    except ValueError:
        found = re.findall(r'"(tool_name|command|file_path|error)":"((?:[^"\\]|\\.)*)', rest)
        payload = {"tool_name": "a tool", **dict(found)}
        payload["tool_input"] = {k: v for k, v in found if k in ("command", "file_path")}
    return Event(name, int(at), payload if isinstance(payload, dict) else {})


# Shell text for `prepare`: the conversation that hook.sh has last heard of.
SESSION = 'session=$(cat "$MNG_AGENT_DIR/session" 2>/dev/null) || :\n'


def trusted(text: str) -> str:
    """Shell text: what `text` becomes as a printf format, given where the agent starts."""
    return f"""printf '{text}\\n' "$(pwd -P | sed 's/[\\\\"]/\\\\&/g')\""""


def shared(source: str, target: str, *variables: str) -> str:
    """Shell text: the user's own login, where it lies and no variable brings another.

    Linked, not copied: of two copies of one refresh token the second to be used is refused.
    """
    unset = "".join(f"${{{name}:-}}" for name in variables)
    return f"""\
if [ -z "{unset}" ] && [ -f "$HOME/{source}" ] && [ ! -e "{target}" ]; then
    ln -s "$HOME/{source}" "{target}"
fi
"""
