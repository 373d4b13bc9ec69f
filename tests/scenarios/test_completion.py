"""What the shell completes: live names and teams, and the words that an option knows."""

from __future__ import annotations

import pytest

from .stage import Stage, demo

pytestmark = pytest.mark.local_only("a shell completes the same words for every provider")


def completed(stage: Stage, line: str) -> list[str]:
    """What bash would offer for the last word of the line."""
    words = line.split(" ")
    env = {
        "_MNG_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1),
    }  # fmt: skip
    return stage.must(env=env).out.split()


def test_live_names_are_completed(stage: Stage) -> None:
    """Teams for `down`, agents for --recreate, hosts for --replace-host, both for `stop`."""
    stage.raised({"ada": demo(), "bob": demo()})

    assert completed(stage, "mng down ") == ["ada", "auth", "bob", "box.local"]
    assert completed(stage, "mng down au") == ["auth"]
    assert completed(stage, "mng up --recreate a") == ["ada"]
    assert completed(stage, "mng up --replace-host ") == ["box"]
    assert completed(stage, "mng stop b") == ["bob", "box.local"]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("mng up --messages ", {"send", "accept"}),
        ("mng create ada --type ", {"command", "demo"}),
        ("mng wait ada --for ", {"ready", "idle", "done", "blocked", "delivered"}),
    ],
)
def test_the_words_of_an_option_are_completed(stage: Stage, line: str, offered: set[str]) -> None:
    """Nobody has to remember them."""
    assert offered <= set(completed(stage, line))


def test_a_word_that_an_option_does_not_know_is_a_mistake_of_use(stage: Stage) -> None:
    """It names those that there are."""
    done = stage.mng("wait", "ada", "--for", "lunch")

    assert (done.status, "'delivered'" in done.err) == (2, True)
