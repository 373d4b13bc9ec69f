"""What is not as it was, and where two agents write one file."""

from __future__ import annotations

import dataclasses

from mng.model.world import Edit, LiveAgent, World
from mng.reconcile.changes import changes, shared_files

from .worlds import a_host, a_world, agent


def lines(before: World, after: World) -> list[str]:
    return [f"{c.what} {c.subject} {c.was}>{c.now}" for c in changes(before, after)]


def edited(name: str, **at: int) -> LiveAgent:
    return dataclasses.replace(agent(name), edits=tuple(Edit(*one) for one in at.items()))


def test_a_file_is_shared_if_two_agents_of_one_host_changed_it() -> None:
    """Not if one did so twice, nor if they are on different hosts."""
    one, two = edited("a", x=5, y=9), edited("b", x=3)
    elsewhere = edited("c@h2", y=4)

    (file,) = shared_files([one, two, elsewhere])
    assert (file.host, file.path, file.agents) == (a_host("h"), "x", (("b", 3), ("a", 5)))


def test_each_change_is_told_once() -> None:
    before = a_world(agent("a", state="RUNNING"), agent("b"))
    after = a_world(agent("a", state="WAITING", sent=["hello"]))

    told = lines(before, after)
    assert told[:2] == ["agent a@h RUNNING>WAITING", "agent b@h WAITING>"]
    assert [line.split(" ")[0] for line in told[2:]] == ["message"]
    assert lines(after, after) == []


def test_what_can_not_be_asked_is_not_gone() -> None:
    before = a_world(agent("a"))

    assert lines(before, World(silent={"local": "no answer"})) == []
