"""A file -> its text -> values that know their file, line and column."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from mng.config.diagnostic import Diagnostic, Faults, Place, Source, char_name

MAX_BYTES = 10 * 1024 * 1024  # no file of the user's is read beyond this
MAX_DEPTH = 60
MAX_CONTROLS = 20  # characters of one file that are reported one by one
MAX_NODES = 100_000  # what aliases may expand to

_TAG = "tag:yaml.org,2002:"

# What YAML refuses wherever it stands, even in quotes.
_REFUSED = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_SYNTAX = {  # what ruamel says -> what helps
    "mapping values are not allowed": "a value that holds ': ' must be in quotes",
    "'\\t' that cannot start any token": "indent with spaces",
    "cannot start any token": "put a value that begins so in quotes",
    "expected <block end>": "is it indented as the lines above are?",
    "could not find expected ':'": "is a ':' missing?",
    "expected a single document": "one file holds one document, without a second '---'",
}

Path_: TypeAlias = tuple["str | int", ...]  # keys and indexes, from the top of the file
PlaceOf: TypeAlias = Callable[[int], Place]  # the offset of a character in a text -> its place

# One character of a text, as it is written in each style of quotes.
_WRITTEN = {
    "": re.compile("."),
    "'": re.compile("''|."),
    '"': re.compile(r"\\x..|\\u.{4}|\\U.{8}|\\.|."),
}


class WrittenInt(int):
    """A whole number that knows how it was written: `env: {CODE: 007}` keeps its zeros."""

    written: str


class WrittenFloat(float):
    """A number that knows how it was written: `python: 3.10` is not 3.1."""

    written: str


def has_template(text: str) -> bool:
    """Whether a text needs to be rendered."""
    return "{{" in text or "{%" in text


@dataclass(slots=True, eq=False)
class Node:
    """A value and where it stands. value: dict[str, Node], list[Node] or a plain scalar.

    key: where its key stands; for an item of a list, where the item does.
    style: how a text was quoted (`|`, `>`, `"`, `'`), "" if not; None once it was rendered.
    """

    value: Any
    at: Place
    key: Place
    style: str | None = ""

    def children(self) -> Iterable[tuple[str | int, Node]]:
        if isinstance(self.value, dict):
            return self.value.items()
        return enumerate(self.value) if isinstance(self.value, list) else ()

    def walk(self, path: Path_ = ()) -> Iterator[tuple[Path_, Node]]:
        """Every node with its path, from the top; what is yielded may still lose children."""
        yield path, self
        for key, child in self.children():
            yield from child.walk((*path, key))

    def get(self, *path: str | int) -> Node | None:
        """The node below this one at a path, or None."""
        node = self
        for part in path:
            items: Any = node.value if isinstance(node.value, dict | list) else {}
            try:
                node = items[part]
            except (LookupError, TypeError):
                return None
        return node

    def near(self, *path: str | int) -> Node:
        """The node at a path, or else the nearest one above it."""
        while (found := self.get(*path)) is None:
            path = path[:-1]
        return found

    def plain(self) -> Any:
        """The value without the places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def place_of(self, offset: int) -> Place:
        """Where a character of this text stands in the file, as exactly as its style tells."""
        text, at = self.value, self.at
        if not text or not isinstance(text, str) or self.style is None:
            return at
        if self.style == "|":
            return self._in_block(text, offset)
        if self.style == ">" or (not self.style and " " in text):
            return self._in_folded(text, offset)
        begin = at.col - 1 + len(self.style)
        written = _WRITTEN[self.style].finditer(at.source.lines[at.line - 1], begin)
        char = next(itertools.islice(written, offset, None), None)
        # Quoted text of several lines is folded, so only its first line is as it was written.
        return Place(at.source, at.line, char.start() + 1) if char else at

    def _in_block(self, text: str, offset: int) -> Place:
        """In `|`: lines are as written, but for their indentation."""
        lines, number = self.at.source.lines, self.at.line + text.count("\n", 0, offset)
        start = text.rfind("\n", 0, offset) + 1
        content = text[start:].split("\n", 1)[0]
        if number >= len(lines) or not lines[number].endswith(content):
            return self.at
        col = len(lines[number]) - len(content) + offset - start + 1
        return Place(self.at.source, number + 1, col)

    def _in_folded(self, text: str, offset: int) -> Place:
        """In `>` or without quotes: all is as written, but for blanks and line ends."""
        left = len("".join(text[:offset].split()))
        first = self.at.line if self.style == ">" else self.at.line - 1
        col = 0 if self.style == ">" else self.at.col - 1
        for number, line in enumerate(self.at.source.lines[first:], first + 1):
            for char in re.finditer(r"\S", line[col:]):
                if not left:
                    return Place(self.at.source, number, col + char.start() + 1)
                left -= 1
            col = 0
        return self.at


def read(path: Path, order: int, faults: Faults) -> Node | None:
    """A file as nodes, or None if it is no YAML mapping; its faults are then told."""
    source = Source(path, str(path), order)
    if wrong := read_text(source):
        faults.add(wrong.place, wrong.words, wrong.hint)
        return None
    for found in list(_REFUSED.finditer(source.text))[:MAX_CONTROLS]:
        place = source.place(found.start())
        faults.unreadable(place, f"{char_name(found.group())} can't stand in YAML")
    root = _compose(_REFUSED.sub("\ufffd", source.text), source, faults)
    if isinstance(root, MappingNode):
        return _Walk(source, faults).node(root)
    if isinstance(root, ScalarNode) and root.value in ("", "~", "null") and not root.style:
        faults.add(Place(source), "is empty")
    elif root is not None:
        words = "a file is a mapping with the keys name, vars, hosts and agents"
        faults.add(_place(source, root.start_mark), words)
    return None


