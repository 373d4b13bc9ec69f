"""Start-up is an interface: a command loads only what it needs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "modal", "deepdiff", "jinja2", "pydantic", "pydantic_core", "ruamel", "rich", "asyncio",
    "importlib.metadata",
}  # fmt: skip

# `-X importtime` names each module as it is loaded, whatever unloads or hides it later.
MNG = [sys.executable, "-X", "importtime", "-m", "mng"]

FILE = """
agents:
  a: {type: demo, messages: [one, two]}
"""


def loaded(home: Path, *words: str) -> set[str]:
    """The packages and modules that a command loads, in a world without anything."""
    # Tests on the loopback Modal, in the same process before, lend it their token.
    lent = ("MNG_", "MODAL_")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(lent)}
    environ |= {"MNG_HOME": str(home / "mng"), "HOME": str(home)}
    done = subprocess.run(
        [*MNG, *words], cwd=home, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    names = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    return {name for name in names if name} | {name.split(".")[0] for name in names}


@pytest.mark.parametrize("words", [["--help"], ["list"], ["list", "-o", "json"]], ids=" ".join)
def test_a_command_that_reads_no_file_loads_no_heavy_library(
    tmp_path: Path, words: list[str]
) -> None:
    """`mng list` takes about as long as Python itself."""
    assert loaded(tmp_path, *words) & HEAVY == set()


def test_a_plan_without_templates_loads_no_template_engine(tmp_path: Path) -> None:
    """Nor what compares, nor what paints, nor what talks to clouds."""
    (tmp_path / "mng.yaml").write_text(FILE)

    assert loaded(tmp_path, "plan") & {"jinja2", "deepdiff", "modal", "rich"} == set()


def test_the_measure_sees_what_is_loaded(tmp_path: Path) -> None:
    """A file with a template does load the engine."""
    (tmp_path / "mng.yaml").write_text(FILE.replace("two", '"{{ 1 + 1 }}"'))

    assert {"jinja2", "pydantic", "ruamel"} <= loaded(tmp_path, "plan")
