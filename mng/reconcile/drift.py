"""Where two specs differ, and in which words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mng.model.spec import AgentSpec, Change, HostSpec, change_class

_LONGEST = 40
_AROUND = 10  # characters of context around what differs
_IN_FILE = {"guard": "shared_tree.guard"}  # fields that the file calls otherwise


@dataclass(frozen=True, slots=True)
class Drift:
    """One field that differs, what it costs to follow, and the difference in words."""

    field: str
    change: Change
    words: str


def drift(
    recorded: HostSpec | AgentSpec, wanted: HostSpec | AgentSpec, *, provider: str = ""
) -> tuple[Drift, ...]:
    """The differing fields in the order of the spec; () if there are none.

    provider: of a host, for what only it understands stands in the file under its name.
    """
    if recorded == wanted:
        return ()
    before, after = recorded.to_json(), wanted.to_json()
    called = {**_IN_FILE, "options": provider or "options"}

    def words(name: str) -> str:
        return ", ".join(sorted(_words(called.get(name, name), before[name], after[name])))

    return tuple(
        Drift(name, change_class(type(wanted), name), words(name))
        for name, known in type(wanted).__dataclass_fields__.items()
        if known.compare and before[name] != after[name]
    )


def classes(drifts: Sequence[Drift]) -> frozenset[Change]:
    return frozenset(one.change for one in drifts)


def in_words(drifts: Sequence[Drift], *changes: Change) -> str:
    """The drifts of these classes, joined."""
    return ", ".join(one.words for one in drifts if one.change in changes)


def _words(path: str, before: Any, after: Any) -> Iterator[str]:
    """Every value that differs, by the path at which it stands in the file."""
    if _is_section(before, after) or _is_section(after, before):
        one, other = before or {}, after or {}
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        for key in keys:
            yield from _words(f"{path}.{key}", one.get(key), other.get(key))
        if keys:
            return
    if not isinstance(before, list) or not isinstance(after, list):
        yield f"{path}: {_change(*map(_UNITS.get(path, _as_is), (before, after)))}"
        return
    # Imported here: 0.1 s that a plan without drift doesn't pay.
    from deepdiff import DeepDiff

    tree = DeepDiff(before, after, view="tree", ignore_order=False, verbose_level=1)
    for changes in tree.values():
        for change in changes:
            whole = path + "".join(f".{key}" for key in change.path(output_format="list"))
            yield f"{whole}: {_change(change.t1, change.t2)}"


def _is_section(value: Any, other: Any) -> bool:
    """A mapping beside another one or none, but for one that names a secret that is new."""
    if not isinstance(value, dict):
        return False
    return isinstance(other, dict) or (other is None and set(value) != {"secret"})


def _as_is(value: Any) -> Any:
    return value


def _change(before: Any, after: Any) -> str:
    """`before -> after`, of long values only what differs, with a few characters around it."""
    one, other = _flat(before), _flat(after)
    if one == other:  # they differ in their blanks alone
        one, other = repr(before), repr(after)
    if max(len(one), len(other)) > _LONGEST:
        head = _same(one, other)
        tail = _same(one[head:][::-1], other[head:][::-1])
        one, other = (_part(text, head, len(text) - tail) for text in (one, other))
    return f"{one} -> {other}"


def size(mebibytes: int | None) -> str | None:
    """MiB as a file has them: `512MiB`, `4GiB`."""
    if mebibytes is None:
        return None
    return f"{mebibytes}MiB" if mebibytes % 1024 else f"{mebibytes // 1024}GiB"


def duration(seconds: int | None) -> str | None:
    """Seconds as a file has them: `90s`, `25m`, `24h`, `1h30m`."""
    if seconds is None or 60 < seconds < 120:
        return None if seconds is None else f"{seconds}s"
    parts = (seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")
    return "".join(f"{number}{unit}" for number, unit in parts if number)


_UNITS: dict[str, Callable[[Any], Any]] = {
    "timeout": duration, "idle_timeout": duration, "modal.memory": size,
}  # fmt: skip


def _same(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))


def _part(text: str, begins: int, ends: int) -> str:
    """What stands from `begins` to `ends`, the words that it is in, cut where it is long."""
    first = text.rfind(" ", 0, max(0, begins - _AROUND)) + 1
    first = first if begins - first <= 2 * _AROUND else begins - _AROUND
    last = text.find(" ", ends)
    last = len(text) if last < 0 else last
    last = min(last, ends + _AROUND, first + _LONGEST)
    return ("..." if first else "") + text[first:last] + ("..." if last < len(text) else "")


def show(value: Any) -> str:
    """A value as the plan prints it: one line, not long, secrets by name."""
    text = _flat(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _flat(value: Any) -> str:
    if value is None or repr(value) == "not present":
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict) and set(value) == {"secret"}:
        return f"secret {value['secret']}"
    if isinstance(value, dict | list) and not _all_text(value):
        value = json.dumps(value, ensure_ascii=False)
    text = " ".join(value) if isinstance(value, list) else str(value)
    return " ".join(text.split())


def _all_text(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
