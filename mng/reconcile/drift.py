"""Where two specs differ, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mng.model.spec import AgentSpec, Change, HostSpec, change_class

_LONGEST = 40
_AROUND = 10  # characters of context around what differs
_DURATIONS = {"timeout", "idle_timeout"}


@dataclass(frozen=True, slots=True)
class Drift:
    """One field that differs, what it costs to follow, and the difference in words."""

    field: str
    change: Change
    words: str


def drift(recorded: HostSpec | AgentSpec, wanted: HostSpec | AgentSpec) -> tuple[Drift, ...]:
    """The differing fields in the order of the spec; () if there are none."""
    if recorded == wanted:
        return ()
    before, after = recorded.to_json(), wanted.to_json()
    return tuple(
        Drift(name, change_class(type(wanted), name), _words(name, before[name], after[name]))
        for name, known in type(wanted).__dataclass_fields__.items()
        if known.compare and before[name] != after[name]
    )


def classes(drifts: Sequence[Drift]) -> frozenset[Change]:
    return frozenset(one.change for one in drifts)


def in_words(drifts: Sequence[Drift], *changes: Change) -> str:
    """The drifts of these classes, joined."""
    return ", ".join(one.words for one in drifts if one.change in changes)


def _words(name: str, before: Any, after: Any) -> str:
    if name in _DURATIONS:
        return f"{name}: {_change(duration(before), duration(after))}"
    if not isinstance(before, dict | list) or not isinstance(after, dict | list):
        return f"{name}: {_change(before, after)}"
    # Imported here: 0.1 s that a plan without drift doesn't pay.
    from deepdiff import DeepDiff

    parts: list[str] = []
    tree = DeepDiff(before, after, view="tree", ignore_order=False, verbose_level=1)
    for changes in tree.values():
        for change in changes:
            path = name + "".join(f".{key}" for key in change.path(output_format="list"))
            parts.append(f"{path}: {_change(change.t1, change.t2)}")
    return ", ".join(sorted(parts))


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


def duration(seconds: int | None) -> str | None:
    """Seconds as a file has them: `90s`, `25m`, `24h`, `1h30m`."""
    if seconds is None or 60 < seconds < 120:
        return None if seconds is None else f"{seconds}s"
    parts = (seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")
    return "".join(f"{number}{unit}" for number, unit in parts if number)


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
    text = " ".join(value) if isinstance(value, list) and _all_text(value) else str(value)
    return " ".join(text.split())


def _all_text(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
