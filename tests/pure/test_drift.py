"""Where two specs differ, what that costs, and in which words."""

from __future__ import annotations

import dataclasses

import pytest

from mng.model.spec import AgentSpec, Change, HostSpec, Secret, change_class
from mng.reconcile.drift import classes, drift, in_words, show


def words(before: HostSpec | AgentSpec, after: HostSpec | AgentSpec) -> str:
    return in_words(drift(before, after, provider="modal"), *Change)


@pytest.mark.parametrize("spec", [HostSpec(), AgentSpec(type="demo")], ids=["host", "agent"])
def test_equal_specs_have_no_drift(spec: HostSpec | AgentSpec) -> None:
    """Nothing differs, nothing is to do."""
    assert drift(spec, dataclasses.replace(spec)) == ()


@pytest.mark.parametrize("spec", [HostSpec, AgentSpec])
def test_every_field_declares_its_class(spec: type[HostSpec] | type[AgentSpec]) -> None:
    """The planner reads it from there; no field is forgotten."""
    compared = [field.name for field in dataclasses.fields(spec) if field.compare]
    assert {change_class(spec, name) for name in compared} <= set(Change)


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (Change.IN_PLACE, {"ready", "restart", "protect", "after", "allow_unsafe", "labels"}),
        (Change.RESTART, {"type", "command", "args", "env", "permissions"}),
        (Change.REPLACE, set()),
    ],
)
def test_what_a_changed_agent_field_costs(change: Change, fields: set[str]) -> None:
    """The design's table, field by field."""
    declared = {one.name for one in dataclasses.fields(AgentSpec)}

    assert {name for name in declared if change_class(AgentSpec, name) is change} == fields


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (Change.IN_PLACE, {"env", "timeout", "idle_timeout", "keep", "guard"}),
        (Change.RESTART, set()),
        (Change.REPLACE, {"source", "work_dir", "setup", "options"}),
    ],
)
def test_what_a_changed_host_field_costs(change: Change, fields: set[str]) -> None:
    """The design's table, field by field."""
    declared = {one.name for one in dataclasses.fields(HostSpec) if one.compare}

    assert {name for name in declared if change_class(HostSpec, name) is change} == fields


def test_a_record_of_another_version_is_no_drift() -> None:
    """Defaults are filled in on both sides; a field that is not known any more is nothing."""
    older = AgentSpec.from_json({"type": "demo"})
    newer = AgentSpec.from_json({**AgentSpec(type="demo").to_json(), "colour": "red"})

    assert drift(older, AgentSpec(type="demo")) == ()
    assert drift(newer, AgentSpec(type="demo")) == ()


