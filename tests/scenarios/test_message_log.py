"""An agent's messages are an append-only log: what `up` makes of every edit of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, demo, program, runs


def edited(stage: Stage, *messages: object, **more: object) -> Path:
    """The same team with these messages for ada."""
    return stage.team({"ada": demo(*messages, **more)})


def test_an_appended_message_is_said_to_the_running_agent(stage: Stage) -> None:
    """[A, B] -> [A, B, C]: C alone is typed, and nobody is restarted."""
    stage.raised({"ada": demo("A", "B")})
    pid = stage.pid("ada")
    stage.must("up", "-f", edited(stage, "A", "B", "C"))

    assert (stage.told("ada"), stage.pid("ada")) == (["A", "B", "C"], pid)


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_an_edited_message_is_held(stage: Stage) -> None:
    """What was said can't be unsaid: exit 3, both ways out are named, nothing is typed."""
    stage.raised({"ada": demo("A", "B")})

    done = stage.up(edited(stage, "A", "B2"))
    assert (done.status, stage.told("ada")) == (3, ["A", "B"])
    assert "--messages send | --messages accept" in done.err


def test_up_tells_how_to_settle_what_blocks_a_message(stage: Stage) -> None:
    """A person has to look at the agent, and then the same `up` says the rest."""
    stage.raised({"ada": demo("A")})
    stage.tmux("copy-mode", "-t", "=ada:")
    file = edited(stage, "A", "B", "C")
    done = stage.up(file)
    stage.tmux("send-keys", "-t", "=ada:", "-X", "cancel")

    assert done.status == 3
    hint = f"  try: mng connect ada@box   and, once that is settled, mng up -f {file}\n"
    assert done.err.endswith(hint)
    stage.must("up", "-f", file, "--wait")
    assert stage.told("ada") == ["A", "B", "C"]


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_a_held_message_holds_no_other_agent(stage: Stage) -> None:
    """Every other agent goes on."""
    stage.raised({"ada": demo("A"), "bob": demo("X")})

    done = stage.up(stage.team({"ada": demo("A2"), "bob": demo("X", "Y")}))
    assert (done.status, stage.told("ada"), stage.told("bob")) == (3, ["A"], ["X", "Y"])


def test_sending_a_held_message_settles_it_for_good(stage: Stage) -> None:
    """--messages send says it as a new one; the next up has nothing to do."""
    stage.raised({"ada": demo("A", "B")})
    file = edited(stage, "A2", "B")
    stage.must("up", "-f", file, "--messages", "send")

    assert stage.told("ada") == ["A", "B", "A2"]
    assert stage.mng("plan", "-f", file, "--check").status == 0


def test_accepting_a_held_message_settles_it_for_good(stage: Stage) -> None:
    """--messages accept types nothing; the next up has nothing to do."""
    stage.raised({"ada": demo("A", "B")})
    file = edited(stage, "A2", "B")
    stage.must("up", "-f", file, "--messages", "accept")

    assert stage.told("ada") == ["A", "B"]
    assert stage.mng("plan", "-f", file, "--check").status == 0


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_the_ledger_says_that_an_accepted_message_was_not_typed(stage: Stage) -> None:
    """Its text was never sent to the host, so it can't be shown from there."""
    stage.raised({"ada": demo("A")})
    stage.must("up", "-f", edited(stage, "A2"), "--messages", "accept")

    last = stage.must("messages", "ada").out.splitlines()[-1]
    assert "recorded" in last
    assert last.endswith("(not typed, but recorded)")


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_an_accepted_edit_may_be_followed_by_new_messages(stage: Stage) -> None:
    """Settled is settled: the log goes on from there."""
    stage.raised({"ada": demo("A", "B")})
    stage.must("up", "-f", edited(stage, "A", "B2"), "--messages", "accept")
    stage.must("up", "-f", edited(stage, "A", "B2", "C"))

    assert stage.told("ada") == ["A", "B", "C"]


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_an_inserted_message_is_held(stage: Stage) -> None:
    """It would be said at another place than the file shows."""
    stage.raised({"ada": demo("A", "B")})

    assert stage.up(edited(stage, "A", "new", "B")).status == 3
    assert stage.told("ada") == ["A", "B"]


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_a_message_changed_through_a_variable_is_held(stage: Stage) -> None:
    """The rendered text is what counts."""
    file = stage.team({"ada": demo("Build {{ what }}")}, vars={"what": "a login"})
    stage.must("up", "-f", file)

    assert stage.up(file, "--var", "what=a logout").status == 3
    assert stage.told("ada") == ["Build a login"]


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_a_message_changed_through_its_file_is_held(stage: Stage) -> None:
    """So is the text of a file."""
    (stage.root / "review.md").write_text("Review it\n")
    file = stage.raised({"ada": demo({"file": "review.md"})})
    (stage.root / "review.md").write_text("Review it twice\n")

    assert (stage.up(file).status, stage.told("ada")) == (3, ["Review it"])


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_an_edited_message_with_an_id_is_told_from_a_new_one(stage: Stage) -> None:
    """It is held, as an edit; once it is sent there is nothing to do, and both can be exported."""
    stage.raised({"ada": demo({"id": "focus", "text": "A"})})
    file = edited(stage, {"id": "focus", "text": "A, please"}, "B")

    done = stage.up(file)
    assert (done.status, stage.told("ada")) == (3, ["A"])
    assert "edited since it was said" in done.err
    stage.must("up", "-f", file, "--messages", "send")
    assert stage.told("ada") == ["A", "A, please", "B"]
    (stage.root / "export.yaml").write_text(stage.must("export", "auth").out)
    for path in (file, stage.root / "export.yaml"):
        assert stage.mng("plan", "-f", path, "--check").status == 0


