"""`up` and `down`, killed at any moment and run once more, are as if nothing had happened."""

from __future__ import annotations

import statistics
import time

import pytest

from tests.tmux.waiting import eventually

from .place import AT_ONCE, Place, in_places
from .test_every_effect import check_work, leave_work

POINTS = 100
CHUNKS = 5
AGENTS, MESSAGES = 5, 3


def clean_run(place: Place, number: int) -> float:
    """Seconds that an undisturbed `up` takes, among as many others as later."""
    place.team(AGENTS, MESSAGES)
    began = time.monotonic()
    place.must("up", "-f", place.file, "--wait")
    return time.monotonic() - began


def killed_run(place: Place, point: tuple[int, float]) -> bool:
    """Kill `up` at a point of its run, then run it again; whether it was still running."""
    number, seconds = point
    told = place.team(AGENTS, MESSAGES)
    first = place.start("up", "-f", place.file, "--wait")
    time.sleep(seconds * number / POINTS)
    alive = first.process.poll() is None
    first.kill(whole=number % 2 == 0)

    second = place.must("up", "-f", place.file, "--wait")

    assert place.settled() or eventually(place.settled)
    eventually(lambda: all(len(place.heard(name)) >= MESSAGES for name in told), timeout=5)
    assert {name: place.heard(name) for name in told} == told, second
    assert place.sessions() == sorted(told)
    assert place.left() == []
    assert "nothing to do" in place.must("plan", "-f", place.file, "--check")
    return alive


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_up_killed_anywhere_says_each_message_once(chunk: int) -> None:
    """Each message once and in order, no session too many, nothing left, nothing to do."""
    seconds = statistics.median(in_places(clean_run, range(AT_ONCE)))
    numbers = range(1 + chunk, POINTS + 1, CHUNKS)

    killed = in_places(killed_run, [(number, seconds) for number in numbers])

    print(f"{sum(killed)} of {len(killed)} killed within {seconds:.1f} s")
    assert sum(killed) > len(killed) / 2


DOWN_POINTS = 50


def raised(place: Place) -> None:
    place.team(2, 0)
    place.must("up", "-f", place.file, "--wait")
    leave_work(place)


def clean_down(place: Place, number: int) -> float:
    """Seconds that an undisturbed `down` takes, among as many others as later."""
    raised(place)
    began = time.monotonic()
    place.must("down", "-f", place.file)
    return time.monotonic() - began


def killed_down(place: Place, point: tuple[int, float]) -> bool:
    """Kill `down` at a point of its run, look for the work, and run it again."""
    number, seconds = point
    raised(place)
    first = place.start("down", "-f", place.file)
    time.sleep(seconds * number / DOWN_POINTS)
    alive = first.process.poll() is None
    first.kill(whole=number % 2 == 0)
    eventually(place.settled)
    check_work(place, on_host=True)

    place.must("down", "-f", place.file)

    check_work(place, on_host=False)
    assert [path.name for path in (place.home / "hosts").iterdir()] == []
    assert place.left() == []
    return alive


def test_down_killed_anywhere_loses_no_work() -> None:
    """At each of 50 moments the work is on the host or in the repository; then `down` ends it."""
    seconds = statistics.median(in_places(clean_down, range(AT_ONCE)))

    killed = in_places(killed_down, [(n, seconds) for n in range(1, DOWN_POINTS + 1)])

    print(f"{sum(killed)} of {len(killed)} killed within {seconds:.1f} s")
    assert sum(killed) > len(killed) / 2
