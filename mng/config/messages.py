"""What is said to an agent: texts, files, and what can't be typed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mng.config.diagnostic import UNTYPABLE, Faults, Place, Source, char_name
from mng.config.document import Agent, Message
from mng.config.node import Node, Path_
from mng.config.render import PlaceOf, Renderer, has_template
from mng.config.source import place_in, read_text
from mng.config.validate import Checked
from mng.model.spec import MessageSpec, message_keys, normalise

MAX_CONTROLS = 20  # characters of one message that are reported one by one


class Messages:
    """Reads the messages of every agent. order: sorts message files behind the YAML files."""

    def __init__(self, checked: Checked, renderer: Renderer, *, order: int) -> None:
        self._checked = checked
        self._root = checked.tree
        self._faults = checked.faults
        self._renderer = renderer
        self._order = order

    def of(self, name: str, agent: Agent) -> tuple[MessageSpec, ...]:
        """An agent's messages, in order; those with a fault are told and left out."""
        top: Path_ = ("agents", name)
        listed = [((*top, "messages", i), item) for i, item in enumerate(agent.messages or ())]
        single = [((*top, "message"), agent.message)] if agent.message else []
        both = self._root.near(*top)
        if isinstance(both.value, dict) and {"message", "messages"} <= both.value.keys():
            at = both.value["messages"].key
            self._faults.add(at, "an agent has 'message' or 'messages', not both")
        texts = []
        ids: dict[str, Place] = {}
        for path, message in single + listed:
            if self._checked.is_broken(*path):
                continue
            self._check_id(path, message, ids)
            text = self._text(path, message)
            if text is not None:
                texts.append((path, message, text))
        keys = message_keys((message.id, text) for _, message, text in texts)
        return tuple(
            MessageSpec(key, text, message.when, at=str(self._root.near(*path).key))
            for key, (path, message, text) in zip(keys, texts, strict=True)
        )

    def _check_id(self, path: Path_, message: Message, ids: dict[str, Place]) -> None:
        if message.id is None:
            return
        at = self._root.near(*path, "id").at
        if message.id in ids:
            first = ids[message.id].line
            self._faults.add(at, f"duplicate id {message.id!r}, first on line {first}")
        ids.setdefault(message.id, at)

    def _text(self, path: Path_, message: Message) -> str | None:
        """The text as it is typed, or None if it has a fault."""
        node = self._root.near(*path)
        if any((*path, key) in self._checked.broken for key in ("text", "file")):
            return None
        if (message.text is None) == (message.file is None):
            if any(broken[: len(path)] == path for broken in self._checked.broken):
                return None  # a misspelt key was told; perhaps it is the one
            words = "a message has 'text' or 'file'"
            self._faults.add(node.at, words + (", not both" if message.text is not None else ""))
            return None
        if message.file is not None:
            return self._from_file(self._root.near(*path, "file"), message)
        assert message.text is not None
        written = node.get("text") or node
        return self._typable(message.text, written.place_of)

    def _typable(self, text: str, place_of: PlaceOf) -> str | None:
        """The text as it is typed, or None if it can't be. place_of: offset -> its place."""
        if not text.strip():
            self._faults.add(place_of(0), "an empty message")
            return None
        found = [
            match.start()
            for match in UNTYPABLE.finditer(text)
            if not text.startswith("\r\n", match.start())
        ]
        for offset in found[:MAX_CONTROLS]:
            line = text.count("\n", 0, offset) + 1
            col = offset - text.rfind("\n", 0, offset)
            where = f"line {line}, column {col} of the message"
            words = f"{char_name(text[offset])} can't be typed to an agent ({where})"
            self._faults.add(place_of(offset), words)
        return None if found else normalise(text)

    def _from_file(self, node: Node, message: Message) -> str | None:
        """The text of a message file, rendered."""
        name = message.file or ""
        shown = str(Path(node.at.source.shown).parent / name)
        source = Source(beside(node, name, self._checked.environ), shown, self._order)
        problems = Faults()
        if not read_text(source.path, source, problems):
            for problem in problems.sorted:
                at = problem.place if problem.place.line else node.at
                words = problem.words if problem.place.line else f"{name!r}: {problem.words}"
                self._faults.add(at, words, problem.hint)
            return None
        if not (message.template and has_template(source.text)):
            return self._typable(source.text, lambda offset: place_in(source, offset))
        text = self._renderer.render(
            source.text, lambda offset: place_in(source, offset), self._faults
        )
        return None if text is None else self._typable(text, lambda _: Place(source, 1))


def beside(node: Node, name: str, environ: Mapping[str, str]) -> Path:
    """A path that a file names, seen from that file; `~` is the user's home."""
    if environ.get("HOME") and (name == "~" or name.startswith("~/")):
        name = environ["HOME"] + name[1:]
    return Path(os.path.abspath(node.at.source.path.parent / os.path.expanduser(name)))
