"""A file -> its text -> its nodes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from mng.config.diagnostic import LINE_END, Faults, Place, Source, char_name
from mng.config.node import Node
from mng.config.walk import Walk

MAX_BYTES = 10 * 1024 * 1024  # no file of the user's is read beyond this
MAX_DEPTH = 60
MAX_CONTROLS = 20  # characters of one file that are reported one by one

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


def read_text(path: Path, source: Source, faults: Faults) -> bool:
    """Fill the source with the text of a file, without a byte order mark; False if it has none."""
    place = Place(source)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        faults.add(place, "no such file")
        return False
    except IsADirectoryError:
        inside = path / "mng.yaml"
        hint = f"did you mean {str(inside)!r}?" if inside.is_file() else ""
        faults.add(place, "is a directory", hint)
        return False
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        faults.add(place, f"can't be read: {reason.lower()}")
        return False
    if len(data) > MAX_BYTES:
        faults.add(place, f"is larger than {MAX_BYTES >> 20} MiB")
    elif data.startswith((b"\xff\xfe", b"\xfe\xff")):
        faults.add(place, "is UTF-16", "save it as UTF-8")
    elif b"\0" in data:
        faults.add(place, "is not a text file: it holds NUL bytes")
    else:
        return _decode(data, source, faults)
    return False


def _decode(data: bytes, source: Source, faults: Faults) -> bool:
    try:
        source.text = data.decode("utf-8-sig")
        return True
    except UnicodeDecodeError as error:
        # The codec counts from behind the byte order mark, so its own copy of the bytes is used.
        source.text = error.object.decode("utf-8", "replace")
        before = error.object[: error.start].decode("utf-8")
        byte = error.object[error.start]
        faults.add(place_in(source, len(before)), f"is not UTF-8: byte 0x{byte:02X}")
        return False


def place_in(source: Source, index: int) -> Place:
    """The place of a character, counted from the beginning of the text."""
    before = LINE_END.split(source.text[:index])
    return Place(source, len(before), len(before[-1]) + 1)


def read(path: Path, order: int, faults: Faults) -> Node | None:
    """A file as nodes, or None if it is no YAML mapping; its faults are then told."""
    source = Source(path, str(path), order)
    if not read_text(path, source, faults):
        return None
    text = source.text
    for found in list(_REFUSED.finditer(text))[:MAX_CONTROLS]:
        place = place_in(source, found.start())
        faults.unreadable(place, f"{char_name(found.group())} can't stand in YAML")
    root = _compose(_REFUSED.sub("\ufffd", text), source, faults)
    if root is None:
        return None
    if isinstance(root, MappingNode):
        return Walk(source, faults).node(root)
    if isinstance(root, ScalarNode) and root.value in ("", "~", "null") and not root.style:
        faults.add(Place(source), "is empty")
    else:
        place = Place(source, root.start_mark.line + 1, root.start_mark.column + 1)
        faults.add(place, "a file is a mapping with the keys name, vars, hosts and agents")
    return None


def _compose(text: str, source: Source, faults: Faults) -> Any:
    """The text as ruamel's nodes, which know their places; None if there are none."""
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH
    yaml.composer.warn_double_anchors = False  # YAML allows to use a name again
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source)
        problem = str(error.problem or error.context or "can't be read").strip()
        if "maximum depth" in problem:
            faults.add(place, f"nested more than {MAX_DEPTH} levels deep")
            return None
        hint = next((words for sign, words in _SYNTAX.items() if sign in problem), "")
        faults.add(place, f"not valid YAML: {problem}", hint)
        return None
    except (YAMLError, RecursionError, ArithmeticError, LookupError, ValueError, TypeError,
            AttributeError, AssertionError) as error:  # fmt: skip
        # ruamel's scanner is known to fail in such ways on text that is far from YAML.
        detail = str(error).strip().split("\n")[0]
        faults.add(Place(source), f"not valid YAML: {detail or type(error).__name__}")
        return None
    if root is None:
        faults.add(Place(source), "is empty")
    return root
