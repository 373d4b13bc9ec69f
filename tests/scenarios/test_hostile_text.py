"""Any text reaches a program byte for byte; keys in disguise are refused."""

from __future__ import annotations

import json

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, program, runs

BEGIN, END = b"\x1b[200~", b"\x1b[201~\r"
TEXTS = {
    "leading dash": "-t x --help",
    "dashes alone": "--",
    "trailing semicolon": "do it;",
    "trailing backslash": "do it\\",
    "escaped semicolon": "a \\; b \\;",
    "tmux format": "#{pane_id} #(id) #[fg=red] #S ##",
    "shell": "$(id) `id` ${HOME} $HOME ~ * ? [a] {a,b} | & < > ! \\n %s %%",
    "quotes": "it's \"both\" ''\"\"'",
    "tabs and blanks": "\ta\t\tb   c ",
    "blank lines": "\n\na\n\n\nb\n  \nc",
    "emoji": "👩‍💻 🇩🇪 naïve café e\u0301 \u200b|",
    "right to left": "שלום \u202eabc\u202c مرحبا",
    "key names": "Enter\nC-c\nEscape\n",
    "jinja": "{{ not.a.variable }} {% raw %} {#",
    "yaml": "key: value # no comment\n- a\n? b\n%TAG !",
}
LOCALES = [{"LANG": "C.UTF-8"}, {"LANG": "C"}, {"LC_ALL": "C", "LANG": ""}]


def reader(stage: Stage, *messages: str) -> dict[str, object]:
    """An agent in raw mode with bracketed paste, which notes all that it reads."""
    texts = [{"text": text, "template": False} for text in messages]
    return runs(program("reader", stage.notes("heard")), *texts, ready={"screen": "ready"})


def pastes(*texts: str) -> bytes:
    """What a program reads of these messages."""
    return b"".join(BEGIN + text.encode().rstrip(b"\n") + END for text in texts)


def test_every_hostile_text_arrives_through_the_file(stage: Stage) -> None:
    """In order, each as one paste and one Enter."""
    agent = reader(stage, *TEXTS.values())
    stage.must("up", "-f", stage.team({"raw": agent}), "--wait")

    eventually(lambda: stage.noted("heard") == pastes(*TEXTS.values()))


@pytest.mark.local_only("a locale is the client alone")
@pytest.mark.parametrize("locale", LOCALES, ids=str)
def test_a_poor_locale_changes_no_byte(stage: Stage, locale: dict[str, str]) -> None:
    """LANG=C is what cron and containers have."""
    text = TEXTS["emoji"] + TEXTS["right to left"]
    agent = reader(stage, text)
    stage.must("up", "-f", stage.team({"raw": agent}), "--wait", env=locale)
    stage.must("message", "raw", text, env=locale)

    eventually(lambda: stage.noted("heard") == pastes(text, text))


def test_two_hundred_kilobytes_arrive_whole(stage: Stage) -> None:
    """Through the file and by hand."""
    text = "".join(f"line {number}: ünïcödé $(id) ;\n" for number in range(8000))
    assert len(text.encode()) > 200_000
    agent = reader(stage, text)
    stage.must("up", "-f", stage.team({"raw": agent}), "--wait")
    stage.must("message", "raw", "-", stdin=text.encode())

    eventually(lambda: stage.noted("heard") == pastes(text, text))


@pytest.mark.alike("the same texts go to Modal through a file")
def test_every_hostile_text_arrives_as_an_argument(stage: Stage) -> None:
    """`mng message AGENT -- TEXT` types what stands there."""
    agent = reader(stage)
    stage.must("up", "-f", stage.team({"raw": agent}))
    for text in TEXTS.values():
        stage.must("message", "--", "raw", text)

    eventually(lambda: stage.noted("heard") == pastes(*TEXTS.values()))


@pytest.mark.alike("the same texts go to Modal through a file")
def test_a_text_that_looks_like_an_option_is_a_text(stage: Stage) -> None:
    """Behind `--` nothing is an option, and `-` alone is stdin."""
    agent = reader(stage)
    stage.must("up", "-f", stage.team({"raw": agent}))
    stage.must("message", "raw", "--", "-F")

    eventually(lambda: stage.noted("heard") == pastes("-F"))


@pytest.mark.parametrize("way", ["file", "stdin"])
def test_every_hostile_text_arrives_from_file_and_stdin(stage: Stage, way: str) -> None:
    """-F FILE and `-` read bytes."""
    agent = reader(stage)
    stage.must("up", "-f", stage.team({"raw": agent}))
    text = "\n".join(TEXTS.values())
    (stage.root / "text").write_text(text)
    if way == "file":
        stage.must("message", "raw", "-F", stage.root / "text")
    else:
        stage.must("message", "raw", "-", stdin=text.encode())

    eventually(lambda: stage.noted("heard") == pastes(text))


@pytest.mark.alike("they are refused before any host is asked")
@pytest.mark.parametrize("char", ["\x1b", "\x03", "\r", "\x00", "\x7f", "\x9b"], ids=ascii)
def test_control_characters_are_refused_before_anything_is_sent(stage: Stage, char: str) -> None:
    """A terminal takes them for keys: exit 2, and nothing was typed."""
    agent = reader(stage)
    stage.must("up", "-f", stage.team({"raw": agent}))

    done = stage.mng("message", "raw", "-", stdin=f"good{char}[201~bad".encode())
    assert (done.status, f"U+{ord(char):04X}" in done.err) == (2, True)
    assert stage.noted("heard") == b""


@pytest.mark.alike("they are refused before any host is asked")
def test_a_file_with_a_control_character_makes_nothing(stage: Stage) -> None:
    """The fault is shown with its place."""
    path = stage.root / "team.yaml"
    message = json.dumps("good\x1b[201~bad")
    path.write_text(f"agents:\n  ada:\n    type: demo\n    message: {message}\n")

    done = stage.up(path)
    assert (done.status, "team.yaml:4:" in done.err, "ESC (U+001B)" in done.err) == (2, True, True)
    assert not stage.home.exists()


@pytest.mark.alike("they are refused before any host is asked")
def test_bytes_that_are_no_text_are_refused(stage: Stage) -> None:
    """A message is UTF-8."""
    agent = reader(stage)
    stage.must("up", "-f", stage.team({"raw": agent}))

    assert stage.mng("message", "raw", "-", stdin=b"\xff\xfe").status == 2
    assert stage.noted("heard") == b""


@pytest.mark.alike("how it reads is between a program and its tmux")
@pytest.mark.parametrize("words", ["", "Loading..."], ids=["silent", "draws"])
@pytest.mark.parametrize("how", ["sleeps", "naps", "computes", "child"])
def test_a_program_that_reads_late_gets_its_first_message_once(
    stage: Stage, words: str, how: str
) -> None:
    """One that needs 3 s until it reads, and then drops what was typed, misses nothing."""
    agent = runs(program("reader", stage.notes("heard"), 3, words, how), "the first")
    stage.must("up", "-f", stage.team({"raw": agent}))

    eventually(lambda: stage.noted("heard") == pastes("the first"))
    assert stage.mng("plan", "-f", stage.root / "team.yaml", "--check").status == 0
