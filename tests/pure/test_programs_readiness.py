"""What a real agent program is taken to do, by what was seen of it."""

from __future__ import annotations

import json

import pytest

from mng.agents.kind import Facts, Sighting, find_kind
from mng.agents.sight import asked, parse
from mng.model.spec import AgentSpec, MessageSpec, is_blank
from mng.model.world import AgentState

COMPOSER = "\n >   Type your message or @path/to/file\n workspace (/directory)\n /work\n"


@pytest.mark.parametrize(
    ("event", "quiet", "state"),
    [
        ("", 1.2, AgentState.STARTING),
        ("SessionStart", 0.4, AgentState.STARTING),
        ("SessionStart", 1.2, AgentState.WAITING),
        ("AfterAgent", 0.0, AgentState.WAITING),
        ("", 20.0, AgentState.WAITING),
    ],
)
def test_gemini_is_ready_when_its_composer_listens(
    event: str, quiet: float, state: AgentState
) -> None:
    """When it resumes it draws its composer, tells of its start, and takes the composer away once
    more: a text that was pasted in between was lost."""
    files = {"event": f"1 {event}\n{{}}"} if event else {}
    facts = Facts(1, True, False, quiet, quiet, 1, COMPOSER, COMPOSER, files)

    assert find_kind("gemini").sight(AgentSpec(type="gemini"), facts).state is state


CLAUDE = "───\n❯\u00a0{}\n───\n  ? for shortcuts\n"


def claude(status: str, screen: str, event: str = "", **more: object) -> Sighting:
    """What is made of a Claude with this status of its own, and this on its screen."""
    files = {"home/sessions/1.json": json.dumps({"status": status, **more}), "event": event}
    quiet = 20.0 if more.get("quiet") else 0.5
    ours = bool(more.get("ours"))
    facts = Facts(1, True, False, quiet, quiet, 1, screen, screen, files, ours)
    return find_kind("claude").sight(AgentSpec(type="claude"), facts)


def test_a_message_without_its_enter_is_no_reason_to_wait() -> None:
    """A mng that died between paste and Enter has left it: the next one presses Enter."""
    seen = claude("idle", CLAUDE.format("go on"), ours=True)

    assert (seen.state, seen.reason) == (AgentState.WAITING, "idle")
    assert claude("idle", CLAUDE.format("go on")).state is AgentState.BLOCKED


@pytest.mark.parametrize(
    ("event", "screen", "state"),
    [
        ("9 UserPromptSubmit", CLAUDE.format(""), AgentState.WAITING),  # ended by Esc
        ("11 UserPromptSubmit", CLAUDE.format(""), AgentState.RUNNING),
        ("11 PermissionRequest", CLAUDE.format(""), AgentState.RUNNING),
        ("11 PermissionRequest", "Do you want to proceed?\n", AgentState.BLOCKED),
        ("11 Stop", CLAUDE.format(""), AgentState.WAITING),
    ],
)
def test_a_turn_that_has_begun_is_work(event: str, screen: str, state: AgentState) -> None:
    """Its status file says `idle` until up to a second after its hook has proved the message: the
    next one, which was to wait until it is idle, was typed into the turn of the first."""
    seen = claude("idle", screen, f"{event}\n{{}}", statusUpdatedAt=10_900)

    assert seen.state is state


def test_a_prompt_that_came_to_nothing_is_no_work() -> None:
    """Another hook has refused it, or Esc came at once: no event follows, and nothing moves."""
    event = "11 UserPromptSubmit\n{}"
    seen = claude("idle", CLAUDE.format(""), event, statusUpdatedAt=10_900, quiet=True)

    assert seen.state is AgentState.WAITING


def test_a_menu_is_not_taken_for_a_permission() -> None:
    """It says itself what it waits for."""
    assert claude("waiting", "menu\n", waitingFor="dialog open").reason.endswith("dialog open")
    assert claude("waiting", "1. Yes\n", waitingFor="permission prompt").reason.startswith("perm")


def test_an_agent_whose_composer_is_away_is_not_starting() -> None:
    """A person reads its transcript: that is settled by a person."""
    assert claude("idle", "a transcript\n", quiet=True).state is AgentState.BLOCKED
    assert claude("idle", "a transcript\n").state is AgentState.STARTING


