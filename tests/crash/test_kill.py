"""`up` and `down`, killed at any moment and run once more, are as if nothing had happened."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from tests.tmux.waiting import eventually

from .place import AT_ONCE, PARTS, Ground, Place, in_places
from .test_every_effect import check_work, leave_work

POINTS = {"local": 100, "modal": 50}
AGENTS, MESSAGES = 5, 3


def clean_run(place: Place, number: int) -> float:
    """Seconds that an undisturbed `up` takes, among as many others as later."""
    place.team(AGENTS, MESSAGES)
    began = time.monotonic()
    place.must("up", "-f", place.file, "--wait")
    return time.monotonic() - began


def killed_run(place: Place, point: tuple[int, float]) -> bool:
    """Kill `up` some seconds into its run, then run it again; whether it was still running."""
    number, seconds = point
    told = place.team(AGENTS, MESSAGES)
    first = place.start("up", "-f", place.file, "--wait")
    time.sleep(seconds)
    alive = first.process.poll() is None
    first.kill(whole=number % 2 == 0)

    second = place.must("up", "-f", place.file, "--wait")

    assert place.settled() or eventually(place.settled)
    eventually(lambda: all(len(place.heard(name)) >= MESSAGES for name in told), timeout=5)
    assert {name: place.heard(name) for name in told} == told, second
    assert place.sessions() == sorted(told)
    assert (place.hosts(), place.left()) == (["box"], [])
    assert "nothing to do" in place.must("plan", "-f", place.file, "--check")
    return alive


def kill_along(
    ground: Ground, clean: Callable[[Place, int], float],
    killed: Callable[[Place, tuple[int, float]], bool], numbers: Sequence[int], points: int,
) -> None:  # fmt: skip
    """Kill a command at these points of its run; anew, if most came to its end before they were
    due: then the machine was busier while an undisturbed run was measured."""
    for _ in range(3):
        seconds = statistics.median(in_places(ground, clean, range(AT_ONCE)))
        hit = in_places(ground, killed, [(n, seconds * n / points) for n in numbers])
        print(f"{sum(hit)} of {len(hit)} killed within {seconds:.1f} s")
        if sum(hit) > len(hit) / 2:
            return
    raise AssertionError("most of the runs had ended before they could be killed")


def test_up_killed_anywhere_says_each_message_once(ground: Ground, part: int) -> None:
    """One host, each message once and in order, no session too many, nothing left or to do."""
    points = POINTS[ground.provider]

    kill_along(ground, clean_run, killed_run, range(1 + part, points + 1, PARTS), points)


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
    """Kill `down` some seconds into its run, look for the work, and run it again."""
    number, seconds = point
    raised(place)
    first = place.start("down", "-f", place.file)
    time.sleep(seconds)
    alive = first.process.poll() is None
    first.kill(whole=number % 2 == 0)
    eventually(place.settled)
    check_work(place, on_host=True)

    place.must("down", "-f", place.file)

    check_work(place, on_host=False)
    assert place.hosts() == []
    assert place.left() == []
    return alive


def test_down_killed_anywhere_loses_no_work(ground: Ground, part: int) -> None:
    """At every moment the work is on the host or in the repository; then `down` ends it."""
    numbers = range(1 + part, DOWN_POINTS + 1, PARTS)

    kill_along(ground, clean_down, killed_down, numbers, DOWN_POINTS)
