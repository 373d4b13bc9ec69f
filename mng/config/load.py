"""Files -> Desired, with everything resolved; or every fault there is, in one run."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_core import PydanticCustomError

from mng.config.diagnostic import Faults, did_you_mean
from mng.config.document import Checked, Document, Host, Message, Modal, fields_at, model_at
from mng.config.fields import as_section, as_variable_name, sort_of
from mng.config.messages import Messages
from mng.config.resolve import Known, resolve
from mng.config.source import Node, Path_, PlaceOf, has_template, read
from mng.errors import UsageError
from mng.model.spec import Desired

if TYPE_CHECKING:
    from mng.config.template import Renderer

FILE_NAME = "mng.yaml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What files want, and where it is written: `tree` is merged and rendered.

    given: the variables that won over the files'.
    """

    desired: Desired
    tree: Node
    files: tuple[Path, ...]
    given: Mapping[str, str]


def load(
    files: Sequence[Path],
    *,
    variables: Mapping[str, str] | None = None,
    known_types: Collection[str] = (),
    known_providers: Collection[str] | None = None,
    sources: bool = True,
    environ: Mapping[str, str] = os.environ,
) -> Loaded:
    """Read files, later ones over earlier ones, into what is wanted.

    variables: values that win over the files' `vars`. known_types: agent types of plug-ins.
    known_providers: those of plug-ins; None leaves the names unchecked. sources: must they exist?
    Raises InvalidFile, whose report is every fault; UsageError for a variable's name.
    """
    if not files:
        raise UsageError("no file to read", hint=f"-f FILE, or a {FILE_NAME} here or above")
    given = _named(variables or {})
    faults = Faults()
    roots = [root for order, file in enumerate(files) if (root := read(file, order, faults))]
    if len(roots) < len(files):  # what the others refer to is not known
        faults.check(files)
    tree = reduce(_merge, roots)
    _take_out(tree, faults)

    @cache
    def renderer() -> Renderer:
        from mng.config.template import Renderer  # 20 ms, for a file that has a template

        return Renderer(tree.get("vars"), given, environ, faults)

    def render(text: str, place_of: PlaceOf) -> str | None:
        return renderer().render(text, place_of)

    broken = _render(tree, renderer)
    checked = _check(Checked(tree, broken, faults, environ))
    known = Known(known_types, known_providers, sources)
    desired = resolve(checked, known, Messages(checked, render, order=len(files)), files[0])
    faults.check(files)
    return Loaded(desired, tree, tuple(files), given)


def discover(start: Path) -> Path | None:
    """The `mng.yaml` in a directory or the nearest one above it, or None."""
    top = Path(os.path.abspath(start))
    found = (directory / FILE_NAME for directory in (top, *top.parents))
    return next((file for file in found if file.is_file()), None)


def _named(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables of a command line. Raises UsageError for a name that is none."""
    for name in variables:
        try:
            as_variable_name(name)
        except PydanticCustomError as error:
            hint = "--var NAME=VALUE"
            raise UsageError(f"{name!r} is not a variable's name", hint=hint) from error
    return dict(variables)


def _merge(base: Node, over: Node) -> Node:
    """Two trees as one: mappings key by key, anything else is replaced; each node keeps its file.

    One of `message` and `messages` replaces the other: a later file may say it either way.
    """
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    joined = dict(base.value)
    for key, node in over.value.items():
        joined[key] = _merge(joined[key], node) if key in joined else node
    for one, other in (("message", "messages"), ("messages", "message")):
        if one in over.value and other not in over.value and other in base.value:
            del joined[other]
    return Node(joined, base.at, base.key, base.style)


def _take_out(tree: Node, faults: Faults) -> None:
    """Remove the `x-...` keys, except where keys are names that the user gives, and tell those
    of the language that this version doesn't have yet."""
    for path, node in tree.walk():
        model = model_at(path)
        if model is None or not isinstance(node.value, dict):
            continue
        for key in list(node.value):
            if key in model.not_yet:
                faults.add(node.value.pop(key).key, f"{key!r} is not supported yet")
            elif key.startswith("x-"):
                del node.value[key]


def _render(tree: Node, renderer: Callable[[], Renderer]) -> set[Path_]:
    """Render every value in its place, `vars` first; the paths of those that have a fault."""
    texts = [
        (path, node)
        for path, node in tree.walk()
        if isinstance(node.value, str) and has_template(node.value) and not _is_raw(tree, path)
    ]
    if not texts:
        return set()
    fill = renderer().fill  # it has filled `vars` itself
    return {path for path, node in texts if path[0] != "vars" and not fill(node)}


def _is_raw(tree: Node, path: Path_) -> bool:
    """Whether this is the text of a message that says `template: false`."""
    template = tree.get(*path[:-1], "template")
    in_message = path[-1] == "text" and model_at(path[:-1]) is Message
    return in_message and template is not None and template.value in (False, "false")


def _check(checked: Checked) -> Checked:
    """Fill in the document: the tree without the parts that are broken; more are found here."""
    value, broken = checked.tree.plain(), checked.broken
    for path in broken:
        _cut(value, path)
    _take_sections(checked, value)
    while True:
        try:
            checked.document = Document.model_validate(value)
            return checked
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False):
                path = tuple(part for part in error["loc"] if part != "[key]")
                _tell(checked, path, error)
                broken.add(path)
                _cut(value, path)


def _cut(value: Any, path: Path_) -> None:
    """Leave out what is at a path. An item of a list is replaced, so that the others keep their
    index; every list of the file takes a text."""
    for part in path[:-1]:
        if isinstance(value, dict) and part not in value:
            return
        value = value[part]
    if isinstance(value, list):
        value[int(path[-1])] = "x"
    elif isinstance(value, dict):
        value.pop(path[-1], None)


def _take_sections(checked: Checked, value: Any) -> None:
    """Take out what hosts have under the name of their own plug-in provider."""
    hosts = value.get("hosts")
    for name, host in hosts.items() if isinstance(hosts, dict) else ():
        provider = host.get("provider") if isinstance(host, dict) else None
        if not isinstance(provider, str) or provider in Host.model_fields or provider not in host:
            continue
        section = host.pop(provider)
        try:
            checked.sections[name] = {} if section is None else as_section(section)
        except PydanticCustomError as fault:
            checked.tell(("hosts", name, provider), fault.message())


def _tell(checked: Checked, path: Path_, error: Any) -> None:
    """Add pydantic's error in plain English."""
    key, found = path[-1], sort_of(error.get("input"))
    words, hint = f"is not right: {error['msg'].lower()}", ""
    match error["type"]:
        case "extra_forbidden":
            in_modal = path[0] == "hosts" and len(path) == 3 and key in Modal.model_fields
            near = did_you_mean(str(key), fields_at(path[:-1]))
            hint = "it belongs under 'modal'" if in_modal else near
            checked.tell_key(path, f"unknown key {str(key)[:60]!r}", hint)
            return
        case "fault":
            words, hint = error["ctx"]["words"], error["ctx"]["hint"]
        case "dict_type":
            words = f"must be a mapping, not {found}"
        case "tuple_type":
            words, hint = f"must be a list, not {found}", "write [a, b]"
    if words.startswith(("must", "is")):
        subject = repr(key) if isinstance(key, str) else f"an item of {path[-2]!r}"
        words = f"{subject} {words}"
    tell = checked.tell_key if error["loc"][-1] == "[key]" else checked.tell
    tell(path, words, hint)
