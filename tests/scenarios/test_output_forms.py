"""What -o means is the same for all commands, or is refused by all alike."""

from __future__ import annotations

import json

import pytest
from ruamel.yaml import YAML

from .stage import Stage, demo

pytestmark = pytest.mark.alike("what is printed is the same for every provider")


def test_a_plan_as_yaml_is_the_json_document(stage: Stage) -> None:
    """The forms differ in their form alone."""
    words = ("plan", "-f", stage.team({"ada": demo("A")}), "-o")

    document = YAML(typ="safe").load(stage.must(*words, "yaml").out)
    assert document == json.loads(stage.must(*words, "json").out)


def test_a_plan_by_name_is_one_name_a_line(stage: Stage) -> None:
    """What would be touched, for shell loops."""
    file = stage.team({"ada": demo("A", "B"), "bob": demo()})

    assert (
        stage.must("plan", "-f", file, "-o", "name").out == f"{stage.at('box')}\nada@box\nbob@box\n"
    )


def test_a_ledger_is_yaml_or_names_too(stage: Stage) -> None:
    """As `list` and `plan` are."""
    stage.raised({"ada": demo({"id": "focus", "text": "Focus"})})

    document = YAML(typ="safe").load(stage.must("messages", "ada", "-o", "yaml").out)
    assert document == json.loads(stage.must("messages", "ada", "-o", "json").out)
    assert stage.must("messages", "ada", "-o", "name").out == "focus\n"


@pytest.mark.parametrize("form", ["yaml", "name"])
@pytest.mark.parametrize(
    "words",
    [
        ("up",), ("down",), ("create", "ada"), ("message", "ada", "hi"), ("destroy", "ada"),
        ("stop", "ada"), ("start", "ada"),
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_what_changes_something_has_no_document(
    stage: Stage, words: tuple[str, ...], form: str
) -> None:
    """It tells events: any other form is a mistake of use, before anything is looked at."""
    done = stage.mng(*words, "-o", form)

    assert (done.status, done.out) == (2, "")
    assert f"no output as {form}" in done.err
    assert not stage.home.exists()
