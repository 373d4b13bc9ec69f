"""`up` again: what is as the file says is not touched at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, demo, program, runs, snapshot, watching

ASKS = {"list-panes", "list-buffers", "display-message", "capture-pane", "show-options"}
READS = {"rev-parse", "ls-files", "cat-file", "for-each-ref", "diff-files", "config", "--version"}


def team() -> dict[str, object]:
    return {
        "ada": demo("Hello", {"id": "focus", "text": "Focus"}),
        "bob": demo("One", "Two", after={"ada": "ready"}),
        "eve": runs(program("sleeper"), protect=True),
    }


def settled(stage: Stage, **more: object) -> Path:
    """The file of a team whose agents have all come to rest."""
    file = stage.raised(team(), **more)
    eventually(lambda: {agent["state"] for agent in stage.agents().values()} == {"WAITING"})
    return file


def verbs(log: Path, program: str) -> set[str]:
    """What was asked of tmux or git: each command's verb."""
    found = set()
    for line in log.read_text().splitlines():
        name, *words = line.split("\x1f")
        if name != program:
            continue
        takes_value = {"-S", "-f", "-c", "-C", "-L"}
        while words and words[0].startswith("-"):
            del words[: 2 if words[0] in takes_value else 1]
        starts = [0, *(n + 1 for n, word in enumerate(words) if word == ";")]
        found |= {words[start] for start in starts if start < len(words)}
    return found


@pytest.mark.local_only("it watches what tmux and git are asked on this machine")
def test_the_second_up_asks_and_changes_nothing(stage: Stage) -> None:
    """Zero mutating calls: tmux is only asked, git only read."""
    file = settled(stage)

    with watching(stage) as log:
        done = stage.up(file)
        assert done.status == 0
        assert "Plan: nothing to do" in done.err
        assert verbs(log, "tmux")
        assert verbs(log, "tmux") <= ASKS
        assert verbs(log, "git") <= READS


@pytest.mark.local_only("it looks at every file of the host")
def test_the_second_up_leaves_every_file_as_it_was(stage: Stage) -> None:
    """No file under MNG_HOME or in the source repository has another time, size or inode."""
    file = settled(stage)
    before = snapshot(stage.home, stage.repo)
    stage.must("up", "-f", file)

    assert snapshot(stage.home, stage.repo) == before


@pytest.mark.local_only("it looks at every file of the host")
def test_plan_list_and_logs_change_no_file(stage: Stage) -> None:
    """What only looks leaves no trace."""
    file = settled(stage)
    before = snapshot(stage.home, stage.repo)
    stage.must("plan", "-f", file)
    for words in (("list", "-o", "wide"), ("logs", "ada"), ("messages", "bob")):
        stage.must(*words)

    assert snapshot(stage.home, stage.repo) == before


def test_the_second_up_keeps_every_process(stage: Stage) -> None:
    """The agents are the same processes."""
    file = settled(stage)
    before = {name: agent["pid"] for name, agent in stage.agents().items()}
    stage.must("up", "-f", file)

    assert {name: agent["pid"] for name, agent in stage.agents().items()} == before


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_plan_check_has_nothing_to_find_after_up(stage: Stage) -> None:
    """plan --check is 0 where up has been, 3 where it has not."""
    file = stage.team(team())
    first = stage.mng("plan", "-f", file, "--check").status
    stage.must("up", "-f", file)

    assert (first, stage.mng("plan", "-f", file, "--check").status) == (3, 0)


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_plan_makes_nothing(stage: Stage) -> None:
    """A plan is words: not even MNG_HOME is made."""
    file = stage.team(team())
    done = stage.must("plan", "-f", file)

    assert "Plan: 4 to create, 4 messages" in done.out
    assert not stage.home.exists()


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_what_is_rewritten_alike_is_no_change(stage: Stage) -> None:
    """Re-quoted, re-indented, defaults spelled out, trailing blanks: the same team."""
    settled(stage)
    text = f"""\
# the same, in other words
name: 'auth'
hosts:
    box:
        provider: {stage.provider}
        source: "{stage.repo}"
agents:
    eve:
        type: command
        restart: on-failure
        protect: true
        command: {json.dumps(program("sleeper"))}
    bob: {{after: [ada], type: demo, args: ['--busy', '0'], messages: ['One', "Two"]}}
    ada:
        type: demo
        host: box
        args: [--busy, 0]
        messages:
            - "Hello  \\n"
            - {{text: "Focus", id: focus}}
"""
    file = stage.root / "team.yaml"
    file.write_text(text)

    assert stage.mng("plan", "-f", file, "--check").out.splitlines()[1:] == ["Plan: nothing to do"]


def test_ups_in_a_row_say_each_message_once(stage: Stage) -> None:
    """However often it is run."""
    file = settled(stage)
    for _ in range(3):
        stage.must("up", "-f", file)

    assert (stage.told("ada"), stage.told("bob")) == (["Hello", "Focus"], ["One", "Two"])


def test_exporting_gives_a_file_whose_plan_is_empty(stage: Stage) -> None:
    """`export` is the live state in the file's language."""
    settled(stage)
    text = stage.must("export", "auth").out
    copy = stage.root / "team.yaml"
    copy.write_text(text)

    done = stage.mng("plan", "-f", copy, "--check")
    assert (done.status, done.out.splitlines()[1:]) == (0, ["Plan: nothing to do"])


def test_exporting_what_was_made_by_hand_can_be_adopted(stage: Stage) -> None:
    """What began with `create` becomes a file; the process and its ledger stay."""
    stage.must(
        "create", f"ada@{stage.at('box')}", "--new-host", "--type", "demo", "--message", "Hello",
        "--", "--busy", "0",
    )  # fmt: skip
    pid = stage.pid("ada")
    copy = stage.root / "adhoc.yaml"
    copy.write_text(stage.must("export").out)

    assert stage.up(copy).status == 3
    stage.must("up", "-f", copy, "--adopt")
    assert stage.mng("plan", "-f", copy, "--check").status == 0
    assert (stage.pid("ada"), stage.told("ada")) == (pid, ["Hello"])
