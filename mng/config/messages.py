"""What is said to an agent: texts, files, and what can't be typed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from mng.config.diagnostic import UNTYPABLE, Place, Source, char_name
from mng.config.document import Agent, Checked, Message
from mng.config.source import Node, Path_, PlaceOf, has_template, read_text
from mng.model.spec import MessageSpec, is_blank, message_keys, normalise

MAX_CONTROLS = 20  # characters of one message that are reported one by one

Render: TypeAlias = Callable[[str, PlaceOf], str | None]  # the text, or None if it has a fault


class Messages:
    """Reads the messages of every agent. order: sorts message files behind the YAML files."""

    def __init__(self, checked: Checked, render: Render, order: int) -> None:
        self._checked = checked
        self._render = render
        self._order = order

    def of(self, name: str, agent: Agent) -> tuple[MessageSpec, ...]:
        """An agent's messages, in order; those with a fault are told and left out."""
        ids: dict[str, Place] = {}
        found = []
        for path, message in self._listed(("agents", name), agent):
            if not self._checked.is_broken(*path):
                self._check_id(path, message, ids)
                text = self._text(path, message)
                if text is not None:
                    found.append((self._checked.tree.near(*path), message, text))
        keys = message_keys((message.id, text) for _, message, text in found)
        return tuple(
            MessageSpec(key, text, message.when, at=str(node.key), command=message.command)
            for key, (node, message, text) in zip(keys, found, strict=True)
        )

    def _listed(self, path: Path_, agent: Agent) -> Iterator[tuple[Path_, Message]]:
        node = self._checked.tree.near(*path)
        if node.get("message") and node.get("messages"):
            words = "an agent has 'message' or 'messages', not both"
            self._checked.tell_key((*path, "messages"), words)
        if agent.message:
            yield (*path, "message"), agent.message
        for index, message in enumerate(agent.messages or ()):
            yield (*path, "messages", index), message

    def _check_id(self, path: Path_, message: Message, ids: dict[str, Place]) -> None:
        if message.id is None:
            return
        at = self._checked.tree.near(*path, "id").at
        first = ids.setdefault(message.id, at)
        if first is not at:
            words = f"duplicate id {message.id!r}, first on line {first.line}"
            self._checked.tell((*path, "id"), words)

    def _text(self, path: Path_, message: Message) -> str | None:
        """The text as it is typed, or None if it has a fault."""
        if any((*path, key) in self._checked.broken for key in ("text", "file")):
            return None
        if (message.text is None) == (message.file is None):
            # A misspelt key was told already, and perhaps it is the one.
            if not any(broken[: len(path)] == path for broken in self._checked.broken):
                both = ", not both" if message.text is not None else ""
                self._checked.tell(path, f"a message has 'text' or 'file'{both}")
            return None
        if message.file is not None:
            return self._from_file((*path, "file"), message.file, message.template)
        assert message.text is not None
        node = self._checked.tree.near(*path)
        return self._typable(message.text, (node.get("text") or node).place_of)

    def _from_file(self, path: Path_, name: str, template: bool) -> str | None:
        """The text of a message file, rendered."""
        node = self._checked.tree.near(*path)
        shown = str(Path(node.at.source.shown).parent / name)
        source = Source(beside(node, name, self._checked.environ), shown, self._order)
        if source.path.exists() and not (source.path.is_file() or source.path.is_dir()):
            self._checked.tell(path, f"{name!r} is no file")  # nor may a pipe keep us waiting
            return None
        if wrong := read_text(source):
            if wrong.place.line:
                self._checked.faults.add(wrong.place, wrong.words, wrong.hint)
            else:
                self._checked.tell(path, f"{name!r}: {wrong.words}", wrong.hint)
            return None
        if not (template and has_template(source.text)):
            return self._typable(source.text, source.place)
        text = self._render(source.text, source.place)
        return None if text is None else self._typable(text, lambda _: Place(source, 1))

    def _typable(self, text: str, place_of: PlaceOf) -> str | None:
        """The text as it is typed, or None if it can't be. place_of: offset -> its place."""
        faults = self._checked.faults
        if is_blank(text):
            faults.add(place_of(0), "an empty message")
            return None
        controls = (match.start() for match in UNTYPABLE.finditer(text))
        found = [offset for offset in controls if not text.startswith("\r\n", offset)]
        for offset in found[:MAX_CONTROLS]:
            line = text.count("\n", 0, offset) + 1
            col = offset - text.rfind("\n", 0, offset)
            where = f"line {line}, column {col} of the message"
            words = f"{char_name(text[offset])} can't be typed to an agent ({where})"
            faults.add(place_of(offset), words)
        return None if found else normalise(text)


def beside(node: Node, name: str, environ: Mapping[str, str]) -> Path:
    """A path that a file names, seen from that file; `~` is the user's home."""
    if environ.get("HOME") and (name == "~" or name.startswith("~/")):
        name = environ["HOME"] + name[1:]
    return Path(os.path.abspath(node.at.source.path.parent / os.path.expanduser(name)))
