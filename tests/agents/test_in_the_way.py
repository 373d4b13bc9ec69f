"""What stands in a message's way gets no key, and is named; once it is gone the message comes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from tests.tmux.waiting import eventually

from .rig import ARGS, KEY, AgentStage
from .test_states import PROGRAMS, TOOL


def begin(stage: AgentStage, program: str, first: str, *args: str) -> None:
    stage.up(stage.team({"a": asked_with(stage, program, args, first)}))


def asked_with(
    stage: AgentStage, program: str, args: Sequence[str], *messages: str
) -> dict[str, object]:
    return stage.real(program, *messages, args=[*ARGS[program], *args])


def at_rest(stage: AgentStage) -> str:
    """The screen, once nothing moves on it."""

    def twice() -> str:
        before = stage.screen("a")
        time.sleep(0.7)
        return before if stage.screen("a") == before else ""

    return eventually(twice)


def answer(stage: AgentStage, text: str) -> None:
    """What a person does; a program may take quick keys for a paste, and Enter for a part of it."""
    stage.keys("a", text)

    def done() -> bool:
        stage.keys("a", "Enter")
        return stage.state("a") == "WAITING"

    eventually(done, timeout=60)


def is_held(
    stage: AgentStage, program: str, first: str, reason: str, *args: str, still: bool = True
) -> None:
    """Neither `mng message` nor an `mng up` with one more message types anything; both tell why.

    still: nothing moves on the screen by itself.
    """
    before = at_rest(stage) if still else ""
    said = stage.mng("message", "a", "yes please", "--id", "later")
    up = stage.up(stage.team({"a": asked_with(stage, program, args, first, "and this")}))

    assert (said.status, up.status) == (3, 3), (said, up)
    assert reason in said.all
    assert reason in up.all
    assert not still or stage.screen("a") == before
    assert "yes please" not in stage.screen("a")


def comes(stage: AgentStage) -> None:
    """What was held is said now, each once."""
    stage.until_state("a", "WAITING")
    up = stage.must("up", "-f", stage.root / "team.yaml", "--wait")
    said = stage.must("message", "a", "yes please", "--id", "later")

    assert "accepted" in up.err
    assert "accepted" in said.err
    eventually(lambda: stage.heard()[-2:] == ["and this", "yes please"])


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_permission_is_asked_of_a_person(stage: AgentStage, program: str) -> None:
    """A key would approve what it asks about: the tool has not run."""
    directive, asked = TOOL[program]
    first = f"go {directive}"
    begin(stage, program, first)

    stage.until_state("a", "BLOCKED", reason=f"permission: {asked}")
    is_held(stage, program, first, f"permission: {asked}")
    stage.keys("a", "Escape")
    comes(stage)
    assert not (stage.host_dir() / "work" / "asked").exists()


# Gemini is told not to ask, and OpenCode never does.
@pytest.mark.parametrize("program", ["claude", "codex"])
def test_trust_is_asked_of_a_person(stage: AgentStage, program: str) -> None:
    """mng trusts the tree that it made; where that is taken back, a person has to answer."""
    begin(stage, program, "hello")
    stage.until_state("a", "WAITING")
    home = stage.host_dir() / "agents" / "a" / "home"
    stage.must("stop", "a")
    for own in (home / ".claude.json", home / "config.toml"):
        if own.exists():
            trust = own.read_text().replace('trust_level = "trusted"', "")
            own.write_text(trust.replace('DialogAccepted": true', 'DialogAccepted": false'))
    stage.mng("start", "a", "--timeout", "10s")

    assert "trust" in stage.until_state("a", "BLOCKED")["reason"]
    is_held(stage, program, "hello", "trust")
    stage.keys("a", "Enter")
    comes(stage)


# Codex 0.169.0 asks for a login of its provider's alone; this one is on loopback.
WANTS_A_LOGIN = (
    'model_providers.here={{name = "here", base_url = "{}", requires_openai_auth = true}}'
)
# What a person chooses before the key is typed, and what stands there then.
CHOOSES = {"codex": [("3", "Sign in another way"), ("Enter", "your API key below")], "gemini": []}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_login_is_asked_of_a_person(stage: AgentStage, program: str) -> None:
    """And no key of mng's chooses anything there."""
    for name in [name for name in stage.env if name.endswith("_API_KEY")]:
        del stage.env[name]
    wants = WANTS_A_LOGIN.format(stage.env["OPENAI_BASE_URL"])
    more = {"codex": ["-c", "model_provider=here", "-c", wants]}.get(program, [])
    begin(stage, program, "hello", *more)

    assert "login" in stage.until_state("a", "BLOCKED")["reason"]
    is_held(stage, program, "hello", "login", *more, still=program not in ("codex", "opencode"))
    assert stage.requests() == []
    if program in CHOOSES:  # the others log in by a browser
        for key, shown in CHOOSES[program]:
            stage.keys("a", key)
            eventually(lambda: shown in stage.screen("a"))  # noqa: B023
        answer(stage, KEY)
        stage.must("up", "-f", stage.root / "team.yaml", "--wait")
        eventually(lambda: stage.heard() == ["hello", "and this"])
        assert stage.must("messages", "a").out.count("accepted") == 2


# Gemini tries again for minutes, and shows nothing but that it thinks.
@pytest.mark.parametrize("program", ["claude", "codex", "opencode"])
def test_a_rate_limit_is_left_to_a_person(stage: AgentStage, program: str) -> None:
    first = "go [[error 429]]"
    begin(stage, program, first)

    assert "rate limit" in stage.until_state("a", "BLOCKED")["reason"]
    is_held(stage, program, first, "rate limit", still=program != "opencode")
    if program == "opencode":  # it tries again until it is told to end that
        stage.keys("a", "Escape")
        eventually(lambda: "esc again" in stage.screen("a"))
        stage.keys("a", "Escape")
    else:
        answer(stage, "go on")
    comes(stage)


# To OpenCode nothing is typed, so that a draft is in nobody's way.
@pytest.mark.parametrize("program", PROGRAMS[:3])
def test_a_persons_draft_and_scrollback_are_left_alone(stage: AgentStage, program: str) -> None:
    begin(stage, program, "hello")
    stage.until_state("a", "WAITING")
    stage.keys("a", "my half typed")

    assert "half-typed" in stage.until_state("a", "BLOCKED")["reason"]
    # For some seconds Gemini still tells that a hook of the last turn is at work.
    is_held(stage, program, "hello", "half-typed", still=program != "gemini")
    stage.keys("a", *["BSpace"] * 20)
    stage.until_state("a", "WAITING")
    stage.tmux("copy-mode", "-t", "=a:")
    is_held(stage, program, "hello", "copy mode")
    stage.keys("a", "-X", "cancel")
    comes(stage)
    assert stage.heard() == ["hello", "and this", "yes please"]
