"""Everything else that can change in the file, with real processes."""

from __future__ import annotations

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, demo, program, runs


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_a_changed_command_is_held(stage: Stage) -> None:
    """A running process is not ended without consent; the flag that gives it is shown."""
    stage.raised({"web": runs(program("sleeper"))})
    pid = stage.pid("web")

    done = stage.up(stage.team({"web": runs(program("sleeper", 7))}))
    assert (done.status, stage.pid("web")) == (3, pid)
    assert "--recreate web" in done.err
    assert "ends the running process" in done.err


def test_recreate_starts_a_changed_agent_anew(stage: Stage) -> None:
    """With consent the agent is what the file says, and its files are still there."""
    stage.raised({"web": runs(program("sleeper"))})
    stage.must("exec", "web", "echo kept >kept.txt")
    pid = stage.pid("web")
    file = stage.team({"web": runs(program("sleeper", 7))})
    stage.must("up", "-f", file, "--recreate", "web")

    assert stage.pid("web") != pid
    assert stage.must("exec", "web", "cat kept.txt").out == "kept\n"
    assert stage.mng("plan", "-f", file, "--check").status == 0


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_recreate_alone_means_every_changed_agent(stage: Stage) -> None:
    """Without a name it is for all."""
    stage.raised({"web": runs(program("sleeper"))})
    pid = stage.pid("web")
    stage.must("up", "-f", stage.team({"web": runs(program("sleeper", 7))}), "--recreate")

    assert stage.pid("web") != pid


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_a_changed_agent_that_has_ended_is_made_anew_at_once(stage: Stage) -> None:
    """Nothing is lost, so nothing is asked."""
    stage.raised({"web": runs(program("sleeper"), restart="never")})
    stage.tmux("send-keys", "-t", "=web:", "Enter")
    eventually(lambda: stage.state("web") == "DONE")

    stage.must("up", "-f", stage.team({"web": runs(program("sleeper", 7), restart="never")}))
    assert stage.agent("web")["pid"]


def test_an_in_place_change_touches_no_process(stage: Stage) -> None:
    """Labels, restart, protect and after only change the record."""
    stage.raised({"web": runs(program("sleeper")), "ada": demo()})
    pid = stage.pid("web")
    changed = runs(
        program("sleeper"), restart="never", protect=True, labels={"role": "web"}, after=["ada"]
    )
    file = stage.team({"web": changed, "ada": demo()})
    stage.must("up", "-f", file)

    assert (stage.pid("web"), stage.agent("web")["labels"]) == (pid, {"role": "web"})
    assert stage.mng("plan", "-f", file, "--check").status == 0


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_a_renamed_agent_is_a_new_one_and_the_plan_says_how_to_keep_it(stage: Stage) -> None:
    """A name is an identity; `was:` is suggested."""
    stage.raised({"ada": demo()})

    done = stage.must("plan", "-f", stage.team({"eve": demo()}))
    assert "was: ada" in done.out
    assert "held" in done.out


def test_was_renames_without_touching_the_process(stage: Stage) -> None:
    """The process, its conversation and its ledger go on under the new name."""
    stage.raised({"ada": demo("A")})
    pid = stage.pid("ada")
    file = stage.team({"eve": demo("A", was="ada")})
    stage.must("up", "-f", file)
    stage.must("message", "eve", "under the new name")

    assert list(stage.agents()) == ["eve"]
    assert (stage.pid("eve"), stage.told("eve")) == (pid, ["A", "under the new name"])
    assert stage.mng("plan", "-f", file, "--check").status == 0


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_an_agent_gone_from_the_file_is_held(stage: Stage) -> None:
    """Removal needs --prune."""
    stage.raised({"ada": demo(), "bob": demo()})
    file = stage.team({"ada": demo()})

    done = stage.up(file)
    assert (done.status, "(--prune)" in done.err) == (3, True)
    assert set(stage.agents()) == {"ada", "bob"}


def test_prune_destroys_what_the_file_has_no_more(stage: Stage) -> None:
    """With consent it goes, and the others stay."""
    stage.raised({"ada": demo(), "bob": demo()})
    pid = stage.pid("ada")
    stage.must("up", "-f", stage.team({"ada": demo()}), "--prune")

    assert {name: agent["pid"] for name, agent in stage.agents().items()} == {"ada": pid}


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_prune_comes_last_and_only_after_success(stage: Stage) -> None:
    """While anything fails, nothing is destroyed."""
    stage.raised({"ada": demo(), "bob": demo()})
    failing = runs(["sh", "-c", "exit 3"], "never said")

    done = stage.up(stage.team({"ada": demo(), "bad": failing}), "--prune")
    assert done.status == 1
    assert "bob" in stage.agents()


def test_a_pruned_host_is_saved_first(stage: Stage) -> None:
    """The work of a host that left the file is in the source repository before it goes."""
    host = {"source": str(stage.repo)}
    two = {"box": host, "old": host}
    at_old = demo(host="old")
    stage.raised({"ada": demo(host="box"), "bob": at_old}, hosts=two)
    stage.must("exec", "bob", "echo draft >draft.txt")
    held = stage.up(stage.team({"ada": demo()}))
    stage.must("up", "-f", stage.team({"ada": demo()}), "--prune")

    tree = next(ref for ref in stage.saved("old") if ref.endswith("/work-tree"))
    assert held.status == 3
    assert stage.git("show", f"{tree}:draft.txt") == "draft\n"
    assert not stage.is_there("old")


