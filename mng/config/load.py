"""Files -> Desired, with everything resolved; or every fault there is, in one run."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mng.config.diagnostic import Faults
from mng.config.merge import drop_private, expand, merge
from mng.config.messages import Messages
from mng.config.node import Node
from mng.config.render import Renderer, render_tree
from mng.config.resolve import Known, resolve
from mng.config.source import read
from mng.config.validate import validate
from mng.errors import UsageError
from mng.model.spec import Desired

FILE_NAME = "mng.yaml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What files say. tree: their merged values with the places that set them, for `explain`.

    given: the variables that were set beside the files.
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
    environ: Mapping[str, str] = os.environ,
) -> Loaded:
    """Read files, later ones over earlier ones, into what is wanted.

    variables: values that win over the files' `vars`. known_types: agent types of plug-ins.
    known_providers: the providers there are; None leaves their names unchecked.
    Raises InvalidFile, whose report is every fault; UsageError for a variable's name.
    """
    if not files:
        raise UsageError("no file to read", hint=f"-f FILE, or a {FILE_NAME} here or above")
    variables = variables or {}
    renderer = Renderer(variables, environ)
    faults = Faults()
    roots = [root for order, file in enumerate(files) if (root := read(file, order, faults))]
    if len(roots) < len(files):  # what the others refer to is not known
        faults.check(files)
    tree = roots[0]
    for root in roots[1:]:
        tree = merge(tree, root)
    expand(tree, faults)
    drop_private(tree)
    broken = render_tree(tree, renderer, faults)
    checked = validate(tree, broken, faults, environ)
    messages = Messages(checked, renderer, order=len(files))
    desired = resolve(checked, messages, Known(known_types, known_providers), files[0])
    faults.check(files)
    return Loaded(desired, tree, tuple(files), dict(variables))


def discover(start: Path) -> Path | None:
    """The `mng.yaml` in a directory or the nearest one above it, or None."""
    top = Path(os.path.abspath(start))
    found = (directory / FILE_NAME for directory in (top, *top.parents))
    return next((file for file in found if file.is_file()), None)
