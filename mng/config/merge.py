"""Several files -> one tree: what later ones override, and what is not for mng to read."""

from __future__ import annotations

from mng.config.diagnostic import Faults
from mng.config.document import fields_at
from mng.config.node import Node, Path_

# Where a key of the language would be expanded that this version doesn't have yet.
_LATER = {
    (): ("include", "profiles"),
    ("hosts", "*"): ("extends", "matrix", "profiles"),
    ("agents", "*"): ("extends", "matrix", "profiles"),
}


def merge(base: Node, over: Node) -> Node:
    """Two trees as one: mappings key by key, anything else is replaced; each node keeps its file.

    One of `message` and `messages` replaces the other: a later file may say it either way.
    """
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    joined = dict(base.value)
    for key, node in over.value.items():
        joined[key] = merge(joined[key], node) if key in joined else node
    for one, other in (("message", "messages"), ("messages", "message")):
        if one in over.value and other not in over.value and other in base.value:
            del joined[other]
    return Node(joined, base.at, base.key, base.style)


def expand(root: Node, faults: Faults) -> None:
    """The place of `include`, `extends`, `matrix` and `profiles`: for now they are faults."""
    for pattern, keys in _LATER.items():
        for node in _matching(root, pattern):
            for key in keys:
                if isinstance(node.value, dict) and key in node.value:
                    faults.add(node.value.pop(key).key, f"{key!r} is not supported yet")


def _matching(node: Node, pattern: tuple[str, ...]) -> list[Node]:
    found = [node]
    for part in pattern:
        found = [
            child
            for parent in found
            for key, child in parent.children()
            if part in ("*", key)
        ]  # fmt: skip
    return found


def drop_private(node: Node, path: Path_ = ()) -> None:
    """Take out the `x-...` keys, except where keys are names that the user gives."""
    if isinstance(node.value, dict) and fields_at(path):
        for key in [key for key in node.value if key.startswith("x-")]:
            del node.value[key]
    for key, child in node.children():
        if isinstance(child.value, dict | list):
            drop_private(child, (*path, key))
