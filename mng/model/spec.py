"""What is wanted: hosts, agents and their messages, with everything resolved.

Plain dataclasses, so that commands that read no file don't pay for pydantic; `config` holds the
pydantic model of the file and turns it into these. Each field declares its change class: what a
difference between the file and the recorded spec costs.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal, Self

from mng.model.name import AgentName, HostName

When = Literal["now", "idle"]
Condition = Literal["started", "ready", "idle", "done"]
Restart = Literal["never", "on-failure", "always"]
Permissions = Literal["ask", "accept-edits", "bypass"]

MODAL_LONGEST = 24 * 3600  # seconds: Modal ends every sandbox then


class Change(StrEnum):
    """What it takes to make a live thing follow a changed field."""

    IN_PLACE = "in place"
    RESTART = "restart"
    REPLACE = "replace"


def _field(change: Change, default: Any = dataclasses.MISSING, factory: Any = None) -> Any:
    meta = {"change": change}
    if factory is not None:
        return field(default_factory=factory, metadata=meta)
    return field(default=default, metadata=meta)


def in_place(default: Any = dataclasses.MISSING, factory: Any = None) -> Any:
    return _field(Change.IN_PLACE, default, factory)


def restart(default: Any = dataclasses.MISSING, factory: Any = None) -> Any:
    return _field(Change.RESTART, default, factory)


def replace(default: Any = dataclasses.MISSING, factory: Any = None) -> Any:
    return _field(Change.REPLACE, default, factory)


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that lives in the environment of the one who runs mng, known here by name alone."""

    name: str


Env = Mapping[str, "str | Secret"]


class _Recorded:
    """A spec that is written beside what was made from it, and read back by any later version."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; a secret is `{"secret": NAME}`."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The spec as recorded. Fields that this version doesn't know are left out, and those that
        the writing version didn't know take their defaults, so an upgrade is never a change."""
        known = {name: _rich(name, data[name]) for name in cls.__dataclass_fields__ if name in data}
        return cls(**known)

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that differ when the spec does."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, Secret):
        return {"secret": value.name}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _rich(name: str, value: Any) -> Any:
    if name == "env":
        return {k: Secret(v["secret"]) if isinstance(v, dict) else v for k, v in value.items()}
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec(_Recorded):
    """A machine that agents share. `timeout` and `idle_timeout` are seconds."""

    source: str | None = replace(None)  # absolute path on the user's machine
    work_dir: str | None = replace(None)
    setup: str | None = replace(None)
    env: Env = in_place(factory=dict)
    timeout: int | None = in_place(None)
    idle_timeout: int | None = in_place(None)
    keep: tuple[str, ...] = in_place(())  # ignored paths that are saved all the same
    guard: bool = in_place(True)  # no agent's git takes along what others work on
    options: Mapping[str, Any] = replace(factory=dict)  # what only its provider understands
    # HOST/TIME of the saved work that its tree began with: how it came to be, not what it shall be.
    restored: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSpec(_Recorded):
    """A program in its own tmux session. `env` is whole: the host's with the agent's over it.

    `ready` is a regular expression looked for on the screen, or None for the kind's own judgement.
    """

    type: str = restart()
    command: str | tuple[str, ...] | None = restart(None)
    args: tuple[str, ...] = restart(())
    env: Env = restart(factory=dict)
    permissions: Permissions = restart("ask")
    allow_unsafe: bool = in_place(False)  # permissions: bypass on one's own machine
    ready: str | None = in_place(None)
    restart: Restart = in_place("on-failure")
    protect: bool = in_place(False)
    after: Mapping[str, Condition] = in_place(factory=dict)
    labels: Mapping[str, str] = in_place(factory=dict)


def change_class(spec: type[_Recorded], name: str) -> Change:
    """The class that a field of a spec declares."""
    change = spec.__dataclass_fields__[name].metadata["change"]
    assert isinstance(change, Change)
    return change


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """A message to type once. `key` is its identity in the ledger."""

    key: str
    text: str
    when: When | None = None
    origin: Literal["file", "adhoc"] = "file"
    at: str = ""  # file:line, for the plan
    command: bool = False  # it is meant for the program itself, as /compact is


def normalise(text: str) -> str:
    """The text as it is typed: LF line ends, no newline at the end."""
    return text.replace("\r\n", "\n").rstrip("\n")


def is_blank(text: str) -> bool:
    """Nothing of it would be seen, and programs take it for nothing."""
    return not text.translate(dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff"))).strip()


def forbidden(text: str) -> str:
    """The first character that no message may have, as `U+001B at character 3`, or "".

    A terminal takes control characters for keys: ESC [201~ would end the paste that brings it.
    """
    for number, char in enumerate(text, 1):
        code = ord(char)
        control = code < 0x20 or 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000
        if control and char not in "\n\t":
            return f"U+{code:04X} at character {number}"
    return ""


def message_keys(messages: Iterable[tuple[str | None, str]]) -> list[str]:
    """The identities of an agent's messages, given as (id or None, text), in order.

    The explicit id with the digest of the text without trailing blanks, so that an edit is known
    for one; without an id the digest, and which occurrence of it this is. No id has `~` or a dot.
    """
    seen: dict[str, int] = {}
    keys = []
    for id_, text in messages:
        lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
        digest = hashlib.sha256("\n".join(lines).rstrip().encode()).hexdigest()[:16]
        if id_ is not None:
            keys.append(f"{id_}~{digest}")
            continue
        seen[digest] = seen.get(digest, 0) + 1
        keys.append(f"{digest}.{seen[digest]}")
    return keys


def message_name(key: str) -> str:
    """What a user calls a message: its id, where it has one, else its key."""
    return key.partition("~")[0]


@dataclass(frozen=True, slots=True)
class Owner:
    """Who made something: the team (`-` for ad hoc) and the file that declared it.

    unnamed: the file names no team, so that it is called after the file or its directory.
    """

    team: str = "-"
    file: str = ""
    unnamed: bool = field(default=False, compare=False)

    def owns(self, made: Owner) -> bool:
        """What `made` has made is this owner's: a team that nobody named is its one file's."""
        return self.team == made.team and (self.file == made.file or not self.unnamed)

    @property
    def adhoc(self) -> bool:
        return self.team == "-"


@dataclass(frozen=True, slots=True)
class WantedHost:
    """A host in a want. An `external` one belongs to another team and is only lived on.

    stopped: no machine shall be there, and all that brings it back shall be kept.
    """

    spec: HostSpec
    owner: Owner = Owner()
    at: str = ""
    external: bool = False
    was: str | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class WantedAgent:
    """An agent in a want. `messages` in order, those already said included."""

    spec: AgentSpec
    owner: Owner = Owner()
    messages: tuple[MessageSpec, ...] = ()
    at: str = ""
    was: str | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Desired:
    """Everything that shall be. `file` is how the plan names what the want came from."""

    hosts: Mapping[HostName, WantedHost] = field(default_factory=dict)
    agents: Mapping[AgentName, WantedAgent] = field(default_factory=dict)
    owner: Owner = Owner()
    file: str = ""
