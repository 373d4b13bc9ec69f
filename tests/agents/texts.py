"""The texts that are said to the programs, and what each makes of them."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable

from tests.tmux.waiting import eventually

from .rig import AgentStage

TEXTS = {
    "one line": "Say hello.",
    "five lines": "one\ntwo\n\n  four\nfive",
    "5 kB": "five kilobytes " * 340 + "end",
    "leading -": "-x --help is what it says",
    "leading #": "# a heading",
    "leading ?": "? what",
    "leading @": "@file-0.txt is what?",
    "a slash command": "/help me, or not",
    "a bare slash command": "/help",
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
    "200 kB of lines": "two hundred kB of lines as long as a person makes them.\n" * 3700 + "end",
}
# The same words again and again are as many messages.
AGAIN = {f"one line, {n} more": TEXTS["one line"] for n in range(1, 5)}
# Gemini 0.61.0 takes it at once, and draws it before it asks the model, in a time that grows with
# the square of the longest line: in one line 50 kB take it 3 s of a processor, 100 kB 11 s and
# 200 kB 43 s, and in lines of 80 they take it 2 s.
DRAWN_FOR_LONG = {("gemini", "200 kB")}


def _a_text(text: str, blank: str) -> str:
    """What mng puts before a text that the program would take for a command of its own."""
    text = text.lstrip("\n ")
    return f"{blank}{text}" if re.match(r"/help|/2|!", text) else text


def _claude(text: str) -> str:
    text = f"{text}\u2800" if text == "exit" else text
    return unicodedata.normalize("NFC", text.replace("\t", "    "))


# What the model hears instead of what was said; all else it hears to the last character.
MADE: dict[str, Callable[[str], str]] = {
    "claude": lambda text: _claude(_a_text(text, "\u2800")),
    "codex": lambda text: text.lstrip("\n "),
    "gemini": lambda text: _a_text(text, "\u2060"),
    "opencode": lambda text: text,
}
TOGETHER = 7  # agents, for each takes up to a gigabyte


def say_first(
    stage: AgentStage, program: str, cells: Iterable[str], *, timeout: float = 60
) -> tuple[dict[str, str], list[str]]:
    """Each text to an agent of its own, several of which start at once.

    timeout: seconds until the model was asked by all of those. Returns what the ledger says of each
    cell, and what the model heard, in any order.
    """
    left, words, said = list(cells), dict[str, str](), 0

    def begun() -> list[str]:
        turns = [one["turns"] for one in stage.requests() if len(one["turns"]) == 1]
        return [turn[0][0] for turn in turns]

    while left:
        batch, left = left[:TOGETHER], left[TOGETHER:]
        agents = {f"a{n}": stage.real(program, TEXTS[cell]) for n, cell in enumerate(batch)}
        file = stage.raised(agents)
        said += len(batch)
        eventually(lambda: len(begun()) >= said, timeout=timeout)  # noqa: B023
        for name, cell in zip(agents, batch, strict=True):
            (entry,) = json.loads(stage.must("messages", name, "-o", "json").out)["messages"]
            words[cell] = str(entry["state"])
        stage.must("down", "-f", file)
    return words, begun()
