"""What scripts rely on: events, exit statuses, waiting, colour, interruption."""

from __future__ import annotations

import json
import shutil
import signal
import time
from typing import Any

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, demo, program, runs
from .terminal import terminal


def slow(*messages: str) -> dict[str, object]:
    """A demo agent that needs long until it is ready."""
    return {"type": "demo", "args": ["--busy", "0", "--slow-start", "5"], "messages": [*messages]}


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.alike("what is printed is the same for every provider")
@pytest.mark.parametrize("options", [("-o", "json"), ("--progress", "json")], ids=" ".join)
def test_events_are_one_json_document_a_line(stage: Stage, options: tuple[str, ...]) -> None:
    """Observed, planned, each step's start and end, converged with the exit status."""
    events = lines(stage.must("up", "-f", stage.team({"ada": demo("A")}), *options).out)

    kinds = [event["event"] for event in events]
    assert {event["schema"] for event in events} == {"mng.event/1"}
    assert (kinds[0], kinds[1], kinds[-1]) == ("observed", "planned", "converged")
    begun = {event["step"] for event in events if event["event"] == "started"}
    ended = {event["step"] for event in events if event["event"] == "finished"}
    assert begun == ended == {step["step"] for step in events[1]["steps"]}
    assert events[-1] == {
        "schema": "mng.event/1", "event": "converged", "exit_status": 0, "interrupted": False,
    }  # fmt: skip


@pytest.mark.alike("what is printed is the same for every provider")
def test_every_changing_command_has_events(stage: Stage) -> None:
    """create, message, stop, start, destroy, too."""
    json_ = ("-o", "json")
    for words in (
        ("create", "ada@box", "--new-host", "--type", "demo", *json_, "--", "--busy", "0"),
        ("message", "ada", "hi", *json_), ("stop", "ada", *json_), ("start", "ada", *json_),
        ("destroy", "ada", *json_),
    ):  # fmt: skip
        events = lines(stage.must(*words).out)
        assert (events[0]["event"], events[-1]["event"]) == ("observed", "converged"), words


@pytest.mark.alike("what is printed is the same for every provider")
def test_a_failed_step_is_an_event(stage: Stage) -> None:
    """With what failed, why, and what to type; the last event has the exit status."""
    bad = runs(["sh", "-c", "exit 3"], "never said")
    done = stage.up(stage.team({"bad": bad}), "-o", "json")

    events = lines(done.out)
    failed = [event for event in events if event["event"] == "failed"]
    assert failed
    assert all("ended with 3" in event["error"] and event["hint"] for event in failed)
    assert (done.status, events[-1]["exit_status"]) == (1, 1)


@pytest.mark.alike("what is printed is the same for every provider")
def test_quiet_says_nothing_of_what_went_well(stage: Stage) -> None:
    """--progress quiet is for cron."""
    done = stage.must("up", "-f", stage.team({"ada": demo("A")}), "--progress", "quiet")

    assert done.all == ""


@pytest.mark.alike("what is printed is the same for every provider")
def test_an_option_has_its_variable(stage: Stage) -> None:
    """MNG_FILE, MNG_OUTPUT and the rest stand for the options."""
    file = stage.team({"ada": demo()})
    stage.must("up", env={"MNG_FILE": str(file)})

    assert json.loads(stage.must("list", env={"MNG_OUTPUT": "json"}).out)["agents"]


@pytest.mark.alike("what is printed is the same for every provider")
def test_no_colour_without_a_terminal(stage: Stage) -> None:
    """Pipes get plain text."""
    file = stage.team({"ada": demo("A")})

    assert "\x1b" not in stage.must("up", "-f", file).all + stage.must("list").all


@pytest.mark.alike("what is printed is the same for every provider")
@pytest.mark.parametrize(
    ("options", "coloured"), [((), True), (("--no-color",), False)], ids=["plain", "--no-color"]
)
def test_a_terminal_has_colour_unless_it_is_not_wanted(
    stage: Stage, options: tuple[str, ...], coloured: bool
) -> None:
    """On a terminal, states are painted."""
    stage.raised({"ada": demo()})
    eventually(lambda: stage.state("ada") == "WAITING")

    with terminal(stage, "list", *options) as screen:
        assert screen.ends() == 0
        assert (b"\x1b[32mWAITING" in screen.screen()) == coloured


