"""The records that lie beside what mng made: whose it is, and what it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mng import __version__
from mng.model.name import AgentName, HostName
from mng.model.spec import AgentSpec, HostSpec, Owner

S = TypeVar("S", HostSpec, AgentSpec)


class Damaged(ValueError):
    """A record or a journal says what mng has never written."""


@dataclass(frozen=True, slots=True)
class Record(Generic[S]):
    owner: Owner
    spec: S
    created: int  # seconds since the epoch
    expires: int | None = None


def host_record(
    name: HostName, mark: str, owner: Owner, spec: HostSpec, created: int,
    expires: int | None = None,
) -> str:  # fmt: skip
    """A host's record as JSON. created, expires: seconds since the epoch."""
    known = {"name": name.name, "provider": name.provider, "mark": mark, "expires": expires}
    return _text(known, owner, spec, created)


def agent_record(
    name: AgentName, incarnation: str, owner: Owner, spec: AgentSpec, created: int
) -> str:
    """An agent's record as JSON. created: seconds since the epoch."""
    return _text({"name": name.name, "incarnation": incarnation}, owner, spec, created)


def _text(known: Mapping[str, Any], owner: Owner, spec: HostSpec | AgentSpec, created: int) -> str:
    record = {
        **known, "team": owner.team, "file": owner.file, "version": __version__,
        "created": created, "spec": spec.to_json(),
    }  # fmt: skip
    return json.dumps(record, indent=1)


def read_record(text: str, kind: type[S]) -> Record[S]:
    """A record as it was written, by whatever version. Raises Damaged."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damaged("its record is no whole JSON") from error
    try:
        spec = kind.from_json(data["spec"])
        hints = _HINTS[kind]
        fields = {name: (hints[name], getattr(spec, name)) for name in kind.__dataclass_fields__}
        fields |= {name: (str, data[name]) for name in ("team", "file")}
        fields |= {"created": (int, data["created"])}
        fields |= {"expires": (int | None, data.get("expires"))}
        for name, (hint, value) in fields.items():
            if not _fits(hint, value):
                raise Damaged(f"its record has a wrong {name!r}")
        whose = Owner(data["team"], data["file"])
        return Record(whose, spec, data["created"], data.get("expires"))
    except (KeyError, TypeError, AttributeError) as error:
        raise Damaged("its record is not as mng writes it") from error


_HINTS = {kind: get_type_hints(kind) for kind in (HostSpec, AgentSpec)}


def _fits(hint: Any, value: Any) -> bool:
    """The value is of the type that the hint names, however deep."""
    inner = get_args(hint)
    match get_origin(hint):
        case None:
            return hint is Any or type(value) is hint or (hint is type(None) and value is None)
        case origin if origin is Literal:
            return value in inner
        case origin if origin in (Union, UnionType):
            return any(_fits(one, value) for one in inner)
        case origin if origin is tuple:
            return isinstance(value, tuple) and all(_fits(inner[0], one) for one in value)
        case _:  # a mapping, the last of the sorts that a spec has
            return isinstance(value, dict) and all(_fits(inner[1], one) for one in value.values())
