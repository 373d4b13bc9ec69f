"""Faults: all of them, each once, each at its place, in plain words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mng.config.load import Loaded, load
from mng.errors import InvalidFile
from tests.pure.config_files import ONE_AGENT, Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


SIX = """\
hosts:
  h: {timeout: 3 weeks}
agents:
  lead:
    host: hh
    typ: claude
    after: [rev]
  rev:
    type: cluade
    after: {lead: ready}
    message: "a\\e[0m"
"""


def test_six_faults_are_six_diagnostics(files: Files) -> None:
    """One run tells every fault of the file, sorted by line, none twice."""
    assert [fault.split(" (line")[0] for fault in files.faults(SIX)] == [
        "team.yaml:2:16: '3 weeks' is not a duration; write 90s, 20m, 8h, 1d or 1h30m",
        "team.yaml:5:11: no host 'hh'; did you mean 'h'?",
        "team.yaml:6:5: unknown key 'typ'; did you mean 'type'?",
        "team.yaml:7:13: agents wait for each other: lead -> rev -> lead",
        "team.yaml:9:11: no agent type 'cluade'; did you mean 'claude'?",
        "team.yaml:11:16: ESC (U+001B) can't be typed to an agent",
    ]


def test_the_error_counts_and_names_the_file(files: Files) -> None:
    """The one line above the report."""
    with pytest.raises(InvalidFile, match=r"^6 faults in .*team\.yaml$") as caught:
        files.load(SIX)

    assert caught.value.exit_code == 2


def test_the_caret_points_under_the_character(files: Files) -> None:
    """Wide characters take two columns and tabs stay tabs, so the caret stands right."""
    report = files.report('agents:\n  a: {labels: {"日本":\t[x]}}\n')

    assert report.split("\n")[1:] == [
        '    2 |   a: {labels: {"日本":\t[x]}}',
        "      |                       \t^",
    ]


def test_a_long_line_is_cut_around_the_fault(files: Files) -> None:
    """A report stays readable, and never prints a control character."""
    report = files.report(ONE_AGENT + f'    labels: {{a: "{"x" * 500}", b: [\x1b]}}\n')

    assert max(map(len, report.split("\n")[1:3])) < 120
    assert "\x1b" not in report


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("agents: [a]", "1:9: 'agents' must be a mapping, not a list"),
        ("agents: {a: text}", "1:13: 'a' must be a mapping, not text"),
        ("agents: {a: {args: --x}}", "1:20: 'args' must be a list, not text; write [a, b]"),
        ("agents: {a: {protect: maybe}}", "1:23: 'protect' must be true or false, not text"),
        ("agents: {a: {restart: alway}}",
         "1:23: 'alway' is none of never, on-failure, always; did you mean 'always'?"),
        ("agents: {a: {after: {b: redy}}, b: }",
         "1:25: 'redy' is none of started, ready, idle, done; did you mean 'ready'?"),
        ("agents: {a: {after: bb}, bbb: }", "1:21: no agent 'bb'; did you mean 'bbb'?"),
        ("agents: {a: {after: a}}", "1:21: agent 'a' waits for itself"),
        ("agents: {a: {type: command}}", "1:10: agent 'a' is of type command and needs 'command'"),
        ("agents: {a: {command: x}}", "1:14: agent 'a' has 'command' and needs 'type: command'"),
        ("agents: {a: {ready: {screen: '('}}}",
         "1:30: 'screen' is not a regular expression: "
         "missing ), unterminated subpattern at position 0"),
        ("agents: {a: {env: {A-B: c}}}",
         "1:20: 'A-B' is not a variable's name: letters, digits and _"),
        ("agents: {a: {env: {A: [b]}}}", "1:23: 'A' must be text, not a list"),
        ("agents: {a: {env: {A: {secrt: B}}}}", "1:23: 'A' must be text or {secret: NAME}"),
        ('agents: {a: {env: {A: "b\\0"}}}', "1:23: NUL (U+0000) can't stand here"),
        ("agents: {a: {message: b, messages: [c]}}",
         "1:26: an agent has 'message' or 'messages', not both"),
        ("agents: {A: }",
         "1:10: 'A' is not a name: a-z, 0-9 and -, at most 40 characters, not starting with -"),
        ("hosts: {h: {memory: 4GiB}}", "1:13: unknown key 'memory'; it belongs under 'modal'"),
        ("hosts: {h: {modal: {memory: lots}}}",
         "1:29: 'lots' is not a size; write 512MiB, 4GiB or 2GB"),
        ("hosts: {h: {modal: {cpu: 0}}}", "1:26: 'cpu' must be a number above 0"),
        ("hosts: {h: {work_dir: here}}",
         "1:23: 'here' is not an absolute path: it must begin with / or ~"),
        ("hosts: {a: {work_dir: /w}, b: {work_dir: /w/.}, c: {work_dir: /w, provider: modal}}",
         "1:42: work_dir '/w/.' is that of host 'a', too"),
        ("hosts: {h: {timeout: 0s}}", "1:22: a duration must be more than 0"),
        ("hosts: {h: {timeout: ''}}",
         "1:22: '' is not a duration; write 90s, 20m, 8h, 1d or 1h30m"),
        ("hosts: {h: {provider: modal, timeout: 30h}}",
         "1:39: Modal ends a host after 24h; write 24h"),
        ("agents: {a: {type: codex, permissions: bypass}}",
         "1:40: agent 'a' would run any command on this machine unasked; "
         "write permissions: ask, or allow_unsafe: true"),
        ("vars: {a: {b: c}}", "1:11: 'a' must be text, not a mapping"),
        ("vars: {env: c}", "1:8: 'env' is the environment; no variable can have its name"),
        ("naem: a", "1:1: unknown key 'naem'; did you mean 'name'?"),
    ],
)  # fmt: skip
def test_a_fault_is_told_in_plain_words(files: Files, text: str, fault: str) -> None:
    """One mistake is one fault, at its own character, without a word of the machinery."""
    assert files.faults(text + "\n") == [f"team.yaml:{fault}"]


@pytest.mark.parametrize(
    "text",
    [
        "hosts: {h: {provider: modal, timeout: 24h}}",
        "hosts: {h: {timeout: 30h}}",
        "agents: {a: {type: codex, permissions: bypass, allow_unsafe: true}}",
        "hosts: {h: {provider: modal}}\nagents: {a: {type: codex, permissions: bypass}}",
    ],
)
def test_what_up_takes_is_no_fault(files: Files, text: str) -> None:
    """A limit of one provider, and a danger on one's own machine, are none elsewhere."""
    assert files.load(text + "\n").desired


