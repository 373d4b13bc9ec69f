"""Where two specs differ, and in which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mng.model.spec import AgentSpec, Change, HostSpec, change_class

_LONGEST = 40


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
        for name in after
        if before[name] != after[name]
    )


def classes(drifts: Sequence[Drift]) -> frozenset[Change]:
    return frozenset(one.change for one in drifts)


def in_words(drifts: Sequence[Drift], *changes: Change) -> str:
    """The drifts of these classes, joined."""
    return ", ".join(one.words for one in drifts if one.change in changes)


def _words(name: str, before: Any, after: Any) -> str:
    if not isinstance(before, dict | list) or not isinstance(after, dict | list):
        return f"{name}: {show(before)} -> {show(after)}"
    # Imported here: 0.1 s that a plan without drift doesn't pay.
    from deepdiff import DeepDiff

    parts: list[str] = []
    tree = DeepDiff(before, after, view="tree", ignore_order=False, verbose_level=1)
    for changes in tree.values():
        for change in changes:
            path = name + "".join(f".{key}" for key in change.path(output_format="list"))
            there, here = _side(change.t1), _side(change.t2)
            parts.append(f"{path}: {there} -> {here}")
    return ", ".join(sorted(parts))


def _side(value: Any) -> str:
    return "-" if repr(value) == "not present" else show(value)


def show(value: Any) -> str:
    """A value as the plan prints it: one line, not long, secrets by name."""
    if value is None:
        return "-"
    if isinstance(value, dict) and set(value) == {"secret"}:
        return f"secret {value['secret']}"
    text = " ".join(value) if isinstance(value, list) and _all_text(value) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _all_text(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
