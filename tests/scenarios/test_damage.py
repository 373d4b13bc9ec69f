"""What lies on a host's disk may be damaged: that one thing is unknown, and all else goes on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.scenarios.stage import Stage, demo

pytestmark = pytest.mark.local_only("a damaged disk is read by the same script on every host")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"team": 1}', '{"spec": {"type": 5}}'])
def test_an_agent_with_a_damaged_record_is_unknown_and_left_alone(stage: Stage, text: str) -> None:
    """The others are listed and brought up; it runs on, and is not started anew."""
    file = stage.raised({"ada": demo("A")})
    pid = stage.pid("ada")
    (record,) = (stage.host_dir() / "agents" / "ada").glob("????????.json")
    record.write_text(text)

    done = stage.up(stage.team({"ada": demo("A"), "bob": demo("B")}), "--yes", "--wait")
    assert (done.status, "ada" in done.err, "its record" in done.err) == (1, True, True)
    assert (stage.state("ada"), stage.state("bob")) == ("UNKNOWN", "WAITING")
    assert stage.tmux("list-panes", "-t", "=ada:", "-F", "#{pane_pid}").strip() == str(pid)
    assert stage.must("destroy", "ada").status == 0
    assert stage.must("up", "-f", file, "--yes").status == 0


@pytest.mark.parametrize("line", ["17 begun k", "1764000000 subm", "x", "17 exit i 0", "17"])
def test_an_agent_whose_journal_is_torn_is_not_started_anew(stage: Stage, line: str) -> None:
    """Without its session nobody knows what it was told; with it, the session knows."""
    file = stage.raised({"ada": demo("A"), "bob": demo("B")})
    with (stage.host_dir() / "agents" / "ada" / "journal").open("a") as journal:
        journal.write(f"{line}\n")
    alive = stage.state("ada")
    stage.tmux("kill-server")

    done = stage.up(file, "--yes", "--wait")
    assert (alive, done.status, "its journal" in done.err) == ("WAITING", 1, True)
    assert (stage.state("ada"), stage.state("bob")) == ("UNKNOWN", "WAITING")
    assert stage.told("ada") == ["A"]


@pytest.mark.parametrize("file", ["id", "host.json"])
@pytest.mark.parametrize("text", [None, "", '{"team"', "\udcff"])
def test_a_damaged_host_is_shown_and_never_removed(
    stage: Stage, file: str, text: str | None
) -> None:
    """With its path and what is wrong, by every command that would use it."""
    stage.raised({"ada": demo()})
    stage.must("create", "eve", "--type", "demo")
    path: Path = stage.host_dir() / file
    path.unlink() if text is None else path.write_text(text, errors="surrogateescape")
    if file == "id" and text not in (None, "", "\udcff"):
        return  # any text is some mark

    listed = stage.listed()["hosts"]
    states = {
        host["name"]: (host["state"], str(stage.host_dir()) in host["reason"]) for host in listed
    }
    assert states["box"] == ("UNKNOWN", True)
    assert states["local"][0] == "RUNNING"
    assert stage.up(stage.team({"ada": demo()}), "--yes").status == 1
    assert stage.mng("destroy", "box").status == 1
    down = stage.mng("down", "-f", stage.team({"ada": demo()}))
    assert (down.status, str(stage.host_dir()) in down.err) == (1, True)
    assert stage.mng("exec", "box", "true").status == 125
    assert (stage.host_dir() / "agents" / "ada").is_dir()


def test_a_session_or_a_directory_made_by_hand_may_have_any_name(stage: Stage) -> None:
    """They are nobody's, and hinder nobody."""
    file = stage.raised({"ada": demo("A")})
    stage.tmux("new-session", "-d", "-s", "x|y", "sleep 600")
    odd = stage.host_dir() / "agents" / "a:b c"
    odd.mkdir()
    (odd / "journal").write_text("1 started i 1\n")

    assert stage.must("list").out.count("WAITING") == 1
    assert stage.must("up", "-f", file).out == ""


def test_an_agent_whose_session_was_renamed_by_hand_is_found(stage: Stage) -> None:
    """By the mark on its pane: it is never started a second time, and all commands reach it."""
    file = stage.raised({"ada": demo("A")})
    pid = stage.pid("ada")
    stage.tmux("rename-session", "-t", "=ada", "my own")

    stage.must("up", "-f", file)
    assert stage.pid("ada") == pid
    stage.must("message", "ada", "B")
    assert stage.told("ada") == ["A", "B"]
    assert "A" in stage.must("logs", "ada").out
    stage.must("stop", "ada")
    stage.must("start", "ada")
    assert stage.tmux("list-sessions", "-F", "#{session_name}").split() == ["ada"]
    stage.must("destroy", "ada")
    assert not stage.host_dir().exists()


def test_a_tree_of_any_depth_goes_with_its_host(stage: Stage) -> None:
    """Its files are saved first, and nothing stays in the way of the next host."""
    file = stage.raised({"ada": demo()})
    deep = "import os\nfor _ in range(1300):\n  os.mkdir('d'); os.chdir('d')\nopen('f', 'w')"
    stage.must("exec", "box", "--", sys.executable, "-c", deep)

    stage.must("down", "-f", file)
    assert list((stage.home / "hosts").iterdir()) == []
    stage.must("up", "-f", file)


def test_a_command_on_a_host_that_is_being_ended_is_refused(stage: Stage) -> None:
    """What it would write is in no save any more; `up` opens the host again."""
    file = stage.raised({"ada": demo()})
    for name in ("closing", "sealed"):  # as a mng leaves it that is killed between save and end
        (stage.host_dir() / name).touch()

    done = stage.mng("exec", "box", "echo x >x")
    assert (done.status, (stage.host_dir() / "work" / "x").exists()) == (125, False)
    stage.must("up", "-f", file)
    stage.must("exec", "box", "echo x >x")
