"""An agent's journal is written by scripts and read by mng: both know the same words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mng.agents.sight import Journal
from mng.model.world import SentState

SCRIPTS = Path(__file__).parents[2] / "mng" / "agents" / "scripts"
NOTE = re.compile(r"""\bnote "([^"]+)"|printf '%s (exit [^']+)\\n'""")


def noted() -> list[tuple[str, str]]:
    """What each script writes into a journal, with its script."""
    return [
        (path.name, words[1] or words[2])
        for path in sorted(SCRIPTS.glob("*.sh"))
        for words in NOTE.finditer(path.read_text())
    ]


def filled(words: str) -> str:
    """The words with something in the place of each variable."""
    words = re.sub(r"\$(ledger|carried)", " k=s=file", words)
    return re.sub(r"\$\(\w+\)|\$\w+|%s", "1", words)


def test_every_word_that_a_script_notes_is_known() -> None:
    """Else an agent whose session is gone would be unknown, for a damaged line."""
    words = {line.split()[0] for _, line in noted()}

    assert words >= {"started", "begun", "unbegun", "swallowed", "submitted", "accepted", "exit"}
    for script, line in noted():
        assert (script, line, Journal([f"1 {filled(line)}"]).damage) == (script, line, "")


@pytest.mark.parametrize("line", ["1", "x begun", "1 begun k", "1 swallowed", "1 nonsense k"])
def test_what_no_script_notes_is_damage(line: str) -> None:
    """The first such line is told."""
    assert Journal(["1 started i 1", line, "2 other"]).damage == line


def test_a_message_that_a_dialog_swallowed_is_still_only_begun() -> None:
    """Nothing says yet that it was taken, and it may be pasted once more."""
    journal = Journal(["1 started i 1", "2 begun k file d 0 i", "3 swallowed k"])

    assert (journal.damage, journal.sent["k"].state) == ("", SentState.BEGUN)
