"""`mng connect` on Modal, in a terminal as a person has one."""

from __future__ import annotations

import fcntl
import signal
import struct
import termios
from collections.abc import Iterator

import pytest

from tests.modal_loopback.fixture import Loopback
from tests.scenarios.stage import runs
from tests.scenarios.terminal import Terminal, terminal
from tests.tmux.waiting import eventually

from .cloud import Cloud

# Says what its terminal does to it.
PROGRAM = """
import os, signal, sys
def say(words): os.write(1, words.encode() + b"\\n")
signal.signal(signal.SIGWINCH, lambda *_: say("size %dx%d" % os.get_terminal_size(0)))
signal.signal(signal.SIGINT, lambda *_: say("interrupted"))
say("ready")
while True: say("heard " + sys.stdin.readline().strip())
"""


@pytest.fixture
def up(cloud: Cloud) -> Cloud:
    """A host with the agent `a`."""
    command = ["python3", "-c", PROGRAM]
    cloud.must("up", "-f", cloud.cloud_team({"a": runs(command, ready={"screen": "ready"})}))
    return cloud


@pytest.fixture
def screen(up: Cloud) -> Iterator[Terminal]:
    """A terminal that is connected to it."""
    with terminal(up, "connect", "a") as made:
        made.shows(b"ready")
        yield made


def clients(cloud: Cloud) -> list[str]:
    """Who is attached on the host."""
    return cloud.tmux("list-clients", "-F", "#{client_tty}").split()


def test_typed_keys_arrive(screen: Terminal) -> None:
    """`connect` is the agent's own terminal."""
    screen.type(b"by hand\r")

    screen.shows(b"heard by hand")


def test_ctrl_c_goes_to_the_agent(screen: Terminal) -> None:
    """And not to mng, which stays connected."""
    screen.type(b"\x03")
    screen.shows(b"interrupted")
    screen.type(b"and on\r")

    screen.shows(b"heard and on")
    assert screen.process.poll() is None


def test_a_resize_is_seen_by_the_program(screen: Terminal) -> None:
    """As soon as the window has another size, the agent's terminal has it, too."""
    fcntl.ioctl(screen.near, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 132, 0, 0))

    screen.shows(b"size 132x")


def test_detaching_leaves_nothing_attached(up: Cloud, screen: Terminal) -> None:
    """Status 0, the terminal as it was, and the agent lives on."""
    pid = up.pid("a")
    assert len(clients(up)) == 1
    screen.type(b"\x02d")

    assert screen.ends() == 0
    assert screen.settings() == screen.before
    assert clients(up) == []
    assert up.pid("a") == pid


def test_a_killed_client_leaves_nothing_attached(up: Cloud, screen: Terminal) -> None:
    """Within a quarter of a minute the host knows that nobody is there any more."""
    assert len(clients(up)) == 1
    screen.process.send_signal(signal.SIGKILL)

    eventually(lambda: clients(up) == [])
    assert up.alive(up.pid("a"))


def test_a_terminal_that_is_closed_leaves_nothing_attached(up: Cloud, screen: Terminal) -> None:
    """SIGHUP ends the connection at both ends."""
    assert len(clients(up)) == 1
    screen.process.send_signal(signal.SIGHUP)

    assert screen.ends() == 128 + signal.SIGHUP
    assert screen.settings() == screen.before
    eventually(lambda: clients(up) == [])


def test_a_sandbox_that_ends_gives_the_terminal_back(up: Cloud, screen: Terminal) -> None:
    """With what has happened and the next command, out of the screen that tmux has switched to."""
    for box in up.sandboxes():
        box.terminate()

    assert screen.ends() == 1
    assert screen.screen().count(b"\x1b[?1049l") == 1
    assert screen.settings() == screen.before
    said = screen.screen().rpartition(b"\x1b[0m")[2].decode().split("\r\n")
    assert said == [
        "", "mng: host box.modal: Modal ended it", "  try: mng start box.modal   or   mng up", ""
    ]  # fmt: skip


def test_a_cut_connection_is_not_noticed(up: Cloud, loopback: Loopback) -> None:
    """What is shown and what is typed go on where they were."""
    loopback.inject({"rpc": "TaskExecStdioRead", "kind": "cut", "seconds": 0.5, "times": None})
    with terminal(up, "connect", "a") as screen:
        screen.shows(b"ready")
        for number in range(5):
            screen.type(b"line %d\r" % number)
            screen.shows(b"heard line %d" % number)


def test_a_broken_connection_is_made_anew(up: Cloud, loopback: Loopback) -> None:
    """With a line that says so; then keys arrive again, and only one client is attached."""
    cut = {"rpc": "TaskExecStdioRead", "kind": "cut", "seconds": 3, "times": None}
    loopback.inject(cut)
    with terminal(up, "connect", "a") as screen:
        screen.shows(b"ready")
        loopback.inject(cut, {"rpc": "Task*", "kind": "unavailable", "times": None})
        screen.shows(b"the connection broke; attaching again")
        loopback.inject()
        eventually(lambda: screen.screen().count(b"ready") > 1)
        screen.type(b"here again\r")

        screen.shows(b"heard here again")
        assert len(clients(up)) == 1
