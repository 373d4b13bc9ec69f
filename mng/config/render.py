"""`{{ ... }}` in values: rendered after the YAML is read, so a value can't change the structure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from mng.config.diagnostic import Faults, Place, did_you_mean
from mng.config.fields import ENV_NAME
from mng.config.node import Node, Path_
from mng.errors import UsageError

if TYPE_CHECKING:
    from mng.config.sandbox import Sandbox

PlaceOf: TypeAlias = Callable[[int], Place]  # the offset of a character in a text -> its place


def has_template(text: str) -> bool:
    """Whether a text needs to be rendered at all."""
    return "{{" in text or "{%" in text


class Renderer:
    """The variables that templates may name. Those without a value are None.

    broken: variables whose own value has a fault; what uses them has no fault of its own.
    """

    def __init__(self, given: Mapping[str, str], environ: Mapping[str, str]) -> None:
        for name in given:
            if not ENV_NAME.fullmatch(name) or name == "env":
                raise UsageError(f"{name!r} is not a variable's name", hint="--var NAME=VALUE")
        self.given = dict(given)
        self.names: dict[str, Any] = dict(given)
        self.broken: set[str] = set()
        self.later: set[str] = set()
        self._environ = environ
        self._sandbox: Sandbox | None = None

    def declare(self, declared: Node | None, faults: Faults) -> None:
        """Take the file's `vars` in order: each may use the environment and those above it."""
        if declared is None or not isinstance(declared.value, dict):
            return
        self.later = set(declared.value) - set(self.given)
        for name, node in declared.value.items():
            self.later.discard(name)
            if name == "env":
                faults.add(node.key, "'env' is the environment; no variable can have its name")
            elif name in self.given:
                continue
            elif self._fill(node, faults):
                value = node.plain()
                if value is not None:
                    self.names[name] = value
            else:
                self.broken.add(name)

    def _fill(self, node: Node, faults: Faults) -> bool:
        """Render a variable's value in its node; False if it has a fault."""
        if isinstance(node.value, str):
            return self.render_node(node, faults)
        whole = True
        for _, child in node.children():  # to the end, so that every fault is told
            whole = self._fill(child, faults) and whole
        return whole

    def render_node(self, node: Node, faults: Faults) -> bool:
        """Render a node's text, if it is one, in its place; False if it has a fault."""
        if not isinstance(node.value, str) or not has_template(node.value):
            return True
        text = self.render(node.value, node.place_of, faults)
        if text is None:
            return False
        node.value, node.style = text, None
        return True

    def render(self, text: str, place_of: PlaceOf, faults: Faults) -> str | None:
        """The rendered text, or None if it has a fault. place_of: offset in it -> its place."""
        # Jinja would make a newline of it, and so hide it from the check of messages.
        if lone := re.search(r"\r(?!\n)", text):
            faults.add(place_of(lone.start()), "CR (U+000D) can't stand in a template")
            return None
        from mng.config.sandbox import Environ, Sandbox, TemplateFault  # 50 ms

        if self._sandbox is None:
            self._sandbox = Sandbox()
            self.names["env"] = Environ(self._environ)
        try:
            result = self._sandbox.render(text, self.names)
        except TemplateFault as fault:
            faults.add(place_of(_line_start(text, fault.line)), fault.words)
            return None
        missing = list(dict.fromkeys(self._sandbox.missing))
        for name in missing:
            if name not in self.broken:
                self._missing(name, place_of(_use_of(name, text)), faults)
        return None if missing else result

    def _missing(self, name: str, place: Place, faults: Faults) -> None:
        if name.startswith("env."):
            variable = name.removeprefix("env.")
            near = did_you_mean(variable, self._environ)
            faults.add(place, f"the environment variable {variable!r} is not set", near)
        elif " " in name:  # Jinja's own words for what the sandbox refuses
            faults.add(place, f"bad template: {name.rstrip('.')}")
        elif name in self.later:
            faults.add(place, f"{name!r} is declared below", "a variable can use those above it")
        else:
            near = did_you_mean(name, [*self.names, *self.later])
            faults.add(place, f"{name!r} is not defined", near or f"--var {name}=VALUE sets it")


def _line_start(text: str, line: int) -> int:
    """The offset of the first character of a line that isn't blank. Lines count from 1."""
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return start + len(text[start:]) - len(text[start:].lstrip(" "))


def _use_of(name: str, text: str) -> int:
    """The offset where a template first uses a name."""
    word = re.compile(rf"(?<![\w.]){re.escape(name)}(?!\w)")
    for block in re.finditer(r"\{\{.*?\}\}|\{%.*?%\}", text, re.DOTALL):
        if found := word.search(text, block.start(), block.end()):
            return found.start()
    return 0


def render_tree(root: Node, renderer: Renderer, faults: Faults) -> set[Path_]:
    """Render every value in its place, `vars` first; the paths of those that have a fault."""
    assert isinstance(root.value, dict)
    renderer.declare(root.value.get("vars"), faults)
    broken: set[Path_] = set()

    def walk(node: Node, path: Path_) -> None:
        if isinstance(node.value, str):
            if not renderer.render_node(node, faults):
                broken.add(path)
            return
        raw = _is_raw_message(node, path)
        for key, child in node.children():
            if path or key != "vars":
                if raw and key == "text":
                    continue
                walk(child, (*path, key))

    walk(root, ())
    return broken


def _is_raw_message(node: Node, path: Path_) -> bool:
    """Whether this is a message that says `template: false`."""
    if path[:1] != ("agents",) or path[2:3] not in (("message",), ("messages",)):
        return False
    template = node.get("template")
    return template is not None and template.value in (False, "false")