@pytest.mark.alike("what is printed is the same for every provider")
def test_no_color_is_honoured(stage: Stage) -> None:
    """NO_COLOR, whatever its value."""
    stage.raised({"ada": demo()})
    stage.env["NO_COLOR"] = "1"

    with terminal(stage, "list") as screen:
        assert screen.ends() == 0
        assert b"WAITING" in screen.screen()
        assert b"\x1b[3" not in screen.screen()


@pytest.mark.alike("what is printed is the same for every provider")
def test_up_asks_once_on_a_terminal(stage: Stage) -> None:
    """All that is held in one question; yes does it."""
    stage.raised({"ada": demo("A"), "bob": demo()})
    file = stage.team({"ada": demo("A2")})

    with terminal(stage, "up", "-f", str(file)) as screen:
        screen.shows(b"[y/N] ")
        screen.type(b"y\n")
        assert screen.ends() == 0
        assert screen.screen().count(b"[y/N]") == 1
    assert (list(stage.agents()), stage.told("ada")) == (["ada"], ["A", "A2"])


@pytest.mark.alike("what is printed is the same for every provider")
def test_no_is_the_default_answer(stage: Stage) -> None:
    """Enter alone leaves all that is held."""
    stage.raised({"ada": demo(), "bob": demo()})
    file = stage.team({"ada": demo()})

    with terminal(stage, "up", "-f", str(file)) as screen:
        screen.shows(b"[y/N] ")
        screen.type(b"\n")
        assert screen.ends() == 3
    assert set(stage.agents()) == {"ada", "bob"}


@pytest.mark.alike("what is printed is the same for every provider")
def test_ctrl_c_at_the_question_ends_at_once(stage: Stage) -> None:
    """130, and nothing is done, of what is held or of the rest."""
    stage.raised({"ada": demo(), "bob": demo()})
    file = stage.team({"ada": demo("A")})

    with terminal(stage, "up", "-f", str(file)) as screen:
        screen.shows(b"[y/N] ")
        screen.type(b"\x03")
        assert screen.ends() == 130
        assert b"nothing was changed" in screen.screen()
    assert (set(stage.agents()), stage.told("ada")) == ({"ada", "bob"}, [])


def test_an_interrupted_up_ends_cleanly_and_another_converges(stage: Stage) -> None:
    """Ctrl-C: exit 130, what is left is said, and running it again says each message once."""
    file = stage.team({"ada": slow("A", "B"), "bob": demo("X", after={"ada": "ready"})})
    command = stage.start("up", "-f", file)
    eventually(lambda: stage.is_there() and stage.on_host("ls agents/ada/journal 2>/dev/null || :"))
    command.send_signal(signal.SIGINT)
    _, err = command.communicate(timeout=30)

    assert command.returncode == 130
    assert b"changes are left; run it again" in err
    assert b"Traceback" not in err
    stage.must("up", "-f", file, "--wait")
    assert (stage.told("ada"), stage.told("bob")) == (["A", "B"], ["X"])
    assert stage.mng("plan", "-f", file, "--check").status == 0


def test_an_interrupted_logs_follow_is_130(stage: Stage) -> None:
    """So is every command that Ctrl-C ends."""
    stage.raised({"ada": demo("A")})
    command = stage.start("logs", "-f", "ada")
    assert command.stdout is not None
    assert command.stdout.readline()
    command.send_signal(signal.SIGINT)

    assert command.wait(20) == 130


def test_logs_follow_shows_what_comes(stage: Stage) -> None:
    """New lines appear as they are printed."""
    stage.raised({"ada": demo()})
    command = stage.start("logs", "-f", "ada")
    assert command.stdout is not None
    assert command.stdout.readline()
    stage.must("message", "ada", "something new")

    assert any("something new" in line.decode() for line in iter(command.stdout.readline, b""))


def test_timeout_ends_up_with_124(stage: Stage) -> None:
    """Running it again goes on."""
    file = stage.team({"ada": slow("A")})
    done = stage.up(file, "--timeout", "1s")

    assert (done.status, stage.told("ada")) == (124, [])
    stage.must("up", "-f", file)
    assert stage.told("ada") == ["A"]


