"""What `list` says at a glance, and where an agent works."""

from __future__ import annotations

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, demo, runs


@pytest.mark.local_only("a host of Modal has a column more")
def test_list_says_why_an_agent_needs_you(stage: Stage) -> None:
    """The reason stands behind those states that need the user, and no line else is longer."""
    bad = runs(["sh", "-c", "exit 3"], restart="never")
    stage.up(stage.team({"ada": demo(), "bad": bad, "quiet": runs("sleep 1000")}))
    eventually(lambda: stage.state("ada") == "WAITING")

    head, *rows = [line.split(maxsplit=5) for line in stage.must("list").out.splitlines()]
    assert head[5:] == ["WHY"]
    assert {row[0]: row[5:] for row in rows} == {
        "bad": ["ended with 3"], "quiet": ["has drawn nothing yet"], "ada": [],
    }  # fmt: skip


@pytest.mark.alike("each look at a silent host costs 15 s on Modal")
def test_list_of_an_unknown_host_is_1(stage: Stage) -> None:
    """Whoever asks learns that not all is known, by name or not; and why."""
    stage.raised({"ada": demo()})
    stage.must("create", "eve@den", "--new-host", "--type", "demo")
    stage.freeze()
    everything, named = stage.mng("list"), stage.mng("list", "eve")
    stage.thaw()

    assert (everything.status, "no answer" in everything.out) == (1, True)
    assert named.status == 0


def test_the_work_dir_is_where_the_agents_start(stage: Stage) -> None:
    """A source below the top of its repository is the same place below the work tree."""
    below = stage.repo / "services" / "api"
    below.mkdir(parents=True)
    (below / "app.py").write_text("app\n")
    stage.raised({"ada": demo()}, host={"source": str(below)})

    assert stage.must("exec", "ada", "pwd").out == stage.agent("ada")["work_dir"] + "\n"
    assert stage.agent("ada")["work_dir"].endswith("/work/services/api")
