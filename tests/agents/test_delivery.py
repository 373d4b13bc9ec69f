"""Programs times texts: the model got what was said, once, and the ledger's word is true."""

from __future__ import annotations

import pytest

from tests.tmux.waiting import eventually

from .rig import AgentStage
from .test_states import PROGRAMS
from .texts import AGAIN, DRAWN_FOR_LONG, MADE, TEXTS, say_first

# To start them takes long: here only what a start could matter to is said first to these, and the
# rest by `python -m tests.agents first`.
SLOW = {"gemini": ["a slash command", "trailing backslash", "trailing @", "50 kB"],
        "opencode": ["50 kB"]}  # fmt: skip


@pytest.mark.timeout(600)
@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_said_is_heard_once(stage: AgentStage, program: str) -> None:
    """Each text is a turn of its own, and of each the ledger says `accepted`."""
    cells = [cell for cell in TEXTS if (program, cell) not in DRAWN_FOR_LONG]
    texts = {cell: TEXTS[cell] for cell in cells} | AGAIN
    first, *later = texts
    stage.raised({"a": stage.real(program, texts[first])})
    words = {first: "accepted"}
    for cell in later:
        stage.until_state("a", "WAITING")
        done = stage.must("message", "a", "-", stdin=texts[cell].encode())
        words[cell] = done.err.partition("to a@box: ")[2].split(" ")[0]

    eventually(lambda: len(stage.heard()) >= len(texts), timeout=60)
    heard = dict(zip(texts, stage.heard(), strict=True))
    made = {cell: MADE[program](text) for cell, text in texts.items()}
    assert [(heard[cell], made[cell]) for cell in texts if heard[cell] != made[cell]] == []
    assert words == dict.fromkeys(texts, "accepted")
    assert stage.must("messages", "a").out.count("accepted") == len(texts)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_said_first_is_heard_once(stage: AgentStage, program: str) -> None:
    """Each text to an agent of its own, several of which start at once."""
    cells = SLOW.get(program, list(TEXTS))
    words, heard = say_first(stage, program, cells)

    assert words == dict.fromkeys(cells, "accepted")
    assert sorted(heard) == sorted(MADE[program](TEXTS[cell]) for cell in cells)