def read_text(source: Source) -> Diagnostic | None:
    """Fill a source with its file's text, without a byte order mark; else what is wrong with it."""
    path, whole = source.path, Place(source)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return Diagnostic(whole, "no such file")
    except IsADirectoryError:
        inside = path / "mng.yaml"
        hint = f"did you mean {str(inside)!r}?" if inside.is_file() else ""
        return Diagnostic(whole, "is a directory", hint)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Diagnostic(whole, f"can't be read: {reason.lower()}")
    if len(data) > MAX_BYTES:
        return Diagnostic(whole, f"is larger than {MAX_BYTES >> 20} MiB")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Diagnostic(whole, "is UTF-16", "save it as UTF-8")
    if b"\0" in data:
        return Diagnostic(whole, "is not a text file: it holds NUL bytes")
    try:
        source.text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The codec counts from behind the byte order mark, so its own copy of the bytes is used.
        source.text = error.object.decode("utf-8", "replace")
        place = source.place(len(error.object[: error.start].decode("utf-8")))
        return Diagnostic(place, f"is not UTF-8: byte 0x{error.object[error.start]:02X}")
    return None


def _compose(text: str, source: Source, faults: Faults) -> Any:
    """The text as ruamel's nodes, which know their places; None if there are none."""
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH
    yaml.composer.warn_double_anchors = False  # YAML allows to use a name again
    try:
        root = yaml.compose(text)
        if root is None:
            faults.add(Place(source), "is empty")
        return root
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = _place(source, mark) if mark else Place(source)
        problem = str(error.problem or error.context or "can't be read").strip()
        if "maximum depth" in problem:
            faults.add(place, f"nested more than {MAX_DEPTH} levels deep")
        else:
            hint = next((words for sign, words in _SYNTAX.items() if sign in problem), "")
            faults.add(place, f"not valid YAML: {problem}", hint)
    except Exception as error:  # ruamel's scanner fails in many ways on what is far from YAML
        detail = str(error).strip().split("\n")[0]
        faults.add(Place(source), f"not valid YAML: {detail or type(error).__name__}")
    return None


def _place(source: Source, mark: Any) -> Place:
    return Place(source, mark.line + 1, mark.column + 1)


class _Walk:
    """One file's walk; what is wrong on the way is told to `faults`."""

    def __init__(self, source: Source, faults: Faults) -> None:
        self.source = source
        self.faults = faults
        self.count = 0
        self.open: set[int] = set()  # the nodes being walked: an alias to one has no end

    def node(self, node: Any, key: Place | None = None) -> Node:
        at = _place(self.source, node.start_mark)
        found = Node(None, at, key or at)
        self.count += 1
        if id(node) in self.open:
            self.faults.add(at, "an alias inside of what it stands for")
        elif self.count > MAX_NODES:
            if self.count == MAX_NODES + 1:
                self.faults.add(at, f"aliases expand to more than {MAX_NODES} values")
        elif isinstance(node, ScalarNode):
            found.value, found.style = self.scalar(node, at), node.style or ""
        else:
            self.open.add(id(node))
            kind = "map" if isinstance(node, MappingNode) else "seq"
            if str(node.tag) != _TAG + kind:
                self.faults.add(at, f"unknown tag {_short(node.tag)!r}")
            if isinstance(node, SequenceNode):
                found.value = [self.node(item) for item in node.value]
            else:
                found.value = self.mapping(node)
            self.open.discard(id(node))
        return found

    def mapping(self, node: MappingNode) -> dict[str, Node]:
        own: dict[str, Node] = {}
        merged: list[Node] = []
        for key, value in node.value:
            at = _place(self.source, key.start_mark)
            if str(key.tag) == _TAG + "merge":
                merged += self.merged(value)
            elif (name := self.key(key, at)) is not None:
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
        mappings = [item for item in items if isinstance(item.value, dict)]
        if len(mappings) < len(items):
            self.faults.add(found.at, "'<<' takes a mapping or a list of mappings")
        return mappings

    def key(self, node: Any, at: Place) -> str | None:
        if isinstance(node, ScalarNode) and str(node.tag) != _TAG + "null":
            self.scalar(node, at)
            return str(node.value)
        braces = isinstance(node, MappingNode) and node.flow_style
        hint = "put a value that begins with {{ in quotes" if braces else ""
        self.faults.unreadable(at, "a key must be text", hint)
        return None

    def scalar(self, node: ScalarNode, at: Place) -> Any:
        text, tag = str(node.value), str(node.tag).removeprefix(_TAG)
        try:
            return _SCALARS[tag](text)
        except KeyError:
            self.faults.add(at, f"unknown tag {_short(node.tag)!r}")
        except ValueError:
            self.faults.add(at, f"{text[:40]!r} is no {tag}")
        return None


def _short(tag: Any) -> str:
    text = str(tag)
    return "!!" + text.removeprefix(_TAG) if text.startswith(_TAG) else text


def _integer(text: str) -> int | str:
    digits = text.replace("_", "").lower()
    if len(digits) > 300 or not digits.strip("+-"):  # no number that anything here could mean
        return text
    prefixed = digits.lstrip("+-")[:2] in ("0x", "0o", "0b")
    number = WrittenInt(int(digits, 0 if prefixed else 10))
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


_SCALARS: dict[str, Callable[[str], Any]] = {
    # Dates have no use in the file, so they stay what was typed; so does a lone `=` or `<<`.
    **dict.fromkeys(("str", "timestamp", "value", "merge"), str),
    "null": lambda text: None,
    "bool": lambda text: {"true": True, "false": False}.get(text.lower(), text),
    "int": _integer,
    "float": _real,
}
