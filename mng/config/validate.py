"""The tree against the model of the file: every fault in our words, once, at its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from mng.config.diagnostic import Faults, did_you_mean
from mng.config.document import Document, fields_at
from mng.config.document_host import Modal
from mng.config.fields import as_section, sort_of
from mng.config.node import Node, Path_


@dataclass(slots=True)
class Checked:
    """A file whose faulty parts were told and left out, so that the rest can be looked at.

    broken: the paths of those parts; nothing more is said of them.
    sections: what hosts of plug-in providers have under their provider's name.
    """

    tree: Node
    document: Document
    broken: set[Path_]
    faults: Faults
    environ: Mapping[str, str]
    sections: dict[str, Any] = field(default_factory=dict)

    def is_broken(self, *path: str | int) -> bool:
        """Whether a value, or what holds it, has a fault that was told."""
        return any(path[:length] in self.broken for length in range(1, len(path) + 1))


def validate(tree: Node, broken: set[Path_], faults: Faults, environ: Mapping[str, str]) -> Checked:
    """The document of a tree without the parts that are broken; those found here are added."""
    checked = Checked(tree, Document(), broken, faults, environ)
    value = tree.plain()
    for path in broken:
        _cut(value, path)
    while True:
        try:
            checked.document = Document.model_validate(value)
            return checked
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False):
                path = tuple(part for part in error["loc"] if part != "[key]")
                if not _take_section(checked, path, error):
                    _tell(tree, path, error, faults)
                    broken.add(path)
                _cut(value, path)


def _cut(value: Any, path: Path_) -> None:
    """Leave out what is at a path. An item of a list is replaced, so that the others keep their
    index; every list of the file takes a text."""
    for part in path[:-1]:
        if isinstance(value, dict) and part not in value:
            return
        value = value[int(part) if isinstance(value, list) else part]
    if isinstance(value, list):
        value[int(path[-1])] = "x"
    elif isinstance(value, dict):
        value.pop(path[-1], None)


def _take_section(checked: Checked, path: Path_, error: Any) -> bool:
    """Whether this unknown key of a host is the section of the host's own plug-in provider."""
    if error["type"] != "extra_forbidden" or path[:1] != ("hosts",) or len(path) != 3:
        return False
    provider = checked.tree.get(*path[:2], "provider")
    if provider is None or provider.value != path[2]:
        return False
    try:
        section = error["input"]
        checked.sections[str(path[1])] = {} if section is None else as_section(section)
    except PydanticCustomError as fault:
        checked.faults.add(checked.tree.near(*path).at, fault.message())
    return True


def _tell(root: Node, path: Path_, error: Any, faults: Faults) -> None:
    node = root.near(*path)
    if error["type"] == "extra_forbidden":
        key, allowed = str(path[-1]), fields_at(path[:-1])
        hint = did_you_mean(key, allowed)
        if len(path) == 3 and path[0] == "hosts" and key in Modal.model_fields:
            hint = "it belongs under 'modal'"
        faults.add(node.key, f"unknown key {key[:60]!r}", hint)
        return
    at = node.key if error["loc"][-1] == "[key]" else node.at
    words, hint = _words(error)
    if words.startswith(("must", "is")):
        words = f"{_subject(path)} {words}"
    faults.add(at, words, hint)


def _subject(path: Path_) -> str:
    """What a fault is of: its key, and of an item the list that holds it."""
    key = path[-1]
    return repr(key) if isinstance(key, str) else f"an item of {path[-2]!r}"


def _words(error: Any) -> tuple[str, str]:
    """pydantic's error in plain English, with a hint."""
    found = sort_of(error.get("input"))
    match error["type"]:
        case "fault":
            return error["ctx"]["words"], error["ctx"]["hint"]
        case "dict_type" | "model_type":
            return f"must be a mapping, not {found}", ""
        case "tuple_type" | "list_type":
            return f"must be a list, not {found}", "write [a, b]"
    return f"is not right: {error['msg'].lower()}", ""