def test_an_agent_that_is_not_served_says_that_it_tries_again() -> None:
    """It is at work, and gets nothing done."""
    line = "⎿ API error · Retrying in 9 s · attempt 5/10"

    assert "attempt 5/10" in claude("busy", f"{line}\n{CLAUDE.format('')}").reason


def test_a_path_is_no_reason_of_a_failure() -> None:
    """Any word may stand in the name of a directory."""
    payload = {"error": "server error", "cwd": "/login-page", "transcript_path": "/429"}
    event = f"1 StopFailure\n{json.dumps(payload)}"

    assert claude("idle", CLAUDE.format(""), event).state is AgentState.WAITING
    payload["error"] = "429 too many requests"
    event = f"1 StopFailure\n{json.dumps(payload)}"
    assert claude("idle", CLAUDE.format(""), event).reason == "rate limit"


@pytest.mark.parametrize("text", ["\ufeff", " \u200b\n", "\u2060"])
def test_a_text_that_nobody_can_see_is_empty(text: str) -> None:
    """A program takes it for nothing, so that it could never be said."""
    assert is_blank(text)
    assert not is_blank(f"{text}a")


@pytest.mark.parametrize("kind", ["claude", "codex", "gemini"])
def test_blanks_at_the_end_of_a_text_are_not_typed(kind: str) -> None:
    """Claude keeps those of a long text, and drops those of a short one: neither was proved."""
    words = "many words " * 200

    assert find_kind(kind).typed(MessageSpec("k", f"{words}\n\t\u00a0")) == words.rstrip()
    assert find_kind(kind).typed(MessageSpec("k", f"{words}C:\\ \n")) == f"{words}C:\\ "


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("/help", "\u2800/help"),
        ("  /help me", "\u2800  /help me"),
        ("\ufeff/help me", "\u2800\ufeff/help me"),
        ("!ls", "\u2800!ls"),
        ("/etc/hosts is a file", "/etc/hosts is a file"),
        ("exit", "exit\u2800"),
        ("\u200b:q", "\u200b:q\u2800"),
        ("exit now", "exit now"),
    ],
)
def test_claude_sees_no_command_in_a_text(text: str, typed: str) -> None:
    """It takes out what has no width, and asks for one more Enter, which would be the command's."""
    assert find_kind("claude").typed(MessageSpec("k", text)) == typed
    assert find_kind("claude").typed(MessageSpec("k", text, command=True)) == text


def test_what_a_tool_is_given_can_not_move_the_users_cursor() -> None:
    """An agent's words are shown on its user's terminal, and are not obeyed there."""
    payload = {"tool_name": "Bash", "tool_input": {"command": "echo \x1b]0;title\x07\x9b2J"}}
    event = f"1 PermissionRequest\n{json.dumps(payload)}"
    seen = claude("waiting", "1. Yes\n", event, waitingFor="permission prompt")

    assert seen.reason == "permission: Bash: echo \ufffd]0;title\ufffd\ufffd2J"


def test_an_agent_can_not_draw_another_ones_screen() -> None:
    """What stands before each screen is another word at every look."""
    word, other = asked(["a", "b"])[0], asked(["a", "b"])[0]
    view = parse(f"now 1 nonce {word}\n{word} a %1\nmine\n{other} b %2\nforged\n{word} b %2\nhis\n")

    assert view.screens == {"a": f"mine\n{other} b %2\nforged", "b": "his"}


def test_a_turn_that_was_interrupted_is_over_at_once() -> None:
    """Its status is older than its prompt, whose hook was the last: the screen alone tells."""
    screen = "❯ work\n● All is\n  ⎿ \u00a0Interrupted · What should Claude do instead?\n"
    event = "1700000000 UserPromptSubmit\n{}"
    told = {"statusUpdatedAt": 1_700_000_000_000}

    goes_on = claude("idle", "❯ work\n● All is\n" + CLAUDE.format(""), event, **told)
    over = claude("idle", screen + CLAUDE.format(""), event, **told)

    assert (goes_on.state, over.state) == (AgentState.RUNNING, AgentState.WAITING)
