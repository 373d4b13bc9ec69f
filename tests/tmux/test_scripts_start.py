"""What a start hands over, whatever its size and whatever characters are in it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import psutil
import pytest

from mng.model.spec import Env, Secret
from mng.model.world import Sent, SentState
from tests.tmux.waiting import eventually

from .host_home import Home

SLEEPER = ["sleep", "1000"]


@pytest.mark.parametrize(
    "name", ["c#S", "a#[b", "e%H", "f#{pid}", "j#(touch pwned)", "it's; $HOME"]
)
def test_an_agent_works_in_a_directory_of_any_name(home: Home, name: str) -> None:
    """In the host's own path, and in that of the source within its repository."""
    odd = Home(home.root / name, "sh")
    place = odd.work / name
    place.mkdir()
    (odd.home / "work.prefix").write_text(f"{name}/")
    try:
        assert odd.start(odd.want(SLEEPER))[0] == "started"
        agent = psutil.Process(odd.pid())
        eventually(lambda: agent.name() == "sleep")
        assert Path(agent.cwd()) == place
        assert list(place.iterdir()) == []
        assert odd.seen()["ada"].pid == agent.pid
    finally:
        odd.close()


def test_a_ledger_of_any_length_is_carried_on(home: Home) -> None:
    """Each next incarnation knows all that the one before it was told, however much that is."""
    carried = tuple(Sent(f"{n:016x}.1", SentState.SUBMITTED) for n in range(3000))

    home.start(home.want(SLEEPER, carried=carried))

    assert home.seen()["ada"].sent == carried
    assert home.deliver("hello", "0" * 16 + ".1") == "already"
    home.start(home.want(home.talker(), incarnation="i2", replaces="i1", carried=carried))
    eventually(lambda: "ready" in home.screen())
    assert home.deliver("hello", "k", incarnation="i2") == "submitted"
    home.call("stop", "ada", "i2", "stop")
    assert home.seen()["ada"].sent == (*carried, Sent("k", SentState.SUBMITTED))


def test_a_secret_arrives_whatever_path_the_agent_wants(home: Home) -> None:
    """The launcher takes it with the PATH that the start had."""
    want = home.want(["/bin/sleep", "1000"], secret="it's; a #secret")
    env: Env = {"PATH": "/opt/x", "KEY": Secret("KEY")}

    home.start(dataclasses.replace(want, spec=dataclasses.replace(want.spec, env=env)))

    agent = psutil.Process(home.pid())
    eventually(lambda: agent.name() == "sleep")
    assert agent.environ()["KEY"] == "it's; a #secret"
    assert agent.environ()["PATH"].endswith(":/opt/x")
    assert home.buffers() == []


def test_a_secret_that_nobody_takes_does_not_stay(home: Home) -> None:
    """A launcher that hangs leaves no buffer for others to read."""
    want = home.want(SLEEPER, secret="hidden")
    (home.root / "bin" / "sh").unlink()
    (home.root / "bin" / "sh").symlink_to("/bin/true")

    args, stdin = home.sent(want)
    argv = ["/bin/sh", *home.argv("start", *args)[1:]]
    home.machine.transport.run(argv, stdin=stdin, timeout=60)

    assert home.buffers() == []