@pytest.mark.local_only("a sandbox has a PATH of its own, on which no tmux is slow")
def test_a_timeout_that_passes_under_the_look_begins_nothing(stage: Stage) -> None:
    """The time counts from the command's first moment, and a slow host does not stretch it."""
    stage.raised({"ada": demo()})
    bin_ = stage.root / "bin"
    bin_.mkdir()
    (bin_ / "tmux").write_text(f'#!/bin/sh\nsleep 6\nexec {shutil.which("tmux")} "$@"\n')
    (bin_ / "tmux").chmod(0o755)
    file = stage.team({"ada": demo(), "bob": demo()})
    began = time.monotonic()

    done = stage.up(file, "--timeout", "1s", env={"PATH": f"{bin_}:{stage.env['PATH']}"})

    assert time.monotonic() - began < 4
    assert (done.status, done.out) == (124, "")
    assert done.err == "mng: --timeout has passed before anything was begun; run it again\n"
    assert list(stage.agents()) == ["ada"]


def test_ready_timeout_leaves_the_message_pending(stage: Stage) -> None:
    """An agent that isn't ready in time is no failure: exit 0, and a later up says it."""
    file = stage.team({"ada": slow("A")})
    done = stage.up(file, "--ready-timeout", "1s")

    assert (done.status, "pending" in done.err, stage.told("ada")) == (0, True, [])
    stage.must("up", "-f", file)
    assert stage.told("ada") == ["A"]


def test_wait_ends_when_an_agent_is_done(stage: Stage) -> None:
    """`wait --for done` is a join."""
    stage.raised({"web": runs(program("sleeper", 0))})
    command = stage.start("wait", "web", "--for", "done")
    stage.tmux("send-keys", "-t", "=web:", "Enter")

    out, _ = command.communicate(timeout=30)
    assert (command.returncode, out.split()[:2]) == (0, [b"web@box", b"DONE"])


@pytest.mark.alike("what is waited for is looked at in the same way on every host")
def test_wait_for_a_state_that_does_not_come_is_124(stage: Stage) -> None:
    """--timeout bounds it, and the agent is named with its state."""
    stage.raised({"ada": demo()})

    done = stage.mng("wait", "ada", "--for", "done", "--timeout", "1s")
    assert (done.status, "not done within the time: ada@box is WAITING (" in done.err) == (
        124,
        True,
    )


@pytest.mark.alike("what is waited for is looked at in the same way on every host")
def test_wait_for_an_agent_that_fails_is_1(stage: Stage) -> None:
    """What never comes is not waited for."""
    stage.raised({"web": runs(program("sleeper", 3), restart="never")})
    stage.tmux("send-keys", "-t", "=web:", "Enter")

    done = stage.mng("wait", "web", "--for", "done", "--timeout", "30s")
    assert (done.status, "ended with 3" in done.err) == (1, True)


@pytest.mark.alike("what is waited for is looked at in the same way on every host")
def test_wait_any_takes_the_first(stage: Stage) -> None:
    """--any ends with the first that meets the condition."""
    stage.raised({"ada": demo(), "web": runs(program("sleeper", 0))})
    stage.tmux("send-keys", "-t", "=web:", "Enter")
    began = time.monotonic()

    done = stage.must("wait", "ada", "web", "--for", "done", "--any", "--timeout", "60s")
    assert done.out.split()[:2] == ["web@box", "DONE"]
    assert time.monotonic() - began < 50


@pytest.mark.alike("what is waited for is looked at in the same way on every host")
@pytest.mark.parametrize("condition", ["ready", "idle", "delivered"])
def test_wait_is_over_at_once_where_it_is_so(stage: Stage, condition: str) -> None:
    """A condition that holds is no waiting."""
    stage.raised({"ada": demo("A")})

    assert stage.must("wait", "ada", "--for", condition).out.startswith("ada@box ")


def test_wait_for_blocked_finds_a_dialog(stage: Stage) -> None:
    """A script can tell that a person is needed."""
    stage.raised({"ada": demo()})
    stage.must("message", "ada", "/ask")

    assert "BLOCKED" in stage.must("wait", "ada", "--for", "blocked", "--timeout", "20s").out
    done = stage.mng("wait", "ada", "--for", "idle", "--timeout", "1s")
    assert (done.status, done.err.splitlines()[1]) == (124, "  try: mng connect ada@box")
