"""`{{ ... }}` in values, by Jinja2: sandboxed, strict, kept short.

Imported only for a file that uses it: it costs 20 ms. Values are rendered after the YAML is read,
so none can change the structure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from mng.config.diagnostic import Faults, Place, did_you_mean
from mng.config.source import Node, PlaceOf, WrittenFloat, WrittenInt, has_template

MAX_RESULT = 1_000_000  # characters of one rendered value
MAX_STEPS = 100_000  # what all the ranges of one value may count to, together

# Filters that could make a text of any length, or another one at every run.
_REFUSED_FILTERS = ("center", "format", "indent", "random", "wordwrap")
_REFUSED_METHODS = frozenset({"center", "expandtabs", "format", "format_map", "ljust", "rjust",
                              "zfill"})  # fmt: skip

_NAMED = re.compile(r"(?<!\{)(\{\{ ?[\w.]+ ?\}\})")  # `{{ name }}`


class TemplateFault(Exception):
    """A template that can't be rendered. line: where in its text, counted from 1; 0: unknown."""

    def __init__(self, words: str, line: int) -> None:
        super().__init__(words)
        self.line = line


class Environ(dict[str, str]):
    """The environment variables, as `env`: only its names can be asked for."""


class Sandbox(SandboxedEnvironment):
    """What a value may use. `missing` holds the names that a template asked for in vain."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        self.missing: list[str] = []
        self.steps = 0
        super().__init__(
            undefined=_undefined(self.missing), keep_trailing_newline=True, finalize=_as_written
        )
        self.globals = {"range": self._range, "namespace": self.globals["namespace"]}
        for name in _REFUSED_FILTERS:
            del self.filters[name]
        self._template = cache(self.from_string)  # compiling takes ten times as long as rendering

    def render(self, text: str, names: Mapping[str, Any]) -> str:
        """The rendered text. What is undefined is empty, and is then told by `missing`.

        Raises TemplateFault.
        """
        self.missing.clear()
        self.steps = 0
        pieces, size, before = [], 0, 0  # before: the lines above the part that is rendered
        for part in _parts(text.replace("\r\n", "\n")):
            try:
                for piece in self._rendered(part, names):
                    pieces.append(piece)
                    size += len(piece)
                    if size > MAX_RESULT:
                        raise OverflowError(f"the result is longer than {MAX_RESULT} characters")
            except TemplateSyntaxError as error:
                words = (error.message or "").rstrip(".")
                raise TemplateFault(words[:1].lower() + words[1:], before + error.lineno) from error
            except Exception as error:  # whatever an expression of the user's can raise
                if isinstance(error, UndefinedError) and self.missing:
                    break
                words = str(error).strip().split("\n")[0] or type(error).__name__
                raise TemplateFault(words, before + _line(error)) from error
            before += part.count("\n")
        return "".join(pieces)

    def _rendered(self, part: str, names: Mapping[str, Any]) -> Iterable[str]:
        return self._template(part).generate(names) if has_template(part) else [part]

    def _range(self, *bounds: int) -> range:
        numbers = range(*bounds)
        self.steps += len(numbers)
        if self.steps > MAX_STEPS:
            raise OverflowError(f"ranges count to more than {MAX_STEPS}")
        return numbers

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Environ):
            return self.getitem(obj, attribute)
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, Environ):  # Jinja would find the methods of a dict, too
            found = obj.get(argument)
            return self.undefined(obj=obj, name=argument) if found is None else found
        return super().getitem(obj, argument)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str) and attr in _REFUSED_METHODS:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" and not (numbers and abs(left) <= 1e6 and abs(right) <= 64):
            raise OverflowError("'**' is for small numbers")
        if operator == "%" and not numbers:
            raise TypeError("'%' is for numbers; join texts with '~'")
        if operator == "*":
            size = 1
            for side in (left, right):
                size *= abs(int(side)) if isinstance(side, int | float) else len(side)
            if size > (10**30 if numbers else MAX_RESULT):
                raise OverflowError("the result of '*' is too large")
        return super().call_binop(context, operator, left, right)


def _as_written(value: Any) -> Any:
    """How a variable looks in a text: as in the YAML that it comes from."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.written if isinstance(value, WrittenInt | WrittenFloat) else value


