"""Death before and after every single effect: run again, and nothing is missing or left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.tmux.waiting import eventually

from .place import AT_ONCE, HERE, Ground, Place, in_places

DEAD = 137
AGENTS, MESSAGES = 2, 2
Command = Callable[[Place], Sequence[object]]


def up(place: Place) -> Sequence[object]:
    return "up", "-f", place.file, "--wait"


def down(place: Place) -> Sequence[object]:
    return "down", "-f", place.file


def destroy(place: Place) -> Sequence[object]:
    return "destroy", "box"


def replace(place: Place) -> Sequence[object]:
    return *up(place), "--replace-host", "box"


def die(place: Place, effect: int, moment: str, command: Command) -> bool:
    """Run a command that dies at this effect; False if it came to its end before that."""
    done = place.mng(effect, moment, *command(place), program=HERE / "dying.py")
    assert done.status in (0, DEAD), done.said
    eventually(place.settled)
    return done.status == DEAD


def at_every_effect(
    ground: Ground, work: Callable[[Place, tuple[int, str]], bool], moment: str
) -> int:
    """Do the work for effects 1, 2 and so on, as long as there is one; how many there were."""
    number = 1
    while True:
        died = in_places(ground, work, [(one, moment) for one in range(number, number + AT_ONCE)])
        if not all(died):
            return number + died.index(False) - 1
        number += AT_ONCE


def check_told(place: Place, told: dict[str, list[str]], times: int = 1) -> None:
    """Each agent was told all, once for each of its lives, and no more."""
    eventually(lambda: all(len(place.heard(name)) >= times * MESSAGES for name in told), timeout=5)
    assert {name: place.heard(name) for name in told} == {n: t * times for n, t in told.items()}
    assert place.sessions() == sorted(told)
    assert place.left() == []


def leave_work(place: Place) -> None:
    """What an agent makes: a commit, a change and a file that git does not know yet."""
    place.on_host(
        "echo committed by an agent >made.txt; git add made.txt; git commit -q -m made;"
        "echo changed by an agent >first.txt; echo not committed by an agent >loose.txt"
    )


def is_saved(place: Place, name: str, text: str) -> bool:
    """Some ref of the source holds this file with this text."""
    commits = [ref for ref in place.saved() if not ref.endswith("/about")]
    found = [ref for ref in commits if place.git("ls-tree", "--name-only", ref, "--", name)]
    return any(place.git("show", f"{ref}:{name}") == text for ref in found)


def check_work(place: Place, *, on_host: bool) -> None:
    """Each file that an agent made is on the host, if it may be there, or saved: never neither."""
    for name, text in (
        ("made.txt", "committed by an agent"),
        ("first.txt", "changed by an agent"),
        ("loose.txt", "not committed by an agent"),
    ):
        stays = on_host and place.on_host(f"cat {name}") == f"{text}\n"
        assert stays or is_saved(place, name, text), f"{name} is neither on the host nor saved"


def test_up_that_dies_at_any_effect_converges(ground: Ground, moment: str) -> None:
    """A second `up` does what is left, and nothing twice."""

    def work(place: Place, at: tuple[int, str]) -> bool:
        told = place.team(AGENTS, MESSAGES, setup="echo once >>setup-ran")
        died = die(place, *at, up)

        place.must(*up(place))

        check_told(place, told)
        assert place.on_host("cat setup-ran") == "once\n"
        assert "nothing to do" in place.must("plan", "-f", place.file, "--check")
        return died

    effects = at_every_effect(ground, work, moment)
    # The host, its opening, its tree, its setup, on Modal what keeps its work; agents; messages.
    assert effects == 4 + (ground.provider == "modal") + AGENTS * (1 + MESSAGES)


@pytest.mark.parametrize("command", [down, destroy])
def test_an_end_that_dies_at_any_effect_loses_no_work(
    ground: Ground, command: Command, moment: str
) -> None:
    """At every moment the work is on the host or saved; a second time ends what is left."""

    def work(place: Place, at: tuple[int, str]) -> bool:
        place.team(AGENTS, 0)
        place.must(*up(place))
        leave_work(place)
        died = die(place, *at, command)
        check_work(place, on_host=True)

        # The name is gone where the host was, and then only the file can still say what is meant.
        again = place.mng(*command(place))
        assert again.status == 0 or (again.status == 4 and not place.sessions()), again.said
        place.must(*down(place))

        check_work(place, on_host=False)
        assert place.hosts() == []
        assert place.left() == []
        return died

    effects = at_every_effect(ground, work, moment)
    assert effects >= AGENTS + 4  # each agent; close, save, seal, end


def test_a_replacement_that_dies_at_any_effect_loses_nothing(ground: Ground, moment: str) -> None:
    """The old host's work is saved, the new one is whole, and its agents were told all once."""

    def work(place: Place, at: tuple[int, str]) -> bool:
        told = place.team(AGENTS, MESSAGES)
        place.must(*up(place))
        leave_work(place)
        place.team(AGENTS, MESSAGES, setup="true")
        died = die(place, *at, replace)
        check_work(place, on_host=True)

        place.must(*replace(place))

        check_work(place, on_host=False)
        check_told(place, told, times=2)
        assert "nothing to do" in place.must("plan", "-f", place.file, "--check")
        return died

    effects = at_every_effect(ground, work, moment)
    assert effects >= AGENTS + 4 + 4 + AGENTS * (1 + MESSAGES)
