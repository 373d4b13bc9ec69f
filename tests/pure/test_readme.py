"""The README tells the truth about the command line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def help_text() -> str:
    argv = [sys.executable, "-m", "mng", "--help"]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=ROOT)
    return "\n".join(line.rstrip() for line in done.stdout.strip().splitlines())


def test_the_help_in_the_readme_is_current() -> None:
    """What the README shows of `--help` is what `mng --help` prints."""
    readme = (ROOT / "README.md").read_text()

    shown = re.search(r"<!-- help -->\n```\n(.*?)\n```\n<!-- /help -->", readme, re.DOTALL)

    assert shown
    assert shown[1] == help_text()
