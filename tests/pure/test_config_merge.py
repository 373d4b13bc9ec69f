"""Several files: later ones over earlier ones, mapping by mapping."""

from __future__ import annotations

from pathlib import Path

import pytest

from mng.config.explain import explain
from tests.pure.config_files import Files, agent_name


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


BASE = "agents: {a: {type: codex, args: [x, y], labels: {one: 1, two: 2}, protect: true}}\n"


def test_a_later_file_replaces_key_by_key(files: Files) -> None:
    """Mappings are joined; lists and scalars are replaced; null is back to the default."""
    spec = files.agent(BASE, "agents: {a: {args: [z], labels: {two: 3}, protect: null}}\n").spec

    assert (spec.type, spec.args, spec.protect) == ("codex", ("z",), False)
    assert spec.labels == {"one": "1", "two": "3"}


def test_each_value_knows_the_file_that_set_it(files: Files) -> None:
    """A fault of the second file is told at its own line."""
    faults = files.faults(BASE, "\nagents: {a: {type: cluade}}\n")

    assert faults == ["over1.yaml:2:20: no agent type 'cluade'; did you mean 'claude'?"]


def test_an_override_is_explained_by_its_file(files: Files) -> None:
    """`--explain` names the file that won."""
    loaded = files.load(BASE, "agents: {a: {type: demo}}\n")

    assert explain(loaded, "agents.a.type").endswith("over1.yaml:1")
    assert explain(loaded, "agents.a.protect").endswith("team.yaml:1")


def test_messages_of_a_later_file_replace_a_message(files: Files) -> None:
    """The two ways to write messages are one thing for overriding."""
    one, several = "agents: {a: {message: one}}\n", "agents: {a: {messages: [two, three]}}\n"

    assert files.says(one, several) == ["two", "three"]
    assert files.says(several, one) == ["one"]


def test_the_first_file_owns_the_team(files: Files) -> None:
    """The first file gives team and owner; a relative path is seen from the file that sets it."""
    files.write("", "sub/.keep")
    loaded = files.load("agents: {a: {}}\n", "hosts: {h: {source: sub}}\n")

    assert loaded.desired.owner.team == "team"
    assert loaded.desired.owner.file == str(files.directory / "team.yaml")
    (host,) = loaded.desired.hosts.values()
    assert host.spec.source == str(files.directory / "sub")
    assert agent_name("a", "h") in loaded.desired.agents


def test_keys_that_begin_with_x_are_the_users(files: Files) -> None:
    """`x-...` is free in mappings of ours, and a name like any other where names are given."""
    loaded = files.load("""
        x-notes: {anything: [1, "{{ goes }}"]}
        agents:
          x-ray: {x-why: because, env: {X: "1"}, labels: {x-a: b}, message: {x-b: 1, text: hi}}
    """)

    ((name, agent),) = loaded.desired.agents.items()
    assert (name.name, agent.spec.labels) == ("x-ray", {"x-a": "b"})


@pytest.mark.parametrize("key", ["include", "profiles"])
def test_what_is_to_come_is_told_as_such(files: Files, key: str) -> None:
    """Keys of the language that this version lacks are no typing mistakes."""
    assert files.faults(f"{key}: [a]\n") == [f"team.yaml:1:1: '{key}' is not supported yet"]


@pytest.mark.parametrize("key", ["extends", "matrix"])
def test_what_is_to_come_in_an_agent_is_told_as_such(files: Files, key: str) -> None:
    """The same inside of agents."""
    faults = files.faults(f"agents: {{a: {{{key}: b}}}}\n")

    assert faults == [f"team.yaml:1:14: '{key}' is not supported yet"]
