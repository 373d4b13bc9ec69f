"""Programs times texts: the model got what was said, once, and the ledger's word is true."""

from __future__ import annotations

import unicodedata

import pytest

from tests.tmux.waiting import eventually

from .rig import AgentStage

TEXTS = {
    "one line": "Say hello.",
    "five lines": "one\ntwo\n\n  four\nfive",
    "5 kB": "five kilobytes " * 340 + "end",
    "leading -": "-x --help is what it says",
    "leading #": "# a heading",
    "leading ?": "? what",
    "a slash command": "/help me, or not",
    "a path": "/etc/hosts is a file",
    "leading !": "!echo hi",
    "trailing backslash": "a path ends with C:\\",
    "trailing ;": "one; two;",
    "trailing @": "look at @file-0.txt",
    "specials": "$HOME `id` 'x' \"y\" #{pane_id} %% \\n Enter C-c",
    "tab": "a\tb",
    "unicode": "naïve 日本語 🎉 👩‍👩‍👧 e\u0301 x\u00a0y",
}
# Gemini 0.61.0 takes 200 kB, and then does nothing for more than a minute. Of a text that names a
# file its hook tells another one, so that what is proved of it stays `submitted`.
UNPROVED = {"gemini": 1}
LARGE = {"50 kB": "fifty kilobytes " * 3200 + "end", "200 kB": "two hundred kB. " * 12800 + "end"}


def as_heard(program: str, text: str) -> str:
    """What the programs themselves make of a text; all of them drop blanks at the end."""
    if program == "claude":
        text = unicodedata.normalize("NFC", text.replace("\t", "    "))
    return text.strip(" \n\u2060")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("program", ["claude", "codex", "gemini", "opencode"])
def test_what_is_said_is_heard_once(stage: AgentStage, program: str) -> None:
    """The first message, then all the others, each in a turn of its own."""
    texts = list((TEXTS | LARGE).values())
    texts = texts[:-1] if program == "gemini" else texts
    proved = len(texts) - UNPROVED.get(program, 0)
    file = stage.team({"a": stage.real(program, texts[0])})
    stage.must("up", "-f", file, "--wait")
    told = [stage.agent("a")["messages"]["delivered"]]
    words = []
    for text in texts[1:]:
        stage.until_state("a", "WAITING")
        done = stage.must("message", "a", "-", stdin=text.encode(), timeout=60)
        words.append(done.err)

    assert told == [1]
    eventually(lambda: len(stage.heard()) >= len(texts), timeout=60)
    assert [as_heard(program, text) for text in stage.heard()] == [
        as_heard(program, text) for text in texts
    ]
    assert sum("accepted" in word or "queued" in word for word in words) >= proved - 1, words
    assert stage.must("messages", "a").out.count("accepted") == proved
