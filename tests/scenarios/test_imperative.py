"""By hand: create, message, destroy, stop, start, and names that are not there."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, demo, program, runs

QUICK = ("--type", "demo")
END = ("--", "--busy", "0")


def both(stage: Stage) -> None:
    """Two agents on one host, made one after the other."""
    stage.must("create", f"impl-agent@{stage.at('auth-host')}", "--new-host", *QUICK, *END)
    stage.must("create", "test-agent@auth-host", *QUICK, *END)


def provisioning(events: list[dict[str, Any]]) -> float:
    """Seconds that went into hosts."""
    return sum(
        float(event["seconds"])
        for event in events
        if event["event"] == "finished" and event["action"] in ("CreateHost", "UpdateHost")
    )


def test_the_second_agent_of_a_host_costs_no_second_provisioning(stage: Stage) -> None:
    """A host that is there is used as it is: no host step, and none of its time."""
    big = stage.root / "big"
    stage.make_repository(big, files=1000)
    said = ("--message", "Implement it", "-o", "json")

    name = f"impl-agent@{stage.at('auth-host')}"
    first = stage.must_events("create", name, "--new-host", *QUICK, *said, *END, cwd=big)
    second = stage.must_events("create", "test-agent@auth-host", *QUICK, *said, *END, cwd=big)
    actions = {event["action"] for event in second if "action" in event}
    assert "CreateHost" not in actions
    assert provisioning(second) < provisioning(first) / 10


def test_agents_of_one_host_see_one_tree(stage: Stage) -> None:
    """What one writes, the other reads."""
    both(stage)
    stage.must("exec", "impl-agent", "echo shared >of-impl.txt")

    assert stage.must("exec", "test-agent", "cat of-impl.txt file-0.txt").out == (
        "shared\nthe file 0\n"
    )


def test_a_message_reaches_only_the_agent_that_is_named(stage: Stage) -> None:
    """Nobody else hears it."""
    both(stage)
    stage.must("message", "test-agent", "for you alone")

    assert stage.told("test-agent", host="auth-host") == ["for you alone"]
    assert stage.told("impl-agent", host="auth-host") == []


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_one_message_may_go_to_several_agents(stage: Stage) -> None:
    """All names before the text are addressed."""
    both(stage)
    stage.must("message", "impl-agent", "test-agent", "for both")

    assert stage.told("test-agent", host="auth-host") == ["for both"]
    assert stage.told("impl-agent", host="auth-host") == ["for both"]


def test_a_host_outlives_all_but_its_last_agent(stage: Stage) -> None:
    """The others work on."""
    both(stage)
    pid = stage.pid("test-agent")
    stage.must("destroy", "impl-agent")

    assert stage.pid("test-agent") == pid
    assert stage.must("exec", "test-agent", "cat file-0.txt").out == "the file 0\n"


def test_a_host_goes_with_its_last_agent_and_its_work_is_saved(stage: Stage) -> None:
    """Nothing that an agent made is lost."""
    both(stage)
    stage.must("exec", "auth-host", "echo draft >draft.txt")
    stage.must("destroy", "impl-agent")
    stage.must("destroy", "test-agent")

    tree = next(ref for ref in stage.saved("auth-host") if ref.endswith("/work-tree"))
    assert stage.git("show", f"{tree}:draft.txt") == "draft\n"
    assert not stage.is_there("auth-host")


def test_create_repeated_makes_nothing_new(stage: Stage) -> None:
    """The same words, the same world."""
    both(stage)
    pid = stage.pid("test-agent")

    assert stage.mng("create", "test-agent@auth-host", *QUICK, *END).status == 0
    assert stage.pid("test-agent") == pid


@pytest.mark.local_only("the default host is on this machine")
def test_an_agent_without_a_host_lives_on_the_default_local_one(stage: Stage) -> None:
    """`create NAME` is enough."""
    stage.must("create", "ada", *QUICK, "--message", "hello", *END)

    assert stage.told("ada", host="local") == ["hello"]
    assert stage.agent("ada")["host"] == "local"


@pytest.mark.local_only("the default host is on this machine")
def test_create_passes_environment_and_arguments(stage: Stage) -> None:
    """--env for the process, what stands behind `--` for its command line."""
    words = "import os, time; print(os.environ['COLOUR'], flush=True); time.sleep(600)"
    stage.must("create", "ada", "--env", "COLOUR=blue", "--", "python3", "-c", words)

    eventually(lambda: "blue" in stage.must("logs", "ada").out)


def test_create_on_a_host_that_is_not_there_says_how_to_make_it(stage: Stage) -> None:
    """Without --new-host, a host is never made by a slip of the hand."""
    done = stage.mng("create", "ada@nowhere", *QUICK)

    assert (done.status, done.out) == (4, "")
    assert "no host" in done.err
    assert "nowhere" in done.err
    assert "mng create ada@nowhere --new-host" in done.err
    assert not stage.home.exists()


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_new_host_refuses_a_host_that_exists(stage: Stage) -> None:
    """--new-host promises a new one."""
    both(stage)

    done = stage.mng("create", f"third@{stage.at('auth-host')}", "--new-host", *QUICK)
    assert (done.status, "exists" in done.err) == (1, True)
    assert "third" not in stage.agents()


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_create_refuses_a_name_that_stands_for_something_else(stage: Stage) -> None:
    """An agent is never replaced by a `create` with another spec."""
    both(stage)
    pid = stage.pid("test-agent")

    done = stage.mng("create", "test-agent@auth-host", *QUICK, "--", "--busy", "9")
    assert (done.status, "exists: args" in done.err) == (1, True)
    assert stage.pid("test-agent") == pid


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_nobody_is_told_to_destroy_what_stands_in_the_way(stage: Stage) -> None:
    """The agent that has the name may have a conversation that somebody wants."""
    both(stage)

    done = stage.mng("create", "test-agent@auth-host", *QUICK, "--", "--busy", "9")
    assert "destroy" not in done.err
    assert "choose another name, or talk to it: mng message test-agent@auth-host TEXT" in done.err


@pytest.mark.alike("a name is looked for in the world, whoever has told of it")
def test_a_type_that_is_not_installed_names_those_that_are(stage: Stage) -> None:
    """As they are to be typed, the default among them once it is installed."""
    done = stage.mng("create", "ada", "--type", "no-such-type", "--message", "hi")

    assert (done.status, "no agent type 'no-such-type' is installed" in done.err) == (2, True)
    assert "--type command   or   --type demo" in done.err
    assert "Default: command where a command is given, else claude" in " ".join(
        stage.must("create", "--help").out.split()
    )


@pytest.mark.alike("a name is looked for in the world, whoever has told of it")
@pytest.mark.parametrize(
    "words",
    [
        ("message", "test-agnt", "hi"),
        ("destroy", "test-agnt"),
        ("exec", "test-agnt", "true"),
        ("logs", "test-agnt"),
        ("stop", "test-agnt"),
        ("start", "test-agnt"),
        ("wait", "test-agnt"),
        ("messages", "test-agnt"),
        ("connect", "test-agnt"),
        ("list", "test-agnt"),
    ],
    ids=lambda words: words[0],
)
def test_a_name_that_is_not_there_ends_with_4_and_the_nearest(
    stage: Stage, words: tuple[str, ...]
) -> None:
    """A slip of the hand is told, with what was probably meant."""
    stage.must("create", "test-agent@auth-host", "--new-host", *QUICK, *END)

    done = stage.mng(*words)
    assert (done.status, "nearest: test-agent" in done.err) == (4, True)


def test_an_ambiguous_name_lists_its_candidates(stage: Stage) -> None:
    """A bare name works wherever it is unique, and nowhere else."""
    for host in ("one", "two"):
        stage.must("create", f"ada@{stage.at(host)}", "--new-host", *QUICK, *END)

    done = stage.mng("message", "ada", "hi")
    assert (done.status, "ada@one" in done.err, "ada@two" in done.err) == (4, True, True)
    assert stage.mng("message", "ada@one", "hi").status == 0
    assert stage.mng("message", f"ada@{stage.at('two')}", "hi").status == 0


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_a_wrong_name_among_several_destroys_nothing(stage: Stage) -> None:
    """All names are checked before anything is done."""
    both(stage)

    assert stage.mng("destroy", "impl-agent", "nobody").status == 4
    assert set(stage.agents()) == {"impl-agent", "test-agent"}


def test_stop_keeps_files_and_conversation(stage: Stage) -> None:
    """A stopped agent is there, without a process."""
    both(stage)
    stage.must("message", "test-agent", "before")
    pid = stage.pid("test-agent")
    stage.must("stop", "test-agent")

    assert (stage.state("test-agent"), stage.agent("test-agent")["pid"]) == ("STOPPED", None)
    assert stage.told("test-agent", host="auth-host") == ["before"]
    eventually(lambda: not stage.alive(pid, host="auth-host"))  # tmux has still to take its end


def test_start_goes_on_with_the_conversation(stage: Stage) -> None:
    """A demo agent resumes: nothing that was said is said again."""
    both(stage)
    stage.must("message", "test-agent", "before")
    stage.must("stop", "test-agent")
    stage.must("start", "test-agent")

    stage.must("message", "test-agent", "after")
    assert stage.told("test-agent", host="auth-host") == ["before", "after"]


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_stop_twice_is_stop_once(stage: Stage) -> None:
    """Every verb is safe to repeat."""
    both(stage)
    stage.must("stop", "test-agent")

    assert stage.mng("stop", "test-agent").status == 0
    assert stage.state("test-agent") == "STOPPED"


def test_stopping_a_host_stops_its_agents(stage: Stage) -> None:
    """And starting it starts them."""
    both(stage)
    stage.must("stop", "auth-host")
    stopped = {agent["state"] for agent in stage.agents().values()}
    stage.must("start", "auth-host")

    assert stopped == {"STOPPED"}
    eventually(lambda: {agent["state"] for agent in stage.agents().values()} == {"WAITING"})


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_a_protected_agent_needs_force(stage: Stage) -> None:
    """protect: true is never destroyed without --force."""
    stage.raised({"ada": demo(protect=True)})

    done = stage.mng("destroy", "ada")
    assert (done.status, "--force" in done.err, list(stage.agents())) == (3, True, ["ada"])
    assert stage.mng("destroy", "ada", "--force").status == 0
    assert stage.agents() == {}


def test_what_an_agent_started_ends_with_it(stage: Stage) -> None:
    """No child of an agent outlives it."""
    stage.raised({"ada": runs("sleep 601 & sleep 602 & wait", ready={"screen": ""}), "bob": demo()})
    eventually(lambda: stage.running("sleep 601") and stage.running("sleep 602"))
    stage.must("destroy", "ada")

    assert not stage.running("sleep 60")


def test_a_busy_agent_of_a_kind_that_queues_is_told_at_once(stage: Stage) -> None:
    """`message` doesn't wait for a turn to end where typing is safe meanwhile."""
    stage.must("create", f"ada@{stage.at('box')}", "--new-host", *QUICK, "--", "--busy", "600")
    stage.must("message", "ada", "long work")
    eventually(lambda: stage.state("ada") == "RUNNING")
    began = time.monotonic()

    stage.must("message", "ada", "meanwhile")
    assert time.monotonic() - began < 20
    assert stage.told("ada") == ["long work", "meanwhile"]


