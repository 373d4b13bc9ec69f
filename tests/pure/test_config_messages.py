"""What is said: texts, files, identities, and characters that can't be typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mng.model.spec import message_name
from tests.pure.config_files import ONE_AGENT, Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_message_has_four_forms(files: Files) -> None:
    """A text, a mapping, a file, a number: in order, with their lines and keys."""
    files.write(b"\xef\xbb\xbfFrom\r\nfile\n\n", "sub/prompt.md")
    agent = files.agent(
        ONE_AGENT + "    messages:\n"
        "      - one\n"
        "      - {id: two, text: second, when: idle}\n"
        "      - file: sub/prompt.md\n"
        "      - 007\n"
    )

    texts = [(message.text, message.when, message.at) for message in agent.messages]
    assert texts == [
        ("one", None, "team.yaml:4"),
        ("second", "idle", "team.yaml:5"),
        ("From\nfile", None, "team.yaml:6"),
        ("007", None, "team.yaml:7"),
    ]
    assert message_name(agent.messages[1].key) == "two"


def test_a_message_said_twice_is_two_messages(files: Files) -> None:
    """Equal texts have different keys; a re-quoted text has the same."""
    first, second = files.agent(ONE_AGENT + "    messages: [a, 'a']\n").messages

    assert first.key != second.key
    assert files.agent(ONE_AGENT + '    message: "a"\n').messages[0].key == first.key


@pytest.mark.parametrize(
    ("escape", "name", "column"),
    [
        (r"\e", "ESC (U+001B)", 17),
        (r"\x9b", "a control character (U+009B)", 17),
        (r"\x7f", "DEL (U+007F)", 17),
        (r"\r", "CR (U+000D)", 17),
        (r"\0", "NUL (U+0000)", 17),
        (r"\uD800", "a lone surrogate (U+D800)", 17),
    ],
)
def test_what_cannot_be_typed_is_named(files: Files, escape: str, name: str, column: int) -> None:
    """A terminal would take a control character for a key; each is told by name and position."""
    faults = files.faults(ONE_AGENT + f'    message: "ab{escape}c"\n')

    assert faults == [
        f"team.yaml:3:{column}: {name} can't be typed to an agent (line 1, column 3 of the message)"
    ]


def test_newlines_tabs_and_every_script_can_be_typed(files: Files) -> None:
    """LF, CRLF, TAB, joined emoji and right-to-left text are text."""
    text = "a\\tb\\r\\nc \U0001f469\u200d\U0001f4bb \u05e9\u05dc\u05d5\u05dd \u00a0"

    (said,) = files.says(ONE_AGENT + f'    message: "{text}"\n')

    assert said.startswith("a\tb\nc \U0001f469\u200d\U0001f4bb")


def test_a_fault_inside_a_message_file_is_told_there(files: Files) -> None:
    """The place is the line of the message file; templates work in it."""
    files.write(b"fine\nbell \x07\n", "bell.md")
    files.write(b"one\ntwo {{ nobody }}\n", "template.md")
    files.write(b"ok\n\xff", "latin.md")
    files.write(b" \n", "empty.md")
    files.write(b"", "empty2.md")

    faults = files.faults(
        ONE_AGENT + "    messages:\n"
        "      - file: bell.md\n"
        "      - file: template.md\n"
        "      - file: latin.md\n"
        "      - file: empty.md\n"
        "      - file: empty2.md\n"
        "      - file: none.md\n"
        "      - file: .\n"
    )

    assert sorted(faults) == [
        "bell.md:2:6: BEL (U+0007) can't be typed to an agent (line 2, column 6 of the message)",
        "empty.md:1:1: an empty message",
        "empty2.md:1:1: an empty message",
        "latin.md:2:1: is not UTF-8: byte 0xFF",
        "team.yaml:10:15: '.': is a directory",
        "team.yaml:9:15: 'none.md': no such file",
        "template.md:2:8: 'nobody' is not defined; --var nobody=VALUE sets it",
    ]


def test_a_message_file_is_beside_the_file_that_names_it(files: Files) -> None:
    """Relative paths are seen from the declaring file, also through `-f` of another directory."""
    files.write("hello\n", "prompts/a.md")

    assert files.says(ONE_AGENT + "    message: {file: prompts/a.md}\n") == ["hello"]


@pytest.mark.parametrize(
    ("message", "fault"),
    [
        ("''", "3:14: an empty message"),
        ('" \\n "', None),
        ("[a]", "3:14: 'message' must be text or a mapping, not a list"),
        ("true", "3:14: 'message' must be text or a mapping, not true"),
        ("{text: a, file: b}", "3:14: a message has 'text' or 'file', not both"),
        ("{id: a}", "3:14: a message has 'text' or 'file'"),
        ("{text: a, id: A.b}", None),
        ("{text: a, when: later}", "3:30: 'later' is none of now, idle"),
        ("{txt: a}", "3:15: unknown key 'txt'; did you mean 'text'?"),
        ("{text: [a]}", "3:21: 'text' must be text, not a list"),
    ],
)
def test_a_bad_message_is_one_fault(files: Files, message: str, fault: str | None) -> None:
    """One mistake, one fault, in words of the file."""
    (found,) = files.faults(ONE_AGENT + f"    message: {message}\n")

    assert fault is None or found.endswith(fault)


def test_ids_are_unique_within_an_agent(files: Files) -> None:
    """The second use of an id is told with the line of the first."""
    faults = files.faults(
        ONE_AGENT + "    messages:\n      - {id: a, text: x}\n      - {id: a, text: y}\n"
    )

    assert faults == ["team.yaml:5:14: duplicate id 'a', first on line 4"]
