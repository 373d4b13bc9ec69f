"""`up`, killed at any moment of its run and run once more, is as if nothing had happened."""

from __future__ import annotations

import statistics
import time

import pytest

from tests.tmux.waiting import eventually

from .place import AT_ONCE, Place, in_places

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
