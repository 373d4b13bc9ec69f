"""Several at once: one world, each message once, and nobody is told off for being second."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.tmux.waiting import eventually

from .place import Done, Place

CROWD = 8
ROUNDS = 3


def at_once(place: Place, *commands: Sequence[object]) -> list[Done]:
    """Run the commands at the same time, each to its end."""
    running = [place.start(*command) for command in commands]
    return [one.end() for one in running]


def statuses(done: Sequence[Done]) -> list[int]:
    return [one.status for one in done]


def said(done: Sequence[Done]) -> str:
    return "\n----\n".join(one.said for one in done)


def check_nothing_left(place: Place) -> None:
    eventually(place.settled)
    assert place.left() == []


def check_nothing_there(place: Place, output: str = "") -> None:
    check_nothing_left(place)
    assert place.nothing_there(), output


def test_eight_ups_of_one_file_make_one_world(place: Place) -> None:
    """Whoever is first does it; to the others it is done."""
    told = place.team(3, 3)

    done = at_once(place, *[["up", "-f", place.file, "--wait"]] * CROWD)

    assert statuses(done) == [0] * CROWD, said(done)
    eventually(lambda: all(len(place.heard(name)) >= 3 for name in told), timeout=5)
    assert {name: place.heard(name) for name in told} == told
    assert place.sessions() == sorted(told)
    check_nothing_left(place)
    assert "nothing to do" in place.must("plan", "-f", place.file, "--check")


@pytest.mark.parametrize("new_host", [True, False], ids=["and of its host", "on a host"])
def test_eight_creates_of_one_name_make_one_agent(place: Place, new_host: bool) -> None:
    """What is so already is success, also for --new-host."""
    command = ["create", f"one@{place.at('box')}", "--message", "hello", "--", *place.talker("one")]
    if new_host:
        command.insert(2, "--new-host")
    else:
        place.must("create", f"other@{place.at('box')}", "--new-host", "--", *place.talker("other"))

    done = at_once(place, *[command] * CROWD)

    assert statuses(done) == [0] * CROWD, said(done)
    assert place.sessions() == (["one"] if new_host else ["one", "other"])
    eventually(lambda: place.heard("one"))
    assert place.heard("one") == ["hello"]
    check_nothing_left(place)


def test_eight_messages_of_one_id_are_one_message(place: Place) -> None:
    """An id is said once, whoever says it."""
    place.must("create", f"one@{place.at('box')}", "--new-host", "--", *place.talker("one"))

    done = at_once(place, *[["message", "--id", "same", "one", "hello"]] * CROWD)

    assert statuses(done) == [0] * CROWD, said(done)
    eventually(lambda: place.heard("one"))
    assert place.heard("one") == ["hello"]
    check_nothing_left(place)


def test_eight_messages_without_an_id_are_eight(place: Place) -> None:
    """Each call of `message` is one message, and none runs into another."""
    place.must("create", f"one@{place.at('box')}", "--new-host", "--", *place.talker("one"))
    texts = [f"number {number}\nof eight" for number in range(CROWD)]

    done = at_once(place, *[["message", "one", text] for text in texts])

    assert statuses(done) == [0] * CROWD, said(done)
    eventually(lambda: len(place.heard("one")) >= CROWD)
    assert sorted(place.heard("one")) == texts
    check_nothing_left(place)


def test_eight_downs_end_one_world(place: Place) -> None:
    """What is gone already is success; the work is saved."""
    place.team(3, 0)
    place.must("up", "-f", place.file)
    place.on_host("echo work >loose.txt")

    done = at_once(place, *[["down", "-f", place.file]] * CROWD)

    assert statuses(done) == [0] * CROWD, said(done)
    check_nothing_there(place, said(done))
    trees = [ref for ref in place.saved() if ref.endswith("/work-tree")]
    assert {place.git("show", f"{ref}:loose.txt") for ref in trees} == {"work"}


@pytest.mark.parametrize("number", range(ROUNDS))
def test_up_and_down_at_once_end_in_one_world(place: Place, number: int) -> None:
    """Either may find the other in its way, and says so; the work is never between them."""
    told = place.team(3, 2)
    place.must("up", "-f", place.file, "--wait")
    place.on_host("echo work >loose.txt")
    both = ["up", "-f", place.file, "--wait"], ["down", "-f", place.file]

    done = at_once(place, *both, *both, *both)

    assert set(statuses(done)) <= {0, 1}, said(done)
    assert all("try: " in one.said for one in done if one.status == 1), said(done)
    on_host = place.on_host("cat loose.txt") == "work\n"
    trees = [ref for ref in place.saved() if ref.endswith("/work-tree")]
    assert on_host or any(place.git("show", f"{ref}:loose.txt") for ref in trees)
    place.must("up", "-f", place.file, "--wait")
    assert place.sessions() == sorted(told)
    check_nothing_left(place)
    for name, texts in told.items():
        heard = place.heard(name)
        lives = [heard[at : at + 2] for at in range(0, len(heard), 2)]
        # A life that was ended early may not have heard all; none heard anything twice.
        assert lives[-1] == texts, heard
    place.must("down", "-f", place.file)
    check_nothing_there(place)


@pytest.mark.parametrize("number", range(ROUNDS))
def test_create_and_the_end_of_the_last_agent_at_once(place: Place, number: int) -> None:
    """The host stays for the new agent, or goes before it comes: never under it."""
    place.must("create", f"last@{place.at('box')}", "--new-host", "--", *place.talker("last"))
    place.on_host("echo work >loose.txt")
    name = f"next@{place.at('box')}"
    command = ["create", name, "--message", "hello", "--", *place.talker("next")]

    created, destroyed = at_once(place, command, ["destroy", "last"])

    both = said([created, destroyed])
    assert destroyed.status in (0, 1), both
    assert created.status in (0, 1, 4), both
    if created.status == 0:
        assert place.sessions() == ["next"], both
        assert place.heard("next") == ["hello"]
        place.must("destroy", "next")
    elif destroyed.status == 1:
        place.must("destroy", "box")
    check_nothing_there(place)
    trees = [ref for ref in place.saved() if ref.endswith("/work-tree")]
    assert any(place.git("show", f"{ref}:loose.txt") == "work" for ref in trees)