def test_a_change_that_replaces_the_host_is_held_with_what_it_costs(stage: Stage) -> None:
    """It says which agents end, and how much work is not saved yet."""
    stage.raised({"ada": demo()})
    stage.must("exec", "ada", "touch one.txt two.txt")
    other = stage.root / "other"
    stage.make_repository(other)

    done = stage.up(stage.team({"ada": demo()}, host={"source": str(other)}))
    assert (done.status, "--replace-host box" in done.err) == (3, True)
    assert "ends ada" in done.err
    assert "2 uncommitted files" in done.err
    assert stage.must("exec", "ada", "ls").out == "file-0.txt\none.txt\ntwo.txt\n"


def test_replace_host_saves_destroys_and_creates(stage: Stage) -> None:
    """The old work is in the old source; the new host has the new one; the agents are back."""
    stage.raised({"ada": demo("A")})
    stage.must("exec", "ada", "echo draft >draft.txt")
    other = stage.root / "other"
    stage.make_repository(other, files=2)
    file = stage.team({"ada": demo("A")}, host={"source": str(other)})
    stage.must("up", "-f", file, "--replace-host", "box")

    tree = next(ref for ref in stage.saved() if ref.endswith("/work-tree"))
    assert stage.git("show", f"{tree}:draft.txt") == "draft\n"
    assert stage.must("exec", "ada", "cat file-1.txt").out == "the file 1\n"
    assert stage.told("ada") == ["A"]
    assert stage.mng("plan", "-f", file, "--check").status == 0


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_yes_is_consent_to_all_that_is_held(stage: Stage) -> None:
    """--yes answers every question, and saves the work all the same."""
    stage.raised({"ada": demo("A"), "bob": demo()})
    stage.must("exec", "ada", "echo draft >draft.txt")
    other = stage.root / "other"
    stage.make_repository(other)
    file = stage.team({"ada": demo("A2")}, host={"source": str(other)})
    stage.must("up", "-f", file, "--yes")

    assert list(stage.agents()) == ["ada"]
    assert any(ref.endswith("/work-tree") for ref in stage.saved())
    assert stage.mng("plan", "-f", file, "--check").status == 0


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_up_of_a_name_touches_no_other(stage: Stage) -> None:
    """`up NAME` is for that agent and what it needs."""
    file = stage.team({"ada": demo(), "bob": demo(after=["ada"]), "eve": demo()})
    stage.must("up", "-f", file, "bob")

    assert set(stage.agents()) == {"ada", "bob"}


def test_two_teams_of_one_directory_never_touch_each_other(stage: Stage) -> None:
    """Ownership is recorded, never guessed from a directory."""
    one = stage.raised({"ada": demo()}, file="one.yaml", name="one")
    other = stage.team({"bob": demo()}, file="two.yaml", name="two",
                       hosts={"den": {"source": str(stage.repo)}})  # fmt: skip
    stage.must("up", "-f", other, "--prune")
    pids = {name: agent["pid"] for name, agent in stage.agents().items()}
    assert set(pids) == {"ada", "bob"}
    stage.must("up", "-f", one, "--prune")
    assert {name: agent["pid"] for name, agent in stage.agents().items()} == pids
    stage.must("down", "-f", one)
    assert {name: agent["pid"] for name, agent in stage.agents().items()} == {"bob": pids["bob"]}


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_a_host_of_another_team_is_refused(stage: Stage) -> None:
    """A name that another team has taken is an error that says how to share it."""
    stage.raised({"ada": demo()}, file="one.yaml", name="one")

    done = stage.up(stage.team({"bob": demo()}, file="two.yaml", name="two"))
    assert (done.status, "belongs to team one" in done.err) == (1, True)
    assert "--wait" not in done.err  # for no waiting helps
    assert list(stage.agents()) == ["ada"]


def test_an_external_host_is_lived_on_and_never_destroyed(stage: Stage) -> None:
    """A guest goes without its host."""
    stage.raised({"ada": demo()}, file="one.yaml", name="one")
    guest = stage.team({"bob": demo("B")}, file="two.yaml", name="two",
                       hosts={"box": {"external": True}})  # fmt: skip
    stage.must("up", "-f", guest)
    assert stage.told("bob") == ["B"]
    stage.must("down", "-f", guest)
    assert list(stage.agents()) == ["ada"]


def test_a_host_with_guests_is_not_destroyed(stage: Stage) -> None:
    """down of the owner holds the host while others live on it."""
    owner = stage.raised({"ada": demo()}, file="one.yaml", name="one")
    guest = stage.team({"bob": demo()}, file="two.yaml", name="two",
                       hosts={"box": {"external": True}})  # fmt: skip
    stage.must("up", "-f", guest)

    done = stage.mng("down", "-f", owner)
    assert (done.status, "others live on it: bob@box" in done.err) == (3, True)
    assert list(stage.agents()) == ["bob"]
