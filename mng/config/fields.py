"""The sorts of values that the file has, each with its own words for what is wrong with one."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args

from pydantic_core import PydanticCustomError, core_schema

from mng.config.diagnostic import char_name, did_you_mean
from mng.model.name import ENV_NAME, MESSAGE_ID, MESSAGE_ID_RULE, NAME, NAME_RULE
from mng.model.spec import Condition, Permissions, Restart, Secret, When

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT])(i?)B?")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")  # no argument, variable or file can hold it
_NUMBER = r"^[0-9]+(\.[0-9]+)?$"


def fault(words: str, hint: str = "") -> PydanticCustomError:
    """A fault in our own words."""
    return PydanticCustomError("fault", "{words}", {"words": words, "hint": hint})


def sort_of(value: Any) -> str:
    """What a value is, for the reader of a fault."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    for sort, words in ((str, "text"), (int | float, "a number"), (list | tuple, "a list")):
        if isinstance(value, sort):
            return words
    return "a mapping"


@dataclass(frozen=True, eq=False)
class Form:
    """A sort of value, for pydantic. read: checks and converts one; schema: its JSON Schema."""

    read: Callable[[Any], Any]
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> dict[str, Any]:
        return dict(self.schema)


def matching(pattern: re.Pattern[str], what: str, rule: str, schema: str = "") -> Form:
    """A text of a form. schema: the JSON Schema's pattern, if it is not the same."""

    def read(value: Any) -> str:
        text = as_text(value)
        if not pattern.fullmatch(text):
            raise fault(f"{text[:60]!r} is not {what}: {rule}")
        return text

    return Form(read, {"type": "string", "pattern": schema or f"^{pattern.pattern}$"})


def one_of(literal: Any) -> Form:
    """One of the texts of a Literal."""
    options = get_args(literal)

    def read(value: Any) -> str:
        text = as_text(value)
        if text not in options:
            near = did_you_mean(text, options)
            raise fault(f"{text[:60]!r} is none of {', '.join(options)}", near)
        return text

    return Form(read, {"type": "string", "enum": list(options)})


def as_prompt(value: Any) -> str:
    """A text of any characters; a number is the text that was written."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = getattr(value, "written", str(value))
    if not isinstance(value, str):
        hint = "put it in quotes" if isinstance(value, bool) else ""
        raise fault(f"must be text, not {sort_of(value)}", hint)
    return value


def as_text(value: Any) -> str:
    """A text that can be an argument, a variable or a name."""
    text = as_prompt(value)
    if found := _UNSTORABLE.search(text):
        raise fault(f"{char_name(found.group())} can't stand here")
    return text


def as_word(value: Any) -> str:
    """A text, a number as it was written, or true or false."""
    return str(value).lower() if isinstance(value, bool) else as_text(value)


def as_seconds(value: Any) -> int:
    """A duration in seconds."""
    text = as_text(value)
    if text.isascii() and text.isdecimal():
        text += "s"
    found = _DURATION.fullmatch(text)
    if not found or not 0 < len(text) < 20:
        raise fault(f"{text[:60]!r} is not a duration", "write 90s, 20m, 8h, 1d or 1h30m")
    units = zip(found.groups("0"), (86400, 3600, 60, 1), strict=True)
    seconds = sum(int(number) * unit for number, unit in units)
    if seconds == 0:
        raise fault("a duration must be more than 0")
    return seconds


def as_mebibytes(value: Any) -> int:
    """A size in MiB, rounded up; a bare number is MiB already."""
    text = as_text(value)
    if text.isascii() and text.isdecimal():
        text += "MiB"
    found = _SIZE.fullmatch(text)
    if not found or len(text) > 20:
        raise fault(f"{text[:60]!r} is not a size", "write 512MiB, 4GiB or 2GB")
    number, unit, binary = found.groups()
    size = float(number) * float(1024 if binary else 1000) ** " KMGT".index(unit)
    if size == 0:
        raise fault("a size must be more than 0")
    return math.ceil(size / 1024**2)


def as_number(value: Any) -> float:
    """A number above 0, or a text that a template made of one."""
    if isinstance(value, str) and re.fullmatch(_NUMBER, value):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fault(f"must be a number, not {sort_of(value)}")
    if not 0 < value < 1e6:
        raise fault("must be a number above 0")
    return int(value) if value == int(value) else float(value)


def as_flag(value: Any) -> bool:
    """True or false, or the text that a template made of one."""
    flag = {"true": True, "false": False}.get(value) if isinstance(value, str) else value
    if not isinstance(flag, bool):
        raise fault(f"must be true or false, not {sort_of(value)}")
    return flag


def as_regex(value: Any) -> str:
    """A regular expression that compiles."""
    text = as_text(value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, RecursionError, OverflowError) as error:
        raise fault(f"is not a regular expression: {error}") from error
    return text


def _each(check: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Every item of a list, checked; a fault says that it is of an item."""
    try:
        return [check(item) for item in items]
    except PydanticCustomError as error:
        raise fault(f"an item {error.message()}") from error