def test_what_refers_to_a_broken_thing_is_no_fault(files: Files) -> None:
    """A host or an agent with a bad name is told once, not by all that name it."""
    faults = files.faults("hosts: {H: }\nagents: {a: {host: H}, b: {after: C}, C: , d: }\n")

    assert [fault.split(":")[1:3] for fault in faults] == [["1", "9"], ["2", "39"]]


def test_every_cycle_is_told(files: Files) -> None:
    """Two rings, two faults."""
    faults = files.faults("agents: {a: {after: b}, b: {after: a}, c: {after: d}, d: {after: c}}\n")

    assert len(faults) == 2


def outcome(directory: Path, content: bytes) -> Loaded | InvalidFile:
    file = directory / "any.yaml"
    file.write_bytes(content)
    try:
        return load([file], environ={})
    except InvalidFile as error:
        return error


FUZZ = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_a_want_or_a_report(tmp_path: Path, content: bytes) -> None:
    """Whatever a file holds, there is no other exception than InvalidFile, with a report."""
    found = outcome(tmp_path, content)

    assert isinstance(found, Loaded) or found.report


WORDS = [*"{}[]:,-?&*!|>%@'\"#~ \n\t", "{{", "}}", "{%", "%}", "  ", "\n  ", ": ", "- ", "<<: ",
         "*a", "&a ", "name", "vars", "hosts", "agents", "h", "a", "message", "messages", "text",
         "file", "env", "after", "modal", "image", "type", "command", "null", "1", "1.5", "---",
         "x-y", "0x", "0o9", "0b", ".", "+", "1e999", "!!int ", "!!float ", "!!bool ", "!!null ",
         "!!binary ", "%YAML 1.1\n---\n", "12:30", "yes"]  # fmt: skip


@FUZZ
@given(words=st.lists(st.sampled_from(WORDS), max_size=40))
def test_anything_like_yaml_is_a_want_or_a_report(tmp_path: Path, words: list[str]) -> None:
    """The same for text that is nearly a file."""
    found = outcome(tmp_path, "".join(words).encode())

    assert isinstance(found, Loaded) or found.report


KEYS = st.sampled_from(
    ["name", "vars", "hosts", "agents", "host", "provider", "source", "env", "secret", "modal",
     "image", "python", "apt", "cpu", "memory", "volumes", "type", "command", "args", "message",
     "messages", "text", "file", "id", "when", "template", "after", "ready", "screen", "labels",
     "was", "a", "b", "x-c", "include", "matrix", "pod", "timeout"]
)  # fmt: skip
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@FUZZ
@given(
    document=st.fixed_dictionaries(
        {},
        optional={
            "name": PLAIN,
            "vars": PLAIN,
            "hosts": PLAIN | st.dictionaries(KEYS, st.dictionaries(KEYS, PLAIN, max_size=4)),
            "agents": PLAIN | st.dictionaries(KEYS, st.dictionaries(KEYS, PLAIN, max_size=4)),
        },
    )
)
def test_any_shape_is_a_want_or_a_report(tmp_path: Path, document: dict[str, object]) -> None:
    """The same for our own keys with values of any shape. JSON is YAML."""
    found = outcome(tmp_path, json.dumps(document).encode())

    assert isinstance(found, Loaded) or found.report
