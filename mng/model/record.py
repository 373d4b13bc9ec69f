"""The records that lie beside what mng made: whose it is, and what it was made from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import UnionType
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from mng import __version__
from mng.model.spec import AgentSpec, HostSpec, Owner

S = TypeVar("S", HostSpec, AgentSpec)


class Damaged(ValueError):
    """A record or a journal says what mng has never written."""


@dataclass(frozen=True, slots=True)
class Record(Generic[S]):
    owner: Owner
    spec: S
    created: int  # seconds since the epoch


def record_text(owner: Owner, spec: HostSpec | AgentSpec, created: int, **identity: str) -> str:
    """A record as JSON. identity: by what names the thing is known."""
    record = {
        **identity, "team": owner.team, "file": owner.file, "version": __version__,
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
        hints = get_type_hints(kind)
        fields = {name: (hints[name], getattr(spec, name)) for name in kind.__dataclass_fields__}
        fields |= {name: (str, data[name]) for name in ("team", "file")}
        for name, (hint, value) in {**fields, "created": (int, data["created"])}.items():
            if not _fits(hint, value):
                raise Damaged(f"its record has a wrong {name!r}")
        return Record(Owner(data["team"], data["file"]), spec, data["created"])
    except (KeyError, TypeError, AttributeError) as error:
        raise Damaged("its record is not as mng writes it") from error


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
