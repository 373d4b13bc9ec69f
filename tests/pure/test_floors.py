"""The architecture, kept: imports only go down, and files and functions stay small."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FLOOR = {
    "model": 0, "config": 1, "reconcile": 1, "hosts": 1, "agents": 1, "work": 1, "engine": 2,
    "cli": 3,
}  # fmt: skip
FLOOR_ONE = {room for room, floor in FLOOR.items() if floor == 1}

# What each room may import of mng, besides itself; everything may import `mng` and `mng.errors`.
MAY_IMPORT = {
    "model": set(),
    **{key: {"model"} for key in FLOOR_ONE},
    "engine": {"model", *FLOOR_ONE} - {"config"},  # it never sees YAML
    "cli": set(FLOOR) - {"cli"},
}
EFFECTS = {"subprocess", "threading", "time", "os", "random", "modal", "rich", "typer"}


@dataclass(frozen=True)
class Import:
    """`module` is imported by `file` at `line`; `top`: whenever the file is."""

    file: str
    line: int
    module: str
    top: bool

    @property
    def room(self) -> str:
        """Of the importing file: `config`, or "" for the files of mng itself."""
        parts = Path(self.file).parts
        return parts[1] if len(parts) > 2 else ""

    @property
    def package(self) -> str:
        return self.module.split(".")[0]

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


@cache
def trees() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text())
        for path in sorted((ROOT / "mng").rglob("*.py"))
    }


def nodes(node: ast.AST, *, top: bool = True) -> Iterator[tuple[ast.AST, bool]]:
    """Every node, and whether it runs when its file is imported."""
    for child in ast.iter_child_nodes(node):
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield child, top
        yield from nodes(child, top=top and not inside)


@cache
def imports() -> tuple[Import, ...]:
    found = []
    for file, tree in trees().items():
        for node, top in nodes(tree):
            if isinstance(node, ast.Import):
                found += [Import(file, node.lineno, name.name, top) for name in node.names]
            elif isinstance(node, ast.ImportFrom):
                if node.level == 1:
                    continue  # a sibling: demo_tui runs as a package wherever it was sent
                assert node.level == 0, f"{file}:{node.lineno} imports from above, relatively."
                module = node.module or ""
                whole = [f"{module}.{name.name}" for name in node.names]
                # `from mng import model` imports a room, `from mng import __version__` none.
                rooms = [one for one in whole if module == "mng" and one.split(".")[1] in FLOOR]
                found += [Import(file, node.lineno, one, top) for one in rooms or [module]]
    return tuple(found)


def sentences(faults: list[str]) -> str:
    return "\n".join(faults)


def test_imports_only_go_down() -> None:
    """The rooms of floor 1 don't know each other; the engine never sees YAML."""
    faults = []
    for one in imports():
        parts = one.module.split(".")
        room = parts[1] if one.package == "mng" and len(parts) > 1 else ""
        if one.room and room and room not in {"errors", one.room, *MAY_IMPORT[one.room]}:
            faults.append(
                f"{one}, but {one.room} is on floor {FLOOR[one.room]} "
                f"and {room} on floor {FLOOR.get(room)}."
            )

    assert not faults, sentences(faults)


def test_every_room_has_its_floor() -> None:
    """A new package is a decision."""
    rooms = {one.name for one in (ROOT / "mng").iterdir() if (one / "__init__.py").exists()}

    assert rooms == set(FLOOR), "A package under mng/ is on no floor, or a floor has no package."


def test_what_lies_below_all_floors_knows_none() -> None:
    """`mng.errors` and the version are imported by everything, so they import nothing of mng."""
    low = {"mng/errors.py", "mng/__init__.py"}
    faults = [f"{one}, but it lies below." for one in imports() if one.file in low]

    assert not [fault for fault in faults if "imports mng" in fault], sentences(faults)


@pytest.mark.parametrize("room", ["model", "reconcile"])
def test_decisions_are_pure(room: str) -> None:
    """Values in, values out: no clock, no process, no file, no dice, no terminal."""
    faults = [
        f"{one}, but {room} is pure."
        for one in imports()
        if one.room == room and one.package in EFFECTS
    ]

    assert not faults, sentences(faults)


@pytest.mark.parametrize(
    ("package", "where", "only_top"),
    [
        ("modal", r"mng/hosts/modal\w*\.py", False),
        ("rich", r"mng/cli/view\w*\.py", False),
        ("typer", r"mng/cli/\w+\.py", False),
        ("pydantic", r"mng/config/\w+\.py", True),
        ("pydantic_core", r"mng/config/\w+\.py", True),
        ("ruamel", r"mng/config/\w+\.py", True),
        ("jinja2", r"mng/config/template\.py", True),
        ("deepdiff", r"none", True),
    ],
)
def test_a_library_has_its_place(package: str, where: str, only_top: bool) -> None:
    """What is heavy, or might be exchanged, is imported in few places."""
    faults = [
        f"{one}, but {package} is imported in {where} alone."
        for one in imports()
        if one.package == package
        and (one.top or not only_top)
        and not re.fullmatch(where, one.file)
    ]

    assert not faults, sentences(faults)


@pytest.mark.parametrize("room", FLOOR)
def test_a_package_says_its_floor(room: str) -> None:
    """Its docstring is its part of the architecture's description."""
    said = ast.get_docstring(trees()[f"mng/{room}/__init__.py"]) or ""

    assert said.startswith(f"Floor {FLOOR[room]}. "), (
        f"mng/{room}/__init__.py does not begin with `Floor {FLOOR[room]}. `."
    )


def test_no_file_is_long() -> None:
    """What is longer than 400 lines is two things."""
    files = [
        path
        for room in ("mng", "tests")
        for path in (ROOT / room).rglob("*")
        if path.suffix in {".py", ".sh"}
    ]
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in files}
    faults = [f"{path} has {lines} lines." for path, lines in lengths.items() if lines > 400]

    assert not faults, sentences(faults)


def test_no_function_is_long() -> None:
    """What is longer than 60 lines is several."""
    faults = []
    for file, tree in trees().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > 60:
                    faults.append(f"{node.name} in {file}:{node.lineno} has {lines} lines.")

    assert not faults, sentences(faults)
