"""ruamel's nodes -> ours: tags, aliases, merge keys, duplicate keys."""

from __future__ import annotations

from typing import Any

from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from mng.config.diagnostic import Faults, Place, Source
from mng.config.node import Node, WrittenFloat, WrittenInt

MAX_NODES = 100_000  # what aliases may expand to

_TAG = "tag:yaml.org,2002:"


class Walk:
    """One file's walk; what is wrong on the way is told to `faults`."""

    def __init__(self, source: Source, faults: Faults) -> None:
        self.source = source
        self.faults = faults
        self.count = 0
        self.open: set[int] = set()  # the nodes being walked: an alias to one has no end

    def place(self, node: Any) -> Place:
        return Place(self.source, node.start_mark.line + 1, node.start_mark.column + 1)

    def node(self, node: Any, key: Place | None = None) -> Node:
        at = self.place(node)
        key = key or at
        self.count += 1
        if id(node) in self.open:
            self.faults.add(at, "an alias inside of what it stands for")
            return Node(None, at, key)
        if self.count > MAX_NODES:
            if self.count == MAX_NODES + 1:
                self.faults.add(at, f"aliases expand to more than {MAX_NODES} values")
            return Node(None, at, key)
        if isinstance(node, ScalarNode):
            return Node(self.scalar(node, at), at, key, node.style or "")
        self.open.add(id(node))
        kind = "map" if isinstance(node, MappingNode) else "seq"
        if str(node.tag) != _TAG + kind:
            self.faults.add(at, f"unknown tag {_short(node.tag)!r}")
        if isinstance(node, SequenceNode):
            value: Any = [self.node(item) for item in node.value]
        else:
            value = self.mapping(node)
        self.open.discard(id(node))
        return Node(value, at, key)

    def mapping(self, node: MappingNode) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: list[Node] = []
        for key, value in node.value:
            at = self.place(key)
            if str(key.tag) == _TAG + "merge":
                merged += self.merged(value)
                continue
            name = self.key(key, at)
            if name is None:
                continue
            child = self.node(value, at)
            if name in own:
                first = own[name].key.line
                self.faults.add(at, f"duplicate key {name!r}, first on line {first}")
            else:
                own[name] = child
        for source in merged:
            for name, child in source.value.items():
                own.setdefault(name, child)
        return own

    def merged(self, value: Any) -> list[Node]:
        """The mappings that `<<` brings in."""
        found = self.node(value)
        items = found.value if isinstance(found.value, list) else [found]
        for item in items:
            if not isinstance(item.value, dict):
                self.faults.add(self.place(value), "'<<' takes a mapping or a list of mappings")
        return [item for item in items if isinstance(item.value, dict)]

    def key(self, node: Any, at: Place) -> str | None:
        if isinstance(node, ScalarNode) and str(node.tag) != _TAG + "null":
            self.scalar(node, at)
            return str(node.value)
        if isinstance(node, MappingNode) and node.flow_style:
            hint = "put a value that begins with {{ in quotes"
            self.faults.unreadable(at, "a key must be text", hint)
        else:
            self.faults.unreadable(at, "a key must be text")
        return None

    def scalar(self, node: ScalarNode, at: Place) -> Any:
        text, tag = str(node.value), str(node.tag).removeprefix(_TAG)
        try:
            return _construct(text, tag)
        except LookupError:
            self.faults.add(at, f"unknown tag {_short(node.tag)!r}")
        except ValueError:
            self.faults.add(at, f"{text[:40]!r} is no {tag}")
        return None


def _short(tag: Any) -> str:
    text = str(tag)
    return "!!" + text.removeprefix(_TAG) if text.startswith(_TAG) else text


def _construct(text: str, tag: str) -> Any:
    """A scalar by its tag. Raises LookupError for a tag, ValueError for a text that it has not."""
    match tag:
        # Dates have no use in the file, so they stay what was typed; so does a lone `=` or `<<`.
        case "str" | "timestamp" | "value" | "merge":
            return text
        case "null":
            return None
        case "bool":
            return {"true": True, "false": False}.get(text.lower(), text)
        case "int":
            return _integer(text)
        case "float":
            return _real(text)
    raise LookupError(tag)


def _integer(text: str) -> int | str:
    digits = text.replace("_", "").lower()
    if len(digits) > 300 or not digits.strip("+-"):  # no number that anything here could mean
        return text
    body = digits.lstrip("+-")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(body[:2], 10)
    number = WrittenInt(int(digits.replace(body[:2], "", 1) if base != 10 else digits, base))
    number.written = text
    return number


def _real(text: str) -> float | str:
    plain = text.replace("_", "")
    if plain.lower().lstrip("+-") in (".inf", ".nan"):
        return text  # nothing in the file is infinite
    number = WrittenFloat(plain)
    if number - number != 0:
        return text
    number.written = text
    return number
