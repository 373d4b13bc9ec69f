"""What a start hands over, whatever its size and whatever characters are in it."""

from __future__ import annotations

import contextlib
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


HANGS_ON = "trap '' HUP TERM; (setsid sh -c 'trap \"\" HUP TERM; sleep 1000; :' &) ; sleep 1000; :"


def strays_of(home: Home, incarnation: str) -> list[psutil.Process]:
    """The living processes of an incarnation, wherever they went."""
    mine = f"{home.home}/agents/.{incarnation}"
    found = []
    for process in home.processes():
        with contextlib.suppress(psutil.Error, OSError):  # it may end just now
            if process.environ().get("MNG_AGENT_DIR") == mine:
                found.append(process)
    return found


def are_dead(home: Home, *agents: str) -> bool:
    """tmux says so. It may have missed the end of a child until another one ends."""
    home.tmux("run-shell", "-b", "true")
    return all(home.option("pane_dead", agent) == "1" for agent in agents)


@pytest.mark.parametrize("accident", ["socket", "server"])
@pytest.mark.parametrize("known", [True, False])
def test_two_incarnations_are_never_alive_at_once(home: Home, accident: str, known: bool) -> None:
    """Though tmux knows nothing of the old one any more, and though it ignores every signal."""
    home.start(home.want(["sh", "-c", HANGS_ON]))
    home.start(home.want(SLEEPER, "bob", "i9"))
    eventually(lambda: len(strays_of(home, "i1")) == 4)
    bob = strays_of(home, "i9")
    server = psutil.Process(int(home.tmux("display-message", "-p", "#{pid}")))
    (home.home / "tmux").unlink()
    if accident == "server":
        server.kill()

    want = home.want(SLEEPER, incarnation="i2", replaces="i1" if known else None)
    assert home.start(want)[0] == "started"

    assert strays_of(home, "i1") == []
    assert len(strays_of(home, "i2")) == 1
    if accident == "socket":
        assert strays_of(home, "i9") == bob
        home.call("stop", "bob", "i9", "destroy")
        server.kill()
    assert strays_of(home, "i9") == []


@pytest.mark.parametrize("what", ["stop", "destroy"])
def test_a_daemon_ends_with_its_agent(home: Home, what: str) -> None:
    """Also one whose agent has ended before; that of another agent with a similar name stays."""
    daemon = "setsid sh -c 'sleep 1000; :' >/dev/null 2>&1 & sleep 0.3"
    home.start(home.want(["sh", "-c", daemon]))
    home.start(home.want(["sh", "-c", daemon], "bob", "i10"))
    eventually(lambda: are_dead(home, "ada", "bob"))
    assert (len(strays_of(home, "i1")), len(strays_of(home, "i10"))) == (2, 2)

    home.call("stop", "ada", "i1", what)

    assert (len(strays_of(home, "i1")), len(strays_of(home, "i10"))) == (0, 2)
    home.call("stop", "bob", "i10", "stop")