def as_command(value: Any) -> str | tuple[str, ...]:
    """A text for the shell, or a list of words."""
    if isinstance(value, list | tuple):
        if not value:
            raise fault("an empty list is no command")
        return tuple(_each(as_word, value))
    text = as_text(value)
    if not text.strip():
        raise fault("an empty text is no command")
    return text


def as_env_value(value: Any) -> str | Secret:
    """A text, or the name of a secret."""
    if not isinstance(value, dict):
        return as_word(value)
    if [key for key in value if not key.startswith("x-")] != ["secret"]:
        raise fault("must be text or {secret: NAME}")
    return Secret(_ENV_NAME.read(value["secret"]))


def as_variable_name(value: Any) -> str:
    """What a template can call a variable."""
    if value == "env":
        raise fault("'env' is the environment; no variable can have its name")
    return str(_ENV_NAME.read(value))


def as_variable(value: Any) -> Any:
    """What a template may be given: a text, a number, true or false, or a list of those."""
    if isinstance(value, list | tuple):
        return _each(lambda item: item if isinstance(item, bool) else as_text(item), value)
    return value if value is None or isinstance(value, bool) else as_text(value)


def as_json(value: Any) -> Any:
    """A value of a plug-in, as plain JSON."""
    if isinstance(value, dict):
        return {as_text(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, float) else as_text(value)


def as_section(value: Any) -> Any:
    """A mapping of a plug-in, as plain JSON."""
    if not isinstance(value, dict):
        raise fault(f"must be a mapping, not {sort_of(value)}")
    return as_json(value)


def as_conditions(value: Any) -> Any:
    """`after`: a name or a list of names means that they are ready."""
    if isinstance(value, list | tuple):
        return dict.fromkeys(_each(as_text, value), "ready")
    return value if isinstance(value, dict) else {as_text(value): "ready"}


_ENV_NAME = matching(ENV_NAME, "a variable's name", "letters, digits and _")
_TEXT = {"type": "string"}
_SCALAR = {"type": ["string", "number", "boolean"]}
_SCALARS = {"type": "array", "items": _SCALAR}
_LENGTH = {
    "type": ["string", "integer"],
    "pattern": "^([0-9]+|([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?)$",
}
_SIZES = {"type": ["string", "integer"], "pattern": r"^[0-9]+(\.[0-9]+)?( ?[KMGT]i?B?)?$"}
_POSITIVE = {"type": ["number", "string"], "exclusiveMinimum": 0, "pattern": _NUMBER}
_FLAG = {"type": ["boolean", "string"], "pattern": "^(true|false)$"}
_SECRET_NAME = {
    **_ENV_NAME.schema,
    "description": "A variable in the environment of the one who runs mng.",
    "examples": ["API_KEY"],
}
_SECRET = {"type": "object", "properties": {"secret": _SECRET_NAME}, "required": ["secret"]}

Text = Annotated[str, Form(as_text, _TEXT)]
Prompt = Annotated[str, Form(as_prompt, _TEXT)]
Word = Annotated[str, Form(as_word, _SCALAR)]
Name = Annotated[str, matching(NAME, "a name", NAME_RULE)]
EnvName = Annotated[str, _ENV_NAME]
HostPath = Annotated[
    str,
    matching(re.compile("[/~].*"), "an absolute path", "it must begin with / or ~", "^[/~]"),
]
TreePath = Annotated[
    str,
    matching(
        re.compile(r"(?![/~:])(?!(.*/)?\.\.(/|$)).+"), "a path in the work tree",
        "it is relative to the source, and leads nowhere else", "^[^/~:]",
    ),
]  # fmt: skip
MessageId = Annotated[str, matching(MESSAGE_ID, "an id", MESSAGE_ID_RULE)]
Duration = Annotated[int, Form(as_seconds, _LENGTH)]
Size = Annotated[int, Form(as_mebibytes, _SIZES)]
Number = Annotated[int | float, Form(as_number, _POSITIVE)]
Flag = Annotated[bool, Form(as_flag, _FLAG)]
Regex = Annotated[str, Form(as_regex, {"type": "string", "format": "regex"})]
Command = Annotated[str | tuple[str, ...], Form(as_command, {"anyOf": [_TEXT, _SCALARS]})]
EnvValue = Annotated[str | Secret, Form(as_env_value, {"anyOf": [_SCALAR, _SECRET]})]
VariableName = Annotated[str, Form(as_variable_name, _ENV_NAME.schema)]
Variable = Annotated[
    Any, Form(as_variable, {"anyOf": [_SCALAR, _SCALARS, {"type": "null"}]})
]  # fmt: skip
Section = Annotated[dict[str, Any], Form(as_section, {"type": "object"})]
ConditionName = Annotated[Condition, one_of(Condition)]
PermissionsName = Annotated[Permissions, one_of(Permissions)]
RestartName = Annotated[Restart, one_of(Restart)]
WhenName = Annotated[When, one_of(When)]
