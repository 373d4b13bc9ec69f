"""Programs times texts: the model got what was said, once, and the ledger's word is true."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import pytest

from tests.tmux.waiting import eventually

from .rig import AgentStage
from .test_states import PROGRAMS

TEXTS = {
    "one line": "Say hello.",
    "five lines": "one\ntwo\n\n  four\nfive",
    "5 kB": "five kilobytes " * 340 + "end",
    "leading -": "-x --help is what it says",
    "leading #": "# a heading",
    "leading ?": "? what",
    "leading @": "@file-0.txt is what?",
    "a slash command": "/help me, or not",
    "a slash and a number": "/2 things to do",
    "a path": "/etc/hosts is a file",
    "a word that ends a program": "exit",
    "blank lines first": "\n \n/help is a command",
    "trailing $": "use $skill",
    "leading !": "!echo hi",
    "trailing backslash": "a path ends with C:\\",
    "trailing ;": "one; two;",
    "trailing @": "look at @README.md",
    "trailing @ of a file": "look at @file-0.txt",
    "specials": "$HOME `id` 'x' \"y\" #{pane_id} %% \\n Enter C-c",
    "tab": "a\tb",
    "unicode": "naïve 日本語 🎉 👩‍👩‍👧 e\u0301 x\u00a0y",
    "50 kB": "fifty kilobytes " * 3200 + "end",
    "200 kB": "two hundred kB. " * 12800 + "end",
}
# The same words again and again are as many messages.
AGAIN = {f"one line, {n} more": TEXTS["one line"] for n in range(1, 5)}
# Gemini 0.61.0 takes 200 kB, and is silent for a minute or two before it asks the model.
NEVER = {("gemini", "200 kB")}


def _a_text(text: str, blank: str) -> str:
    """What mng puts before a text that the program would take for a command of its own."""
    text = text.lstrip("\n ")
    return f"{blank}{text}" if re.match(r"/help|/2|!", text) else text


def _claude(text: str) -> str:
    text = f"{text}\u2060" if text == "exit" else text
    return unicodedata.normalize("NFC", text.replace("\t", "    "))


# What the model hears instead of what was said; all else it hears to the last character.
MADE: dict[str, Callable[[str], str]] = {
    "claude": lambda text: _claude(_a_text(text, " ")),
    "codex": lambda text: text.lstrip("\n "),
    "gemini": lambda text: _a_text(text, "\u2060"),
    "opencode": lambda text: text,
}
# To start them takes long, so that only what a start could matter to is said first to these.
SLOW = ["one line", "trailing backslash", "a slash command", "trailing @", "50 kB", "leading -"]
FIRST = {"claude": list(TEXTS), "codex": list(TEXTS), "gemini": SLOW, "opencode": SLOW[::2]}
TOGETHER = 7  # agents, for each takes up to a gigabyte


@pytest.mark.timeout(600)
@pytest.mark.parametrize("program", PROGRAMS)
def test_what_is_said_is_heard_once(stage: AgentStage, program: str) -> None:
    """Each text is a turn of its own, and of each the ledger says `accepted`."""
    texts = {cell: text for cell, text in TEXTS.items() if (program, cell) not in NEVER} | AGAIN
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
    cells, said = FIRST[program], 0

    def begun() -> list[str]:
        turns = [one["turns"] for one in stage.requests() if len(one["turns"]) == 1]
        return [turn[0][0] for turn in turns]

    for batch in [cells[n : n + TOGETHER] for n in range(0, len(cells), TOGETHER)]:
        agents = {f"a{cells.index(cell)}": stage.real(program, TEXTS[cell]) for cell in batch}
        file = stage.raised(agents)
        ledgers = [stage.must("messages", name).out.count("accepted") for name in agents]
        said += len(batch)
        eventually(lambda: len(begun()) >= said, timeout=60)  # noqa: B023
        stage.must("down", "-f", file)

        assert ledgers == [1] * len(agents)
    assert sorted(begun()) == sorted(MADE[program](TEXTS[cell]) for cell in cells)
