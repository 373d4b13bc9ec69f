"""`mng config`: the file as resolved, and which line set what."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mng.config.explain import explain, resolved_yaml
from mng.config.load import Loaded, load
from mng.errors import NotFound
from tests.pure.config_files import Files

TEAM = """\
vars: {who: world}
hosts:
  h: {provider: modal, env: {A: '1'}, timeout: 8h, modal: {memory: 4GiB}}
agents:
  a:
    type: command
    command: [run, "{% raw %}{{ x }}{% endraw %}"]
    env: {K: {secret: K}}
    after: b
    permissions: bypass
    allow_unsafe: true
  b:
    messages:
      ["hello {{ who }}", {id: two, text: "a\\nb", when: idle}, {text: /compact, command: true}]
  c:
    message: {text: "one\\ntwo", template: true}
  d:
    messages: [{file: said.md}]
"""


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "said.md").write_text("from a file\n")
    return Files(tmp_path)


def want(loaded: Loaded) -> object:
    """What a file wants, without where it stands."""
    desired = loaded.desired
    hosts = {name: (host.spec, host.external, host.was) for name, host in desired.hosts.items()}
    agents = {
        name: (agent.spec, agent.was, [dataclasses.replace(m, at="") for m in agent.messages])
        for name, agent in desired.agents.items()
    }
    return desired.owner.team, hosts, agents


def test_the_resolved_file_reads_back_as_the_same_want(files: Files) -> None:
    """`mng config > b.yaml` changes nothing; templates are settled, secrets stay names."""
    loaded = files.load(TEAM)
    text = resolved_yaml(loaded)

    assert want(load([files.write(text, "again.yaml")])) == want(loaded)
    assert "secret: K" in text


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    text=st.text(st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\t\n"))
    | st.sampled_from(['{{ "a" }}', "%}{%", "{% endraw %}", " a\n  b", "\n\na", "a \n b \n\n"])
)
def test_any_text_survives(tmp_path: Path, text: str) -> None:
    """Whatever a message or a command holds is written so that it reads back."""
    file, again = tmp_path / "any.yaml", tmp_path / "again.yaml"
    file.write_text("agents: {a: {type: command, command: '{{ t }}', message: '{{ t }}'}}\n")
    loaded = load([file], variables={"t": text + "."})

    again.write_text(resolved_yaml(loaded), encoding="utf-8")

    assert want(load([again])) == want(loaded)


@pytest.mark.parametrize(
    ("path", "value", "setter"),
    [
        ("agents.a.type", "command", "team.yaml:6"),
        ("agents.a.env.A", "1", "team.yaml:3"),
        ("agents.a.after.b", "ready", "team.yaml:9"),
        ("agents.b.type", "claude", "default"),
        ("agents.b.messages[1].text", "a ...", "team.yaml:14"),
        ("agents.b.messages.0.text", "hello world", "team.yaml:14"),
        ("agents.c.message", "one ...", "team.yaml:16"),
        ("agents.c.messages[0].text", "one ...", "team.yaml:16"),
        ("agents.c.messages.0.template", "true", "team.yaml:16"),
        ("agents.d.messages.0.file", "said.md", "team.yaml:18"),
        ("hosts.h.modal.memory", "4096", "team.yaml:3"),
        ("vars.who", "world", "team.yaml:1"),
    ],
)
def test_the_line_that_set_a_value_is_named(
    files: Files, path: str, value: str, setter: str
) -> None:
    """The value as resolved, and its file and line, or `default`."""
    words = explain(files.load(TEAM), path)

    assert words.split(" = ")[1].startswith(value)
    assert words.endswith(setter)


def test_a_given_variable_is_explained(files: Files) -> None:
    """What `--var` set is not the file's."""
    assert explain(files.load(TEAM, variables={"who": "x"}), "vars.who").endswith("--var who")


def test_a_path_that_is_not_there_has_a_hint(files: Files) -> None:
    """A misspelt path is told with the nearest."""
    with pytest.raises(NotFound) as caught:
        explain(files.load(TEAM), "agents.a.typ")

    assert caught.value.hint == "did you mean 'type'?"


@pytest.mark.parametrize("path", ["agents.a.ready", "agents.a.message", "agents.b.messages.0.when"])
def test_what_the_file_leaves_out_is_not_set(files: Files, path: str) -> None:
    """Only that."""
    assert explain(files.load(TEAM), path) == f"{path}: not set (default)"
