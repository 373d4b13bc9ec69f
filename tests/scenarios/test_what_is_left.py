"""What a command could not do now is named, with what it waits for and what to type next."""

from __future__ import annotations

import json

import pytest

from .stage import Stage, demo, program, runs

pytestmark = pytest.mark.alike("what is printed is the same for every provider")

SILENT = runs("sleep 1000")


def test_a_message_that_cant_be_delivered_now_is_no_success(stage: Stage) -> None:
    """No later command would deliver it: exit 3, why, and what to type."""
    stage.raised({"quiet": SILENT})

    done = stage.mng("message", "quiet", "foo", "--ready-timeout", "1s")
    assert done.status == 3
    assert 'not delivered:\n  message "foo" to quiet@box: not ready yet' in done.err
    assert "try: mng logs quiet@box" in done.err


def test_the_first_message_of_create_is_delivered_or_told(stage: Stage) -> None:
    """Nor would a later command bring what `create` could not say."""
    words = ("--command", "sleep 1000", "--message", "foo", "--ready-timeout", "1s")

    done = stage.mng("create", "quiet", *words)
    assert (done.status, "not delivered:" in done.err) == (3, True)


def test_an_agent_whose_condition_did_not_come_is_work_left(stage: Stage) -> None:
    """It was to be started now: exit 1, with what it waits for and the command that goes on."""
    file = stage.team({"quiet": SILENT, "ada": demo("A", after={"quiet": "ready"})})

    done = stage.up(file, "--ready-timeout", "1s")
    assert (done.status, "ada" in stage.agents()) == (1, False)
    assert "not done:\n  ada@box: waits for quiet@box: ready (not ready yet: " in done.err
    assert 'message 1 "A" to ada@box: waits for ada@box\n' in done.err
    assert f"try: mng up -f {file} --ready-timeout 1s   or   mng up " in done.err
    assert done.err.rstrip().endswith("--wait")


def test_a_program_learns_of_work_left(stage: Stage) -> None:
    """The last event has the exit status, and no text stands beside the events."""
    file = stage.team({"quiet": SILENT, "ada": demo(after={"quiet": "ready"})})

    done = stage.up(file, "--ready-timeout", "1s", "-o", "json")
    assert (json.loads(done.out.splitlines()[-1])["exit_status"], done.err) == (1, "")


def test_wait_stays_until_the_condition_has_come(stage: Stage) -> None:
    """--wait goes on where a first try was too early."""
    late = {"type": "demo", "args": ["--busy", "0", "--slow-start", "3"]}
    file = stage.team({"slow": late, "ada": demo("A", after={"slow": "ready"})})

    stage.must("up", "-f", file, "--ready-timeout", "1s", "--wait")
    assert stage.told("ada") == ["A"]


def test_what_must_wait_is_named_in_the_summary(stage: Stage) -> None:
    """Pending is exit 0; the agent that is not there yet is named with its messages."""
    first = runs(program("sleeper", 0))
    file = stage.team({"web": first, "ada": demo("A", "B", after={"web": "done"})})

    done = stage.up(file)
    assert done.status == 0
    assert "pending:\n  ada@box: waits for web: done, with 2 messages\n  try: " in done.err


def test_a_skipped_step_names_what_failed(stage: Stage) -> None:
    """Not a number that stands nowhere else."""
    bad = runs(["sh", "-c", "exit 3"], "never said", restart="never")

    done = stage.up(stage.team({"web": bad, "ada": demo(after={"web": "ready"})}))
    assert "- ada@box: skipped, web@box: ready failed" in done.err


@pytest.mark.local_only("no host of Modal has a directory of the user's")
def test_a_work_dir_beside_the_host_stays_and_is_told(stage: Stage) -> None:
    """Its work is saved all the same; the user removes it, or names another one."""
    tree = stage.user / "tree"
    file = stage.raised({"ada": demo()}, host={"source": str(stage.repo), "work_dir": "~/tree"})
    (tree / "new.txt").write_text("new")

    done = stage.must("down", "-f", file)
    assert f"{tree} stays" in done.err
    assert (tree / "new.txt").read_text() == "new"
    assert len(stage.saved()) > 0
    assert "is in the way" in stage.up(file).err
