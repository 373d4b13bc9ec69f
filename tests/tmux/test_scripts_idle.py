"""A host tells by itself that its agents have nothing to do; what it can't tell counts as work."""

from __future__ import annotations

import dataclasses
import fcntl
from pathlib import Path

import pytest

from mng.engine.kept import arm
from mng.model.record import host_record
from mng.model.spec import HostSpec, Owner
from mng.model.world import LiveHost
from mng.work.kept import KEEPS

from .host_home import HOST, MARK, Home
from .waiting import eventually


@pytest.fixture
def armed(home: Home) -> Home:
    """A host that is made, and has the means."""
    spec = HostSpec()
    (home.home / "host.json").write_text(host_record(HOST, MARK, Owner(), spec, 1))
    (home.home / "work.done").write_text("{}")
    (home.home / "keep.since").write_text("")
    arm(LiveHost(HOST, Owner(), spec, MARK), home.machine)
    return home


def idle(home: Home, *work: str, seconds: int = 0) -> str:
    return home.call("idle", str(seconds), *work)


def kept(home: Home) -> None:
    """All that is there now was just kept."""
    (home.home / "keep.since").touch()
    (home.home / "keep.since").write_text("now")


def test_all_scripts_are_there(armed: Home) -> None:
    """Under the names by which they call each other."""
    there = {path.name for path in (armed.home / "keep").iterdir()}

    assert there == {*KEEPS, "observe", "glance", "idle", "work", "run"}


def test_a_program_that_reads_its_terminal_is_idle(armed: Home) -> None:
    """The kernel says so; one that sleeps may be at work."""
    armed.talking()
    eventually(lambda: idle(armed) == "idle")

    armed.start(armed.want(["sleep", "600"], "bob"))

    eventually(lambda: idle(armed) == "busy: bob is at work")


def test_an_agents_own_word_decides(armed: Home) -> None:
    """Its kind names the file and the line; anything else in it is work."""
    want = dataclasses.replace(armed.want(["sleep", "600"]), rests=("state", '"state": "idle"'))
    armed.start(want)
    assert idle(armed) == "busy: ada is at work"
    state = armed.home / "agents" / "ada" / "state"

    for text, said in (("idle", "idle"), ("busy", "busy: ada is at work")):
        state.write_text(f'{{"state": "{text}"}}')
        eventually(lambda said=said: idle(armed) == said)  # type: ignore[misc]


def test_an_agent_that_has_ended_is_idle(armed: Home) -> None:
    """Whatever it came to."""
    armed.start(armed.want(["false"]))

    eventually(lambda: idle(armed) == "idle")


def test_idle_is_meant_for_so_long(armed: Home) -> None:
    """From the last thing that was written, drawn or made."""
    armed.talking()

    assert "just" in idle(armed, seconds=600)


def test_a_host_that_is_not_finished_is_not_idle(armed: Home) -> None:
    """Its first agent is still to come."""
    (armed.home / "work.done").unlink()

    assert idle(armed) == "busy: its work tree is not there yet"


def test_an_idle_host_ends_only_once_all_is_kept(armed: Home) -> None:
    """Its home goes in one rename, so that whoever comes later finds it gone."""
    armed.talking()
    eventually(lambda: idle(armed) == "idle")
    assert idle(armed, str(armed.work)).startswith("busy: it has changed")
    assert armed.home.exists()

    kept(armed)

    eventually(lambda: idle(armed, str(armed.work)) == "ended")
    assert not armed.home.exists()
    assert armed.run("observe", "x") == (66, "gone")


@pytest.mark.parametrize("agent", ["ada", "bob"])
def test_a_message_on_its_way_keeps_its_host(armed: Home, agent: str) -> None:
    """To any of its agents: who brings one holds the agent's lock."""
    armed.talking("ada")
    armed.talking("bob")
    eventually(lambda: idle(armed) == "idle")
    kept(armed)
    with Path(armed.home / "locks" / agent).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        said = eventually(lambda: idle(armed, str(armed.work)))

    assert said == f"busy: a message is on its way to {agent}"
    assert armed.home.exists()