def test_a_spec_comes_back_from_its_record() -> None:
    """Lists, mappings and secrets included."""
    spec = AgentSpec(
        type="demo", command=("a", "b"), args=("c",), env={"K": Secret("S"), "L": "1"},
        after={"x": "ready"}, labels={"tier": "1"}, protect=True,
    )  # fmt: skip

    assert AgentSpec.from_json(spec.to_json()) == spec
    assert spec.digest == AgentSpec.from_json(spec.to_json()).digest
    assert spec.digest != dataclasses.replace(spec, args=()).digest


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (AgentSpec(type="a"), AgentSpec(type="b"), "type: a -> b"),
        (
            AgentSpec(type="command", command="flask run"),
            AgentSpec(type="command", command=("flask", "run", "-p", "1")),
            "command: flask run -> flask run -p 1",
        ),
        (AgentSpec(type="a", args=("x",)), AgentSpec(type="a"), "args.0: x -> -"),
        (
            AgentSpec(type="a"),
            AgentSpec(type="a", args=("x", "y")),
            "args.0: - -> x, args.1: - -> y",
        ),
        (
            AgentSpec(type="a", env={"A": "1", "B": "2"}),
            AgentSpec(type="a", env={"B": "3"}),
            "env.A: 1 -> -, env.B: 2 -> 3",
        ),
        (
            HostSpec(options={"image": {"apt": ["git"], "python": "3.11"}}),
            HostSpec(options={"image": {"apt": ["git", "tmux"], "python": "3.12"}}),
            "modal.image.apt.1: - -> tmux, modal.image.python: 3.11 -> 3.12",
        ),
        (
            HostSpec(options={"memory": 512, "secrets": ["a"]}),
            HostSpec(options={"image": {"apt": ["git", "tmux"], "python": "3.12"}, "cpu": 2}),
            "modal.cpu: - -> 2, modal.image.apt: - -> git tmux, modal.image.python: - -> 3.12, "
            "modal.memory: 512MiB -> -, modal.secrets: a -> -",
        ),
        (
            HostSpec(options={"memory": 4096, "volumes": {}}),
            HostSpec(options={"memory": 8192, "volumes": {"/cache": "v"}, "image": {}}),
            "modal.image: - -> {}, modal.memory: 4GiB -> 8GiB, modal.volumes./cache: - -> v",
        ),
        (
            HostSpec(options={"block_network": False}),
            HostSpec(options={"disks": [{"gb": 1}]}, guard=False),
            'shared_tree.guard: true -> false, modal.block_network: false -> -, '
            'modal.disks: - -> [{"gb": 1}]',
        ),
        (HostSpec(), HostSpec(source="/s", timeout=60), "source: - -> /s, timeout: - -> 1m"),
        (
            HostSpec(timeout=28800, idle_timeout=90),
            HostSpec(timeout=1500, idle_timeout=5400),
            "timeout: 8h -> 25m, idle_timeout: 90s -> 1h30m",
        ),
        (HostSpec(timeout=86400), HostSpec(timeout=3661), "timeout: 24h -> 1h1m1s"),
    ],
)  # fmt: skip
def test_a_difference_is_told_where_it_is(
    before: HostSpec | AgentSpec, after: HostSpec | AgentSpec, told: str
) -> None:
    """The path of each value that differs, in the order of the spec."""
    assert words(before, after) == told


def test_a_secret_is_told_by_name() -> None:
    """Its value is never known to the planner."""
    before, after = Secret("OLD"), Secret("NEW")

    assert show({"secret": "NEW"}) == "secret NEW"
    assert words(AgentSpec(type="a", env={"K": before}), AgentSpec(type="a", env={"K": after})) == (
        "env.K.secret: OLD -> NEW"
    )
    assert words(AgentSpec(type="a"), AgentSpec(type="a", env={"K": after})) == (
        "env.K: - -> secret NEW"
    )


def test_a_long_value_is_cut_to_one_short_line() -> None:
    """The plan is read line by line."""
    assert show("make\n  all") == "make all"
    assert show("x" * 41) == "x" * 37 + "..."
    assert show(None) == "-"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("--port 8000", "--port 8001", "...--port 8000... -> ...--port 8001..."),
        ("--reload ", "", "...--port 8000 --reload --workers... -> ...--port 8000 --workers..."),
        ("4", "4 --lifespan off", "...--workers 4 -> ...--workers 4 --lifespan off"),
    ],
)
def test_of_a_long_value_the_part_that_differs_is_shown(old: str, new: str, told: str) -> None:
    """What both sides have in common says nothing."""
    before = "uvicorn app.main:app --host 0.0.0.0 --port 8000 --reload --workers 4"
    specs = (AgentSpec(type="command", command=text) for text in (before, before.replace(old, new)))

    assert words(*specs) == f"command: {told}"


def test_a_long_text_without_a_blank_shows_what_differs() -> None:
    """A path, for one, is cut where it is the same."""
    before, after = (
        HostSpec(source=f"/{'x' * 60}/five/app"),
        HostSpec(source=f"/{'x' * 60}/six/app"),
    )

    assert words(before, after) == "source: ...xxxxxxxxx/five/app -> ...xxxxxxxxx/six/app"


def test_texts_that_differ_in_their_blanks_are_told_apart() -> None:
    """`a -> a` would be no difference to a reader."""
    before, after = HostSpec(setup="make\nall"), HostSpec(setup="make all")

    assert words(before, after) == r"setup: 'make\nall' -> 'make all'"


def test_drifts_are_grouped_by_what_they_cost() -> None:
    """A spec may differ in several classes at once."""
    drifts = drift(AgentSpec(type="a"), AgentSpec(type="b", protect=True))

    assert classes(drifts) == {Change.RESTART, Change.IN_PLACE}
    assert in_words(drifts, Change.RESTART) == "type: a -> b"
    assert in_words(drifts, Change.IN_PLACE) == "protect: false -> true"