@pytest.mark.alike("the plan alone decides it, for every provider alike")
@pytest.mark.parametrize("left", [["A"], ["B", "A"]], ids=["removed", "reordered"])
def test_removing_and_reordering_say_nothing(stage: Stage, left: list[str]) -> None:
    """What was said stays said."""
    stage.raised({"ada": demo("A", "B")})

    assert stage.up(edited(stage, *left)).status == 0
    assert stage.told("ada") == ["A", "B"]


def test_the_same_text_twice_is_two_messages(stage: Stage) -> None:
    """Each once, and never a third."""
    file = stage.raised({"ada": demo("go on", "go on")})
    stage.must("up", "-f", file)

    assert stage.told("ada") == ["go on", "go on"]


def test_a_message_that_is_still_pending_is_said_as_edited(stage: Stage) -> None:
    """The new text, once."""
    late = {"type": "demo", "args": ["--busy", "3"]}
    first = stage.team({"ada": {**late, "messages": ["A", "B"]}})
    stage.must("up", "-f", first, "--timeout", "60")
    stage.must("message", "ada", "/busy 600")
    eventually(lambda: stage.state("ada") == "RUNNING")
    file = stage.team({"ada": {**late, "messages": ["A", "B", {"text": "C", "when": "idle"}]}})
    pending = stage.up(file)
    stage.tmux("send-keys", "-t", "=ada:", "Escape")
    file = stage.team({"ada": {**late, "messages": ["A", "B", {"text": "C2", "when": "idle"}]}})
    stage.must("up", "-f", file, "--wait")

    assert (pending.status, "pending" in pending.err) == (0, True)
    assert [text for text in stage.told("ada") if text[0] in "ABC"] == ["A", "B", "C2"]


def test_a_message_by_id_satisfies_the_declared_one(stage: Stage) -> None:
    """`mng message --id` says it once; `up` doesn't say it again."""
    stage.raised({"ada": demo("A")})
    stage.must("message", "ada", "--id", "focus", "Focus")
    stage.must("up", "-f", edited(stage, "A", {"id": "focus", "text": "Focus"}))

    assert stage.told("ada") == ["A", "Focus"]


def test_a_message_by_id_is_said_once(stage: Stage) -> None:
    """The id is its identity, whoever sends it."""
    stage.raised({"ada": demo()})
    for _ in range(2):
        stage.must("message", "ada", "--id", "focus", "Focus")

    assert stage.told("ada") == ["Focus"]


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_an_id_stands_for_one_text(stage: Stage) -> None:
    """Another text under it is not taken for said: exit 3, and nobody is typed to."""
    stage.raised({"ada": demo(), "bob": demo()})
    stage.must("message", "ada", "--id", "k1", "x")

    done = stage.mng("message", "bob", "ada", "--id", "k1", "y")
    assert done.status == 3
    assert "ada@box was sent another text with the id 'k1': 'x'" in done.err
    assert (stage.told("ada"), stage.told("bob")) == (["x"], [])


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_messages_by_hand_satisfy_no_declared_one(stage: Stage) -> None:
    """The same text by hand is another message."""
    stage.raised({"ada": demo("A")})
    stage.must("message", "ada", "B")
    stage.must("up", "-f", edited(stage, "A", "B"))

    assert stage.told("ada") == ["A", "B", "B"]


def test_a_message_waits_for_what_its_agent_comes_after(stage: Stage) -> None:
    """An agent that comes after another's end is pending, with exit 0, until that has come."""
    first = runs(program("sleeper", 0))
    file = stage.team({"ada": first, "bob": demo("B", after={"ada": "done"})})

    done = stage.up(file)
    assert (done.status, "waits for ada: done" in done.err) == (0, True)
    assert "bob" not in stage.agents()
    stage.tmux("send-keys", "-t", "=ada:", "Enter")
    eventually(lambda: stage.state("ada") == "DONE")
    stage.must("up", "-f", file)
    assert stage.told("bob") == ["B"]


def test_the_ledger_tells_text_id_state_and_origin(stage: Stage) -> None:
    """`mng messages` shows what an agent was sent, and what became of it."""
    import json

    stage.raised({"ada": demo({"id": "focus", "text": "Focus"})})
    stage.must("message", "ada", "by hand")

    document = json.loads(stage.must("messages", "ada", "-o", "json").out)
    rows = [(row["text"], row["state"], row["from"]) for row in document["messages"]]
    assert rows == [("Focus", "accepted", "file"), ("by hand", "accepted", "adhoc")]
    assert (document["schema"], document["messages"][0]["id"]) == ("mng.messages/1", "focus")
    assert all(row["at"] > 0 for row in document["messages"])