def _parts(text: str) -> list[str]:
    """A text in parts that can be rendered one by one: the `{{ name }}` and what is between them.

    Texts differ, the names in them hardly: so what is compiled once serves many texts.
    """
    parts = _NAMED.split(text)
    alone = not any(sign in part for part in parts[::2] for sign in ("{{", "{%", "{#"))
    return [part for part in parts if part] if alone else [text]


def _line(error: Exception) -> int:
    """The template's line that raised an error: Jinja gives its frames the template's numbers."""
    trace, line = error.__traceback__, 0
    while trace:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _undefined(missing: list[str]) -> type[StrictUndefined]:
    """A value that isn't there. Printed, it notes its name, so that all of them are found."""

    class Missing(StrictUndefined):
        @property
        def _undefined_message(self) -> str:
            name = str(self._undefined_name)
            if isinstance(self._undefined_obj, Environ):
                name = f"env.{name}"
            missing.append(self._undefined_hint or name)
            return missing[-1]

        def __str__(self) -> str:  # type: ignore[override]
            return self._undefined_message and ""

    return Missing


class Renderer:
    """Renders texts with the variables of the file and those that were given, which win."""

    def __init__(
        self,
        declared: Node | None,
        given: Mapping[str, str],
        environ: Mapping[str, str],
        faults: Faults,
    ) -> None:
        self._faults = faults
        self._sandbox = Sandbox()
        self._names: dict[str, Any] = {**given, "env": Environ(environ)}
        self._broken: set[str] = set()  # variables with a fault; what uses one has none of its own
        self._later: set[str] = set()  # variables below the one that is being rendered
        if declared is not None and isinstance(declared.value, dict):
            self._declare(declared.value, given)

    def _declare(self, variables: Mapping[str, Node], given: Mapping[str, str]) -> None:
        """Take `vars` in order: each may use the environment and those above it."""
        self._later = variables.keys() - given.keys()
        for name, node in variables.items():
            self._later.discard(name)
            if name in given or name == "env":
                continue
            if [child for _, child in node.walk() if not self.fill(child)]:
                self._broken.add(name)
            elif (value := node.plain()) is not None:
                self._names[name] = value

    def fill(self, node: Node) -> bool:
        """Render a node's text, if it is one, in its place; False if it has a fault."""
        if isinstance(node.value, str) and has_template(node.value):
            text = self.render(node.value, node.place_of)
            if text is None:
                return False
            node.value, node.style = text, None
        return True

    def render(self, text: str, place_of: PlaceOf) -> str | None:
        """The rendered text, or None if it has a fault. place_of: offset in it -> its place."""
        # Jinja would make a newline of it, and so hide it from the check of messages.
        if lone := re.search(r"\r(?!\n)", text):
            self._faults.add(place_of(lone.start()), "CR (U+000D) can't stand in a template")
            return None
        try:
            result = self._sandbox.render(text, self._names)
        except TemplateFault as fault:
            self._faults.add(place_of(_line_start(text, fault.line)), f"bad template: {fault}")
            return None
        missing = dict.fromkeys(self._sandbox.missing)
        for name in missing:
            if name not in self._broken:
                self._missing(name, place_of(_use_of(name, text)))
        return None if missing else result

    def _missing(self, name: str, place: Place) -> None:
        if name.startswith("env."):
            variable = name.removeprefix("env.")
            words = f"the environment variable {variable!r} is not set"
            hint = did_you_mean(variable, self._names["env"])
        elif " " in name:  # Jinja's own words for what the sandbox refuses
            words, hint = f"bad template: {name.rstrip('.')}", ""
        elif name in self._later:
            words, hint = f"{name!r} is declared below", "a variable can use those above it"
        else:
            words = f"{name!r} is not defined"
            near = did_you_mean(name, [*self._names, *self._later])
            hint = near or f"--var {name}=VALUE sets it"
        self._faults.add(place, words, hint)


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
