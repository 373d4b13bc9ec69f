"""Templates: rendered on values, strict, and never for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mng.errors import UsageError
from tests.pure.config_files import Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def message(text: str, variables: str = "") -> str:
    return f"vars: {{{variables}}}\nagents:\n  a:\n    message: {text}\n"


def test_a_value_cannot_change_the_structure(files: Files) -> None:
    """What a variable holds is text, whatever it looks like in YAML."""
    says = files.says(message("'{{ x }}'"), variables={"x": "hi\n    protect: true"})

    assert says == ["hi\n    protect: true"]


def test_variables_use_those_above_and_the_environment(files: Files) -> None:
    """`vars` are rendered in order; `env` reads the environment; numbers stay as written."""
    says = files.says(
        message(
            "'{{ b }} {{ v }} {{ f }}'", "a: '{{ env.HOME }}/x', b: '{{ a }}/y', v: 1.10, f: true"
        ),
        environ={"HOME": "/h"},
    )

    assert says == ["/h/x/y 1.10 true"]


def test_a_given_variable_wins(files: Files) -> None:
    """`--var` is over `vars`, and its text is not rendered again."""
    text = message("'{{ a }}'", "a: '{{ undefined }}'")

    assert files.says(text, variables={"a": "{{ b }}"}) == ["{{ b }}"]


def test_every_undefined_name_is_told_where_it_stands(files: Files) -> None:
    """Several in one text are several faults, each at its place, with the nearest name."""
    faults = files.faults("""\
        vars: {feature: x}
        agents:
          a:
            message: |
              first
              日本 {{ featur }} and {{ env.NOPE }}
            labels: {l: "{{ nobody }}"}
        """)

    assert faults == [
        "team.yaml:6:13: 'featur' is not defined; did you mean 'feature'?",
        "team.yaml:6:30: the environment variable 'NOPE' is not set",
        "team.yaml:7:21: 'nobody' is not defined; --var nobody=VALUE sets it",
    ]


def test_a_broken_variable_is_told_once(files: Files) -> None:
    """What uses a variable with a fault has no fault of its own."""
    faults = files.faults(message("'{{ a }}'", "a: '{{ nobody }}'"))

    assert faults == ["team.yaml:1:15: 'nobody' is not defined; --var nobody=VALUE sets it"]


def test_a_variable_without_a_value_must_be_given(files: Files) -> None:
    """A name without a default is declared, and still undefined."""
    assert files.says(message("'{{ a }}'", "a: "), variables={"a": "x"}) == ["x"]
    assert "'a' is not defined" in files.faults(message("'{{ a }}'", "a: "))[0]


def test_a_variable_below_is_told_as_such(files: Files) -> None:
    """The order of `vars` matters, and the fault says so."""
    (fault,) = files.faults("vars: {a: '{{ b }}', b: x}\n")

    assert "'b' is declared below; a variable can use those above it" in fault


def test_a_syntax_error_is_told_at_its_line(files: Files) -> None:
    """A template that is none points at its own line in a block."""
    (fault,) = files.faults(message("|\n      ok\n      {% if %}"))

    assert fault.startswith("team.yaml:6:7: bad template: ")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("|2\n\n        a\n        {{ x }}", "7:12"),
        (">\n      a\n\n      b {{ x }}", "7:12"),
        ("a\n      b {{ x }}", "5:12"),
        ("'it''s {{ x }}'", "4:24"),
        (r'"\u00e9\t {{ x }}"', "4:27"),
    ],
)
def test_a_fault_is_found_in_every_style_of_text(files: Files, text: str, place: str) -> None:
    """Blocks, folds, quotes and escapes: the caret is where the name is written."""
    (fault,) = files.faults(message(text))

    assert fault.startswith(f"team.yaml:{place}: 'x' is not defined")


def test_raw_and_template_false_keep_braces(files: Files) -> None:
    """Both ways to say that braces are text."""
    assert files.says(message("'{% raw %}{{ x }}{% endraw %}'")) == ["{{ x }}"]
    assert files.says(message("{text: '{{ x }}', template: false}")) == ["{{ x }}"]


def test_commands_setup_and_numbers_are_rendered(files: Files) -> None:
    """Every value may use a variable, those that are not text too."""
    loaded = files.load("""
        vars: {port: 8000, cores: 2, life: 90m, keep: true}
        hosts:
          h:
            provider: modal
            setup: 'echo {{ port }}'
            timeout: '{{ life }}'
            modal: {cpu: '{{ cores }}'}
        agents: {a: {type: command, command: [serve, '{{ port }}'], protect: '{{ keep }}'}}
    """)

    (host,), (agent,) = loaded.desired.hosts.values(), loaded.desired.agents.values()
    assert (host.spec.setup, host.spec.timeout) == ("echo 8000", 5400)
    assert host.spec.options == {"cpu": 2}
    assert (agent.spec.command, agent.spec.protect) == (("serve", "8000"), True)


@pytest.mark.parametrize(
    "template",
    [
        "{% for a in range(10**9) %}{% endfor %}",
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10**12 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 'x'.ljust(10 ** 12) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ ''.__class__.__mro__ }}",
        "{% include 'x' %}",
        "{{ 1 / 0 }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ env.keys() }}",
    ],
)
def test_a_template_can_neither_hang_nor_reach_out(files: Files, template: str) -> None:
    """What would run for ever, fill the memory or leave the sandbox is a fault."""
    (fault,) = files.faults(message("|\n      " + template))

    assert fault.startswith("team.yaml:5:")


def test_a_file_without_templates_does_not_load_jinja(tmp_path: Path) -> None:
    """Start-up is an interface: no template, no jinja2."""
    file = Files(tmp_path).write(message("hello"))
    program = (
        "import sys, pathlib, mng.config.load as m; m.load([pathlib.Path(sys.argv[1])]);"
        "print(sorted({'jinja2', 'deepdiff', 'rich', 'typer', 'modal'} & set(sys.modules)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_a_variable_has_a_name(files: Files) -> None:
    """`--var` with something else is a mistake of the command line."""
    with pytest.raises(UsageError):
        files.load("name: a\n", variables={"a-b": "x"})
