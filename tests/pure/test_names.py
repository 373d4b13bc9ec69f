"""Names, addresses, and which live thing an address means."""

from __future__ import annotations

import pytest

from mng.errors import MngError, NotFound, UsageError
from mng.model.name import Address, check_name, parse_address
from mng.model.spec import forbidden, message_keys, message_name, normalise
from mng.reconcile.lookup import find_agents, find_any, find_hosts
from tests.pure.worlds import a_host, a_world, agent, an_agent, host


@pytest.mark.parametrize("name", ["a", "0", "impl-agent", "a-", "x" * 40])
def test_a_name_is_letters_digits_and_dashes(name: str) -> None:
    """At most 40 of them."""
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "-a", "A", "a_b", "a.b", "a@b", "a:b", "a/b", "a b", "é", "a\n", "x" * 41, "../x", "$(i)"],
)  # fmt: skip
def test_anything_else_is_no_name(name: str) -> None:
    """No name needs quoting anywhere: not in a path, a shell, a tmux target or a git ref."""
    with pytest.raises(UsageError, match="is not a name") as caught:
        check_name(name)

    assert caught.value.exit_code == 2
    assert "a-z, 0-9 and -" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("a", Address("a")),
        ("h.modal", Address("h", None, "modal")),
        ("a@h", Address("a", "h")),
        ("a@h.modal", Address("a", "h", "modal")),
    ],
)
def test_an_address_is_read_and_printed(text: str, address: Address) -> None:
    """The parts left out are None."""
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize(
    "text", ["", "@", "a@", "@h", "a@h.", "a@h.m.x", "a@h@i", "h.", ".m", "A@h"]
)
def test_what_is_no_address_is_a_usage_error(text: str) -> None:
    """Each part is a name."""
    with pytest.raises(UsageError):
        parse_address(text)


def test_names_print_as_they_are_typed() -> None:
    """A host with its provider; an agent with its host."""
    assert str(a_host("h.modal")) == "h.modal"
    assert str(an_agent("a@h.modal")) == "a@h"


WORLD = a_world(
    host("h"), host("h.modal"), host("solo"), host("impl"),
    agent("impl@h"), agent("impl@h.modal"), agent("test@h.modal"), agent("lone@solo"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "name"),
    [("test", "test@h.modal"), ("test@h", "test@h.modal"), ("impl@h.modal", "impl@h.modal")],
)
def test_a_bare_name_works_where_it_is_unique(text: str, name: str) -> None:
    """So does a part of an address."""
    assert find_agents(WORLD, [parse_address(text)]) == [an_agent(name)]
    assert find_any(WORLD, parse_address(text)) == an_agent(name)


@pytest.mark.parametrize(
    ("text", "name"), [("solo", "solo"), ("h.modal", "h.modal"), ("impl.local", "impl")]
)
def test_a_host_is_found_by_its_name(text: str, name: str) -> None:
    """With its provider where the bare name is not enough."""
    assert find_any(WORLD, parse_address(text)) == a_host(name)
    assert find_hosts(WORLD, parse_address(text)) == [a_host(name)]


def why_not(text: str, *, agents_only: bool = False) -> MngError:
    address = parse_address(text)
    with pytest.raises(NotFound) as caught:
        find_agents(WORLD, [address]) if agents_only else find_any(WORLD, address)
    return caught.value


def test_an_ambiguous_name_lists_the_candidates() -> None:
    """Each as it has to be typed; exit 4."""
    error = why_not("impl", agents_only=True)

    assert str(error) == "'impl' is ambiguous: impl@h.local, impl@h.modal"
    assert (error.hint, error.exit_code) == ("write it in full", 4)


def test_an_agent_and_a_host_of_one_name_are_ambiguous() -> None:
    """Where both could be meant."""
    assert str(why_not("impl")) == "'impl' is ambiguous: impl@h.local, impl@h.modal, impl.local"
    assert str(why_not("h")) == "'h' is ambiguous: h.local, h.modal"


def test_a_name_that_is_not_there_suggests_the_nearest() -> None:
    """Exit 4, and what to type next."""
    error = why_not("tset")

    assert str(error) == "no agent or host named 'tset'"
    assert (error.hint, error.exit_code) == ("mng list   (nearest: test)", 4)
    assert str(why_not("tset@h", agents_only=True)) == "no agent named 'tset@h'"
    assert why_not("zzz").hint == "mng list"


def test_a_host_is_no_agent() -> None:
    """`mng message solo` names nobody who could read it, so those who could are named."""
    error = why_not("solo", agents_only=True)

    assert str(error) == "'solo' is a host and no agent"
    assert (error.hint, error.exit_code) == ("one of its agents: lone", 4)
    assert why_not("h.modal", agents_only=True).hint == "one of its agents: impl@h.modal, test"
    assert find_hosts(WORLD, parse_address("impl@h")) == []


def test_a_message_is_known_by_its_text() -> None:
    """Line ends and trailing blanks don't count; the same text again is another message."""
    same = message_keys((None, text) for text in ("a\nb", "a  \r\nb\n\n", "a\nb "))

    assert [key.split(".")[1] for key in same] == ["1", "2", "3"]
    assert len({key.split(".")[0] for key in same}) == 1
    assert message_keys([(None, "a"), (None, " a")])[1].endswith(".1")


def test_a_message_with_an_id_is_known_by_it() -> None:
    """It doesn't count as an occurrence of its text; with another text it is an edit of itself."""
    keys = message_keys([("focus", "a"), (None, "a"), ("focus", "b")])

    assert [message_name(key) for key in keys] == ["focus", keys[1], "focus"]
    assert len(set(keys)) == 3
    assert keys[1].endswith(".1")


def test_a_text_is_typed_with_plain_line_ends() -> None:
    """Nothing else of it changes."""
    assert normalise("a \r\n\tb\n\n") == "a \n\tb"


@pytest.mark.parametrize("char", ["\x1b", "\x00", "\x03", "\r", "\x7f", "\x9b", "\ud800"])
def test_a_key_is_no_text(char: str) -> None:
    """A control character would be pressed, not written."""
    assert forbidden(f"ab{char}") == f"U+{ord(char):04X} at character 3"


@pytest.mark.parametrize("text", ["", "a\n\tb", "-x; #{y} $(z) `w` \\", "é 🦜 \u202e"])
def test_hostile_text_is_text(text: str) -> None:
    """Only keys are refused."""
    assert forbidden(text) == ""
