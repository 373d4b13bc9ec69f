"""Jinja2, strict and kept short. Imported only for a file that uses it: it costs 50 ms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from mng.config.node import WrittenFloat, WrittenInt

MAX_RESULT = 1_000_000  # characters of one rendered value
MAX_STEPS = 100_000  # what all the ranges of one value may count to, together

# Filters that could make a text of any length, or another one at every run.
_REFUSED_FILTERS = ("center", "format", "indent", "random", "wordwrap")
_REFUSED_METHODS = frozenset({"center", "expandtabs", "format", "format_map", "ljust", "rjust",
                              "zfill"})  # fmt: skip


class TemplateFault(Exception):
    """A template that can't be rendered. line: where in its text, counted from 1; 0: unknown."""

    def __init__(self, words: str, line: int = 0) -> None:
        super().__init__(words)
        self.words = words
        self.line = line


class Environ(dict[str, str]):
    """The environment variables, as `env`: only its names can be asked for."""


class Sandbox(SandboxedEnvironment):
    """What a value may use. `missing` holds the names that a template asked for in vain."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        self.missing: list[str] = []
        super().__init__(
            undefined=_undefined(self.missing), keep_trailing_newline=True, finalize=_as_written
        )
        self.steps = 0
        self.globals = {"range": self._range, "namespace": self.globals["namespace"]}
        for name in _REFUSED_FILTERS:
            del self.filters[name]

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

    def render(self, text: str, names: Mapping[str, Any]) -> str:
        """The rendered text. What is undefined is empty, and is then told by `missing`.

        Raises TemplateFault.
        """
        self.missing.clear()
        self.steps = 0
        pieces, size = [], 0
        try:
            for piece in self.from_string(text).generate(names):
                pieces.append(piece)
                size += len(piece)
                if size > MAX_RESULT:
                    raise OverflowError(f"the result is longer than {MAX_RESULT} characters")
        except TemplateSyntaxError as error:
            words = (error.message or "").rstrip(".")
            raise TemplateFault(
                f"bad template: {words[:1].lower()}{words[1:]}", error.lineno
            ) from error
        except UndefinedError as error:
            if not self.missing:
                raise TemplateFault(f"bad template: {error}", _line(error)) from error
        except Exception as error:  # whatever an expression of the user's can raise
            words = str(error).strip().split("\n")[0] or type(error).__name__
            raise TemplateFault(f"bad template: {words}", _line(error)) from error
        return "".join(pieces)


def _as_written(value: Any) -> Any:
    """How a variable looks in a text: as in the YAML that it comes from."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.written if isinstance(value, WrittenInt | WrittenFloat) else value


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
        def _name(self) -> str:
            if self._undefined_hint:
                return self._undefined_hint
            if isinstance(self._undefined_obj, Environ):
                return f"env.{self._undefined_name}"
            return str(self._undefined_name)

        def __str__(self) -> str:  # type: ignore[override]
            missing.append(self._name())
            return ""

        @property
        def _undefined_message(self) -> str:
            missing.append(self._name())
            return missing[-1]

    return Missing
