"""Enter is pressed on what mng has typed, and never on what a person has begun behind it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mng.agents.kind import Composer
from mng.agents.sight import look
from tests.tmux.waiting import eventually

from . import composer
from .host_home import Home, kill_group

PROGRAM = Path(composer.__file__)
LONG = "a text that is longer than what is compared of it"
LABEL = Composer(composer.EMPTY, composer.THERE).label


def composing(home: Home, deaf: int = 0, away: int = 0) -> None:
    """An agent with a composer, deaf to the first of what Enter says."""
    argv = [sys.executable, str(PROGRAM), str(home.root / "ada.heard"), str(deaf), str(away)]
    assert home.start(home.want(argv))[0] == "started"
    eventually(lambda: "below" in home.screen())


def args(
    home: Home, text: str, key: str, *, delay: float = 0.02, pasted: bool = False, proof: int = 0
) -> list[str]:
    plain = home.deliver_args(text, key, delay=delay, pasted=pasted, proof=proof)
    return [*plain, composer.EMPTY, composer.THERE, "^$", LABEL]


def deliver(home: Home, text: str, key: str, *, pasted: bool = False, proof: int = 0) -> str:
    given = args(home, text, key, pasted=pasted, proof=proof)
    return home.call("deliver", *given, stdin=text.encode())


def begin(home: Home, text: str, key: str, delay: float = 0.02) -> subprocess.Popen[bytes]:
    return home.begin("deliver", *args(home, text, key, delay=delay), stdin=text.encode())


def said(script: subprocess.Popen[bytes]) -> str:
    return script.communicate()[0].decode().strip()


def composed(home: Home) -> str:
    return home.screen().split("\n")[0].removeprefix(">").strip()


def types(home: Home, *keys: str) -> None:
    home.tmux("send-keys", "-t", "=ada:", *keys)


@pytest.mark.parametrize(
    "text", ["> X", f"{LONG} ", f"first\n{LONG}", "日本語", "e\u0301 x\u00a0y"]
)
def test_enter_is_repeated_while_the_text_stands_there(home: Home, text: str) -> None:
    """A sluggish program takes it late: it hears the text once."""
    composing(home, deaf=1)

    assert deliver(home, text, "k1") == "submitted"

    assert home.heard() == ["[Pasted text]" if "\n" in text else text]
    assert composed(home) == ""


@pytest.mark.parametrize("deaf", [1, 2])
def test_enter_is_repeated_where_nothing_proves_that_it_was_taken(home: Home, deaf: int) -> None:
    """While a screen is being drawn anew a text seems to have gone, and is there again."""
    composing(home, deaf, away=1)

    assert deliver(home, LONG, "k1", proof=2) == "submitted"

    assert (home.heard(), composed(home)) == ([LONG], "")


def test_a_screen_comes_with_what_is_on_its_way(home: Home) -> None:
    """Else a text that is pasted while the host is looked at would be taken for a person's."""
    composing(home)
    script = begin(home, LONG, "k1", delay=3)
    eventually(lambda: LONG in look(home.machine, ["ada"]).screens["ada"])

    assert look(home.machine, ["ada"]).moments == {"ada": "k1|"}
    assert said(script) == "submitted"
    assert look(home.machine, ["ada"]).moments == {"ada": "| k1=s=file"}


@pytest.mark.parametrize("text", ["X", LONG])
def test_what_a_person_types_once_a_message_is_taken_is_not_sent(home: Home, text: str) -> None:
    """While an agent is busy its evidence is late, and its composer is filled by someone else."""
    composing(home)
    script = begin(home, text, "k1")
    eventually(home.heard)
    types(home, "-l", "do not delete X")

    assert said(script) == "submitted"

    assert (home.heard(), composed(home)) == ([text], "do not delete X")
    assert home.option("@mng_ledger") == " k1=s=file"


# Of other than ASCII only its being there is compared.
@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("X", "Y"),
        (LONG, " and wait"),
        (LONG, " だめ"),
        (f"a\n{LONG}", " no"),
        ("日本語", " no"),
        ("exit\u2800", " now"),
    ],
)
def test_what_a_person_types_behind_a_message_is_not_sent(home: Home, text: str, more: str) -> None:
    """It was pasted into what became a draft: its Enter waits until the person has decided."""
    composing(home)
    script = begin(home, text, "k1", delay=0.5)
    eventually(lambda: composed(home))
    types(home, "-l", more)

    assert said(script) == "behind"
    assert deliver(home, text, "k1", pasted=True) == "behind"
    assert (home.heard(), home.option("@mng_flight")) == ([], "k1")

    types(home, *["BSpace"] * len(more))
    eventually(lambda: composed(home) in (text, "[Pasted text]"))
    assert deliver(home, text, "k1", pasted=True) == "submitted"
    assert len(home.heard()) == 1


def test_a_draft_in_the_place_of_a_pasted_message_is_not_sent(home: Home) -> None:
    """Its deliverer has died, and a person has sent it and begun something else."""
    composing(home)
    script = begin(home, LONG, "k1", delay=60)
    eventually(lambda: LONG in composed(home))
    kill_group(script)
    types(home, "Enter")
    types(home, "-l", "my own words")
    eventually(lambda: composed(home) == "my own words")

    assert deliver(home, LONG, "k1", pasted=True) == "uncertain"
    assert deliver(home, "another", "k2") == "draft"

    assert (home.heard(), composed(home)) == ([LONG], "my own words")


def test_a_draft_that_has_replaced_a_message_is_not_sent(home: Home) -> None:
    """A program may lose a paste that someone types into."""
    composing(home)
    script = begin(home, LONG, "k1", delay=0.5)
    eventually(lambda: composed(home))
    types(home, *["BSpace"] * len(LONG))
    types(home, "-l", "my own words")

    assert said(script) == "uncertain"
    assert (home.heard(), home.option("@mng_flight")) == ([], "k1")
