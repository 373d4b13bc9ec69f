"""Plug-ins by name: ours, which are known, and others' entry points."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


class Installed:
    """The names of an entry point group; the group is read only for a name that isn't ours."""

    def __init__(self, group: str, ours: Iterable[str]) -> None:
        self._group, self._ours = group, frozenset(ours)

    def __contains__(self, name: object) -> bool:
        return name in self._ours or name in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def _all(self) -> list[str]:
        from importlib.metadata import entry_points

        return sorted({*self._ours, *(entry.name for entry in entry_points(group=self._group))})

    def load(self, name: str) -> object | None:
        """The object behind another's entry point, None if nobody has installed one."""
        from importlib.metadata import entry_points

        found = list(entry_points(group=self._group, name=name))
        return found[0].load() if found else None