def test_no_key_is_sent_into_a_dialog(stage: Stage) -> None:
    """A message to an agent that shows a permission dialog is held, and the dialog stays open."""
    stage.must("create", f"ada@{stage.at('box')}", "--new-host", *QUICK, *END)
    stage.must("message", "ada", "/ask")
    eventually(lambda: stage.state("ada") == "BLOCKED")

    done = stage.mng("message", "ada", "typed into the dialog?")
    assert (done.status, "blocked" in done.err) == (3, True)
    assert (stage.state("ada"), stage.told("ada")) == ("BLOCKED", ["/ask"])


def test_message_to_a_dead_agent_of_a_kind_that_cannot_resume_fails(stage: Stage) -> None:
    """Nobody is there to hear it."""
    stage.must("create", f"ada@{stage.at('box')}", "--new-host", "--", *program("sleeper", 0))
    stage.tmux("send-keys", "-t", "=ada:", "Enter")
    eventually(lambda: stage.state("ada") == "DONE")

    done = stage.mng("message", "ada", "hello?")
    assert (done.status, "is DONE" in done.err) == (1, True)


def test_of_two_creates_of_one_host_from_two_sources_one_wins(stage: Stage) -> None:
    """The other one fails, and its agent does not work on a tree that was not asked for."""
    other = stage.root / "other"
    stage.make_repository(other)
    (other / "mark").write_text("other\n")
    asked = {"ada": stage.repo, "bob": other}

    racing = {
        name: stage.start(
            "create",
            f"{name}@{stage.at('box')}",
            "--new-host",
            "--command",
            "sleep 1000",
            "--source",
            source,
        )
        for name, source in asked.items()
    }
    ended = {name: (one.communicate(), one.returncode) for name, one in racing.items()}

    (winner,) = [name for name, (_, status) in ended.items() if status == 0]
    assert list(stage.agents()) == [winner]
    there = stage.on_host(f"test ! -e {stage.work_dir()}/mark || echo yes")
    assert (there == "yes\n") == (winner == "bob")
