"""The demo agent in a real terminal: what it is told, what it shows, what it leaves behind."""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
import subprocess
import sys

import pytest

from tests.tmux.demo_stage import DEMO, Stage, demo, idle
from tests.tmux.waiting import eventually

TEXTS = {
    "one line": b"hello",
    "dash": b"-n --help; rm -rf $HOME `id` $(id) 'x' \"y\" %% #{pane_id} \\",
    "trailing semicolon": b"a;",
    "key name": b"Enter",
    "question mark": b"?",
    "blanks": b"  \t lead, trail \t \n\n",
    "tabs and lines": b"a\tb\n\n\tc\n" * 3,
    "carriage returns": b"a\r\nb\rc",
    "unicode": "e\u0301 \u00e9 \U0001f468\u200d\U0001f469 \u65e5\u672c\u8a9e \u00a0|".encode(),
    "no utf-8": b"caf\xe9 \xff\xfe \xc3(",
    "controls": b"bell \x07 escape \x1b[31m \x1b[200~ \x03 \x04 \x15 \x7f end",
    "half an end": b"\x1b[201 ~ \x1b[20 \x1b",
    "path": b"/etc/hosts is a file",
    "200 kB": b"".join(b"%d \xe6\x97\xa5\xe6\x9c\xac 'quoted' \\\n" % n for n in range(8000)),
    "200 kB in one line": "\u65e5\u672c\u8a9e".encode() * 22_000,
    "1 MB": b"0123456789abcdef" * 65_536,
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_a_pasted_text_arrives_byte_for_byte_and_once(stage: Stage, text: bytes) -> None:
    """The transcript has one line for it, with its digest and its exact text."""
    stage.start("--busy", "0", "--no-commit")

    stage.say(text)

    eventually(lambda: idle(stage, turns=1))
    [entry] = stage.transcript()
    assert entry["text"].encode("utf-8", "surrogateescape") == text
    assert entry["digest"] == hashlib.sha256(text).hexdigest()[:16]


def test_a_long_paste_is_a_label_in_the_composer_and_in_the_conversation(stage: Stage) -> None:
    """A screen is never flooded; the text behind the label is whole."""
    stage.start("--busy", "0", "--no-commit")

    stage.paste(b"line\n" * 40)

    eventually(lambda: "> [Pasted text #1 +40 lines]" in stage.composer())
    stage.press("Enter")
    eventually(lambda: idle(stage, turns=1))
    assert stage.told() == ["line\n" * 40]
    assert "> [Pasted text #1 +40 lines]" in stage.screen()
    assert "line\nline" not in stage.scrollback()


def test_the_composer_shows_what_is_typed_until_enter(stage: Stage) -> None:
    """Backspace takes one character whatever its bytes, Ctrl-U takes all."""
    stage.start("--no-commit")

    stage.press("-l", "gone")
    stage.press("C-u")
    stage.press("-l", "say \u65e5\u672cx")
    stage.press("BSpace", "BSpace")

    eventually(lambda: stage.composer() == "> say \u65e5")
    assert stage.told() == []


def test_an_empty_draft_is_not_a_message(stage: Stage) -> None:
    """Enter may be repeated without harm."""
    stage.start("--busy", "0", "--no-commit")

    stage.press("Enter", "Enter")
    stage.say(b"hello")
    stage.press("Enter")

    eventually(lambda: idle(stage, turns=1))
    assert stage.told() == ["hello"]


def test_the_state_goes_from_idle_to_busy_to_idle(stage: Stage) -> None:
    """status.json and the screen tell the same, and Esc ends a turn."""
    stage.start("--no-commit")
    assert "? for shortcuts" in stage.screen()

    stage.say(b"/busy 600")
    eventually(lambda: stage.told() == ["/busy 600"])
    assert stage.state() == "busy"
    eventually(lambda: "esc to interrupt · working" in stage.screen())

    stage.press("Escape")
    eventually(lambda: idle(stage, turns=1))
    assert stage.told("assistant") == ["interrupted"]
    assert "? for shortcuts" in stage.screen()


def test_messages_sent_while_it_works_wait_in_order(stage: Stage) -> None:
    """Each is a turn of its own: none is merged, none overtakes."""
    stage.start("--busy", "0", "--no-commit")

    stage.say(b"/busy 600")
    for number in range(5):
        stage.say(b"message %d" % number)
    eventually(lambda: stage.status()["queued"] == 5)
    eventually(lambda: "queued (5)" in stage.screen())
    stage.press("Escape")

    eventually(lambda: idle(stage, turns=6))
    notes = (stage.tree / "notes" / "ada.md").read_text()
    assert notes == "".join(f"- message {number}\n" for number in range(5))
    assert stage.told()[1:] == [f"message {number}" for number in range(5)]


def test_a_dialog_takes_no_message(stage: Stage) -> None:
    """A paste into it is dropped without a word, and Enter says yes to it."""
    stage.start("--busy", "0", "--no-commit")

    stage.say(b"/ask")
    eventually(lambda: stage.state() == "blocked")
    assert stage.status()["reason"] == "permission: /ask"
    eventually(lambda: " 1. Yes\n    2. No\n" in stage.screen())
    assert stage.composer() == ""
    stage.say(b"a message that is lost")

    eventually(lambda: idle(stage, turns=1))
    assert stage.told() == ["/ask"]
    assert stage.told("assistant") == ["done"]
    assert stage.composer() == ">"


@pytest.mark.parametrize("key", ["2", "Escape"])
def test_a_refused_permission_ends_the_turn(stage: Stage, key: str) -> None:
    """A line `please ask` asks first; what is refused is not done."""
    stage.start("--busy", "0", "--no-commit")

    stage.say(b"remove everything\nplease ask\n")
    eventually(lambda: stage.state() == "blocked")
    stage.press(key)

    eventually(lambda: idle(stage, turns=1))
    assert not (stage.tree / "notes").exists()


def test_a_slow_start_loses_what_was_typed_early(stage: Stage) -> None:
    """As with real programs, a terminal that is there is not yet an agent that listens."""
    stage.open("exec " + demo("--slow-start", "1", "--busy", "0", "--no-commit"))
    stage.say(b"too early")

    eventually(lambda: stage.state() == "idle")
    stage.say(b"in time")

    eventually(lambda: idle(stage, turns=1))
    assert stage.told() == ["in time"]


def test_a_commit_holds_the_agent_s_own_file_only(stage: Stage) -> None:
    """What others changed, added or not, stays as it lies in the shared tree."""
    stage.repository()
    (stage.tree / "shared.txt").write_text("two\n")
    (stage.tree / "staged.txt").write_text("staged\n")
    stage.git("add", "staged.txt")
    stage.start("--busy", "0")

    stage.say(b"Add a login page; it shall be as simple as possible, not simpler\nmore")

    eventually(lambda: idle(stage, turns=1))
    assert stage.git("show", "--format=%an <%ae> %cn <%ce>%n%s", "--name-only") == (
        "ada <ada@mng.invalid> ada <ada@mng.invalid>\n"
        "ada: Add a login page; it shall be as simple as possible, not sim\n\nnotes/ada.md\n"
    )
    assert stage.git("status", "--porcelain").splitlines() == [" M shared.txt", "A  staged.txt"]


def test_a_failing_commit_is_told_and_survived(stage: Stage) -> None:
    """A hook that refuses does not end the agent."""
    stage.repository()
    hook = stage.tree / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    stage.start("--busy", "0")

    stage.say(b"hello")

    eventually(lambda: idle(stage, turns=1))
    assert "not today" in stage.told("assistant")[0]
    assert "not today" in stage.screen()


def test_a_hook_that_never_ends_is_ended(stage: Stage) -> None:
    """The composer is read meanwhile, and git leaves no lock behind."""
    stage.repository()
    hook = stage.tree / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nsleep 600\n")
    hook.chmod(0o755)
    patient = "from demo_tui import app, work; work.TIMEOUT = 2; app.main(['--busy', '0'])"
    stage.open(f"PYTHONPATH={DEMO.parent} exec {shlex.join([sys.executable, '-c', patient])}")
    eventually(lambda: stage.state() == "idle")

    stage.say(b"hello")
    stage.press("-l", "next")
    eventually(lambda: stage.composer() == "> next")
    assert stage.state() == "busy"

    eventually(lambda: idle(stage, turns=1))
    assert "took more than" in stage.told("assistant")[0]
    assert not (stage.tree / ".git" / "index.lock").exists()


def test_a_tree_that_can_t_be_written_is_told_and_survived(stage: Stage) -> None:
    """Neither the tree nor the records need to be writable for the agent to live."""
    (stage.tree / "notes").write_text("in the way\n")
    stage.start("--busy", "0")
    (stage.records / "transcript.jsonl").mkdir()

    stage.say(b"hello")

    eventually(lambda: "● failed:" in stage.screen() and "! [Errno" in stage.screen())
    eventually(lambda: stage.state() == "idle")
    assert stage.composer() == ">"


@pytest.mark.parametrize(
    ("message", "how"), [("/exit", "0"), ("/fail", "3"), ("/crash", "signal 11")]
)
def test_it_ends_as_it_is_told(stage: Stage, message: str, how: str) -> None:
    """An end by itself removes its status; a crash leaves it behind, as crashes do."""
    stage.start()

    stage.say(message.encode())

    assert eventually(stage.ended) == how
    assert (stage.records / "status.json").exists() == (message == "/crash")
    assert stage.told() == [message]


@pytest.mark.parametrize("keys", [("C-c", "C-c"), ("C-d",)])
def test_it_ends_by_its_keys(stage: Stage, keys: tuple[str, ...]) -> None:
    """Ctrl-C twice, or Ctrl-D on an empty draft."""
    stage.start()

    for key in keys:
        stage.press(key)

    assert eventually(stage.ended) == "0"


def test_one_ctrl_c_only_clears_the_draft(stage: Stage) -> None:
    """The second counts only if nothing came between."""
    stage.start("--busy", "0", "--no-commit")

    for _ in range(2):
        stage.press("-l", "a draft")
        stage.press("C-c")
        eventually(lambda: "ctrl-c again to exit" in stage.screen())
    stage.say(b"hello")

    eventually(lambda: idle(stage, turns=1))
    assert stage.told() == ["hello"]


def test_the_terminal_is_given_back_as_it_was(stage: Stage) -> None:
    """After the end, and after SIGTERM, the shell has its terminal modes and no bracketed paste."""
    modes = "stty -g > {}"
    steps = [modes.format("../a"), demo(), modes.format("../b"), demo(), modes.format("../c")]
    stage.open("; ".join([*steps, "cat > ../typed"]))

    eventually(lambda: stage.state() == "idle")
    stage.press("C-d")
    eventually(lambda: (stage.home / "b").exists() and stage.state() == "idle")
    os.kill(stage.status()["pid"], signal.SIGTERM)
    eventually(lambda: (stage.home / "typed").exists())
    stage.paste(b"plain\n")
    stage.press("C-d")

    assert eventually(stage.ended) == "0"
    first, second, third = ((stage.home / name).read_text() for name in "abc")
    assert first == second == third
    assert (stage.home / "typed").read_text() == "plain\n"


def test_resume_shows_the_old_conversation(stage: Stage) -> None:
    """It goes on where it was, in the same transcript; a line cut by a kill does no harm."""
    stage.start("--busy", "0", "--no-commit")
    stage.say(b"remember me")
    eventually(lambda: idle(stage, turns=1))
    os.kill(stage.status()["pid"], signal.SIGKILL)
    eventually(lambda: stage.ended() == "signal 9")
    (stage.records / "status.json").unlink()
    with (stage.records / "transcript.jsonl").open("a") as file:
        file.write('{"type": "user", "te\n')

    resumed = "exec " + demo("--resume", "--busy", "0", "--no-commit")
    stage.tmux("respawn-pane", "-t", "=demo:", "-c", str(stage.tree), resumed)

    eventually(lambda: stage.state() == "idle")
    assert "> remember me\n● noted in notes/ada.md" in stage.screen()


def test_a_resized_terminal_keeps_one_composer(stage: Stage) -> None:
    """Narrower, wider, higher: the conversation stays, nothing is drawn twice."""
    stage.start("--busy", "0", "--no-commit")
    for number in range(30):
        stage.say(b"message %d" % number)
    eventually(lambda: idle(stage, turns=30))
    stage.press("-l", "a draft " * 20)

    for columns, rows in [(40, 30), (37, 20), (120, 40), (80, 24)]:
        stage.tmux("resize-window", "-t", "=demo:", "-x", str(columns), "-y", str(rows))
        eventually(lambda: stage.screen().count("─" * columns) == 2)  # noqa: B023

    whole = stage.scrollback()
    assert whole.count("? for shortcuts") == 1
    assert [whole.count(f"> message {n}\n") for n in range(30)] == [1] * 30


def test_a_tiny_terminal_shows_a_composer_still(stage: Stage) -> None:
    """However little room there is, the end of the draft is seen."""
    stage.start("--no-commit")
    stage.press("-l", "a draft " * 20 + "end")

    stage.tmux("resize-window", "-t", "=demo:", "-x", "12", "-y", "7")

    eventually(lambda: stage.composer().rstrip().endswith("end"))
    stage.press("C-u")
    eventually(lambda: stage.composer() == ">")


def test_the_state_never_lags_behind_the_transcript(stage: Stage) -> None:
    """Whoever finds a message in the transcript finds the agent no longer idle."""
    stage.start("--no-commit")
    stage.say(b"/busy 600")

    eventually(stage.told)

    assert stage.state() == "busy"


def test_without_a_terminal_it_says_so() -> None:
    """It needs a terminal and says so; a wrong option is a usage error."""
    for options in ([], ["--busy", "much"], ["--unknown"]):
        command = [sys.executable, str(DEMO), *options]
        done = subprocess.run(command, input=b"", capture_output=True, check=False)
        assert (done.returncode, done.stderr[:6]) == (2, b"demo: ")


def test_agents_of_one_tree_commit_at_once(stage: Stage) -> None:
    """Every one of them gets its commit, and none holds another's file."""
    stage.repository()
    names = [f"agent-{number}" for number in range(6)]
    stage.start("--busy", "0")
    for name in names:
        env = ["-e", f"MNG_AGENT={name}", "-e", f"MNG_AGENT_DIR={stage.home / name}"]
        where = ["-s", name, "-c", str(stage.tree)]
        stage.tmux("new-session", "-d", *where, *env, "exec " + demo("--busy", "0"))
    eventually(lambda: all((stage.home / name / "status.json").exists() for name in names))

    targets = (["paste-buffer", "-p", "-r", "-t", f"={name}:", ";"] for name in names)
    enters = (["send-keys", "-t", f"={name}:", "Enter", ";"] for name in names)
    both = [word for pair in zip(targets, enters, strict=True) for each in pair for word in each]
    stage.tmux("load-buffer", "-", ";", *both, stdin=b"go")

    eventually(lambda: stage.git("log", "--format=%s").count(": go\n") == len(names))
    for name in names:
        files = stage.git("log", "--grep", f"^{name}: ", "--format=", "--name-only").split()
        assert files == [f"notes/{name}.md"]
