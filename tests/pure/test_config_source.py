"""Reading a file: what is no YAML is told in one line; what is, keeps its places."""

from __future__ import annotations

from pathlib import Path

import pytest

from mng.config.load import discover, load
from mng.errors import InvalidFile, UsageError
from tests.pure.config_files import ONE_AGENT, Files


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "team.yaml: is empty"),
        (b"# nothing\n", "team.yaml: is empty"),
        (b"- a\n", "team.yaml:1:1: a file is a mapping with the keys name, vars, hosts and agents"),
        (b"name: \0\n", "team.yaml: is not a text file: it holds NUL bytes"),
        (b"name: a\nagents: \xff\n", "team.yaml:2:9: is not UTF-8: byte 0xFF"),
        (b"\xff\xfen\0", "team.yaml: is UTF-16; save it as UTF-8"),
        (b"name: a\x1b\n", "team.yaml:1:8: ESC (U+001B) can't stand in YAML"),
        (b"name: a\n\tb: c\n", None),
        (b"name: a\n---\nname: b\n", None),
        (b"name: [a\n", None),
        (b"name: *nobody\n", None),
        (b"name: " + b"[" * 5000, None),  # the reader's recursion has an end
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(
    files: Files, content: bytes, fault: str | None
) -> None:
    """Whatever is wrong with a file as a whole is one clear line and exit status 2."""
    faults = files.faults(content)

    assert len(faults) == 1
    assert fault in (None, faults[0])


def test_a_missing_file_and_a_directory_are_faults(tmp_path: Path) -> None:
    """Every file that can't be read is told, not only the first."""
    (tmp_path / "mng.yaml").write_text("name: a\n")

    with pytest.raises(InvalidFile) as caught:
        load([tmp_path / "none.yaml", tmp_path])

    assert caught.value.exit_code == 2
    assert caught.value.report.split("\n") == [
        f"{tmp_path}/none.yaml: no such file",
        f"{tmp_path}: is a directory; did you mean '{tmp_path}/mng.yaml'?",
    ]


def test_a_byte_order_mark_is_no_fault(files: Files) -> None:
    """Some editors put one; it is not part of the text."""
    assert files.load(b"\xef\xbb\xbfname: auth\n").desired.owner.team == "auth"


def test_no_file_at_all_is_a_usage_error() -> None:
    """Loading nothing is a mistake of the command line."""
    with pytest.raises(UsageError):
        load([])


def test_duplicate_keys_are_told_with_their_first_line(files: Files) -> None:
    """YAML readers keep one of two equal keys in silence; mng does not."""
    assert files.faults("name: a\nhosts: {}\nname: b\n") == [
        "team.yaml:3:1: duplicate key 'name', first on line 1"
    ]


def test_anchors_and_merge_keys_are_the_users(files: Files) -> None:
    """`<<` brings in what the mapping doesn't set itself; the first of a list wins."""
    loaded = files.load("""
        x-one: &one {type: demo, labels: {from: one}}
        x-two: &two {labels: {from: two}, protect: true}
        agents:
          a: {<<: [*one, *two], type: codex}
    """)

    (agent,) = loaded.desired.agents.values()
    assert (agent.spec.type, agent.spec.protect) == ("codex", True)
    assert agent.spec.labels == {"from": "one"}


def test_an_alias_without_end_is_a_fault(files: Files) -> None:
    """A value that holds itself is told, not followed."""
    assert files.faults("x-a: &a [*a]\n") == [
        "team.yaml:1:6: an alias inside of what it stands for"
    ]


def test_aliases_that_expand_without_measure_are_a_fault(files: Files) -> None:
    """A small file can't fill the memory."""
    rows = ["x-0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]"]
    rows += [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    (fault,) = files.faults("\n".join(rows) + "\n")

    assert "aliases expand to more than 100000 values" in fault


@pytest.mark.parametrize(
    ("written", "value"),
    [("yes", "yes"), ("010", "010"), ("1.10", "1.10"), ("true", "true"),
     ("2024-01-02", "2024-01-02"), ("0x1F", "0x1F"), ("1_000", "1_000"), ("'a'", "a"),
     ("!!str 5", "5"), ("-.inf", "-.inf")],
)  # fmt: skip
def test_a_variable_is_what_was_written(files: Files, written: str, value: str) -> None:
    """A number in `env` keeps its zeros; YAML 1.2 has no `yes` and no dates."""
    agent = files.agent(f"agents: {{a: {{env: {{V: {written}}}}}}}\n")

    assert agent.spec.env == {"V": value}


def test_an_unknown_tag_is_a_fault(files: Files) -> None:
    """No tag makes anything but plain values."""
    assert files.faults("name: !python/object a\n") == [
        "team.yaml:1:7: unknown tag '!python/object'"
    ]


def test_the_nearest_file_above_is_found(tmp_path: Path) -> None:
    """`mng.yaml` is looked for here, then in each directory above."""
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    (tmp_path / "mng.yaml").write_text("name: a\n")

    assert discover(inside) == tmp_path / "mng.yaml"
    assert discover(Path("/")) in (None, Path("/mng.yaml"))


def test_a_key_without_quotes_around_braces_has_a_hint(files: Files) -> None:
    """`message: {{ x }}` is YAML for something else; the fault says what to type."""
    faults = files.faults(ONE_AGENT + "    message: {{ feature }}\n")

    assert "in quotes" in faults[0]
