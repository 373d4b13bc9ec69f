"""An agent's journal is written by scripts and read by mng: both know the same words."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mng.agents.journal import Journal
from mng.agents.kind import find_kind
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


def settled(*lines: str, evidence: tuple[str, ...] = (), type_: str = "claude") -> dict[str, str]:
    """What is known of each message after its process has ended."""
    journal = Journal(["1 started i 1", *lines, "9 exit i - 9"])
    sent = journal.settled(journal.sent.values(), list(evidence), find_kind(type_))
    return {entry.key: str(entry.state) for entry in sent}


def test_what_was_queued_when_a_process_ended_is_uncertain() -> None:
    """A program's queue ends with it; without evidence nobody knows whether it was in there."""
    lines = ("2 begun k file d 0 i 1", "3 submitted k")

    assert settled(*lines) == {"k": "uncertain"}
    assert settled(*lines, evidence=("d",)) == {"k": "accepted"}


@pytest.mark.parametrize(
    ("line", "queued"),
    [
        ("2 begun k file d 0 i 1", True),
        ("2 begun k file d 0 i 3", False),
        ("2 begun k file d 0", False),
    ],
)
def test_what_was_said_to_a_busy_agent_is_queued(line: str, queued: bool) -> None:
    """`submitted` alone would mean that nothing proved it within the time that it has."""
    journal = Journal(["1 started i 1", line, "3 submitted k"])

    assert journal.queued(journal.sent["k"]) is queued
    journal = Journal(["1 started i 1", line, "3 submitted k", "4 accepted k"])
    assert not journal.queued(journal.sent["k"])


@pytest.mark.parametrize("begun", ["2 begun k file d 0 i 0", "2 begun k file d 0 i"])
def test_what_has_no_evidence_stays_submitted(begun: str) -> None:
    """A command, a kind without any, and a line of an mng that did not tell."""
    assert settled(begun, "3 submitted k") == {"k": "submitted"}


def test_evidence_that_comes_in_the_next_life_is_believed() -> None:
    """Claude tells at the end of a turn what it took in the middle of one before."""
    journal = Journal(["1 started i 1", "2 begun k file d 0 i 1", "3 submitted k"])
    carried = journal.settled(journal.sent.values(), [], find_kind("claude"))

    assert [str(one.state) for one in journal.proven(carried, ["d"])] == ["accepted"]


def test_a_message_by_hand_that_was_only_begun_is_not_forgotten() -> None:
    """A file says its own again; of what a person said nobody else knows."""
    lines = ("2 begun k file d 0 i 3", "3 begun h adhoc e 0 i 3")

    assert settled(*lines) == {"h": "uncertain"}
