"""What happens behind mng's back: ended agents, vanished sessions, silent hosts."""

from __future__ import annotations

import signal

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, demo, runs


def counter(*messages: str, **more: object) -> dict[str, object]:
    """A program that writes what it is told into told.txt of the tree; `exit N` ends it."""
    takes = 'echo "$line" >>told.txt; case $line in exit*) $line ;; esac'
    shell = f"while read -r line; do {takes}; done"
    return runs(["sh", "-c", shell], *messages, ready={"screen": ""}, **more)


def told(stage: Stage) -> list[str]:
    return stage.on_host(f"cat {stage.work_dir()}/told.txt 2>/dev/null || :").splitlines()


def end(stage: Stage, words: str = "exit 3") -> None:
    """Let the counter end, as if by itself."""
    stage.tmux("send-keys", "-t", "=web:", words, "Enter")
    eventually(lambda: stage.state("web") in ("DONE", "FAILED"))


def test_an_agent_that_ended_well_is_left(stage: Stage) -> None:
    """DONE is an end, not a fault: `up` starts nothing."""
    file = stage.raised({"web": counter("hello")})
    end(stage, "exit 0")

    assert stage.up(file).status == 0
    assert (stage.state("web"), stage.agent("web")["exit_status"]) == ("DONE", 0)


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_restart_always_starts_an_agent_that_ended_well(stage: Stage) -> None:
    """restart: always means it; one that can't resume is told everything again."""
    file = stage.raised({"web": counter("hello", restart="always")})
    end(stage, "exit 0")
    stage.must("up", "-f", file, "--wait")

    assert stage.agent("web")["pid"]
    eventually(lambda: told(stage) == ["hello", "exit 0", "hello"])


def test_a_failed_agent_is_started_again(stage: Stage) -> None:
    """restart: on-failure is the default; the new incarnation is told everything."""
    file = stage.raised({"web": counter("hello")})
    end(stage)
    failed = stage.agent("web")
    stage.must("up", "-f", file, "--wait")

    assert (failed["state"], failed["exit_status"], failed["reason"]) == (
        "FAILED", 3, "ended with 3",
    )  # fmt: skip
    eventually(lambda: told(stage) == ["hello", "exit 3", "hello"])


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_restart_never_leaves_a_failed_agent(stage: Stage) -> None:
    """It is shown as failed, with a note in the plan, and stays."""
    file = stage.raised({"web": counter(restart="never")})
    end(stage)

    done = stage.up(file)
    assert (done.status, "restart: never" in done.err) == (0, True)
    assert stage.state("web") == "FAILED"


def test_a_killed_agent_that_resumes_is_told_only_the_rest(stage: Stage) -> None:
    """The conversation continues: nothing that was accepted is said again."""
    stage.raised({"ada": demo("A")})
    pid = stage.pid("ada")
    stage.signal(pid, signal.SIGKILL)
    eventually(lambda: stage.state("ada") == "FAILED")
    failed = stage.agent("ada")
    stage.must("up", "-f", stage.team({"ada": demo("A", "B")}), "--wait")

    assert (failed["reason"], failed["exit_status"]) == ("killed by signal 9", 137)
    assert stage.told("ada") == ["A", "B"]
    assert stage.pid("ada") != pid


def test_a_new_message_resumes_an_agent_that_ended_well(stage: Stage) -> None:
    """Where the type can resume, DONE is a pause."""
    stage.raised({"ada": demo("A", "/exit")})
    eventually(lambda: stage.state("ada") == "DONE")
    stage.must("up", "-f", stage.team({"ada": demo("A", "/exit", "B")}))

    assert stage.told("ada") == ["A", "/exit", "B"]


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_a_new_message_to_an_ended_program_is_held(stage: Stage) -> None:
    """Where it can't, it is not started behind the user's back."""
    stage.raised({"web": counter("hello")})
    end(stage, "exit 0")

    done = stage.up(stage.team({"web": counter("hello", "more")}))
    assert (done.status, "--recreate web" in done.err) == (3, True)
    assert stage.state("web") == "DONE"


def test_a_session_killed_by_hand_comes_back(stage: Stage) -> None:
    """A vanished session is a failure like any other."""
    file = stage.raised({"ada": demo("A"), "bob": demo()})
    stage.tmux("kill-session", "-t", "=ada")
    vanished = stage.agent("ada")
    stage.must("up", "-f", file)

    assert (vanished["state"], vanished["reason"]) == ("FAILED", "its session vanished")
    assert stage.told("ada") == ["A"]


def test_a_foreign_session_is_refused_and_never_killed(stage: Stage) -> None:
    """The right name without mng's marks is an error."""
    stage.raised({"ada": demo()})
    stage.tmux("new-session", "-d", "-s", "eve", "sleep 600")
    pane = stage.tmux("list-panes", "-t", "=eve:", "-F", "#{pane_pid}")

    done = stage.up(stage.team({"ada": demo(), "eve": demo("E")}))
    assert (done.status, "no mark of mng" in done.err) == (1, True)
    assert stage.tmux("list-panes", "-t", "=eve:", "-F", "#{pane_pid}") == pane
    assert stage.told("eve") == []


@pytest.mark.local_only("no host of Modal is a directory here")
def test_a_foreign_directory_is_refused_and_never_removed(stage: Stage) -> None:
    """So is a host's directory that mng didn't make."""
    stage.host_dir().mkdir(parents=True)
    (stage.host_dir() / "mine.txt").write_text("mine")

    done = stage.up(stage.team({"ada": demo()}))
    assert (done.status, "no mark of mng" in done.err) == (1, True)
    assert [path.name for path in stage.host_dir().iterdir()] == ["mine.txt"]


@pytest.mark.local_only("no host of Modal is a directory here")
def test_what_only_a_person_can_settle_is_not_waited_for(stage: Stage) -> None:
    """--wait ends where nothing becomes due by itself, even if the plan calls it pending."""
    stage.host_dir().mkdir(parents=True)

    done = stage.up(stage.team({"ada": demo()}), "--wait", timeout=60)
    assert (done.status, "no mark of mng" in done.err) == (1, True)


def test_agents_come_back_after_their_tmux_server_died(stage: Stage) -> None:
    """The journal on the host's disk knows what was said."""
    file = stage.raised({"ada": demo("A"), "bob": demo("B")})
    stage.tmux("kill-server")
    eventually(lambda: stage.state("ada") == "FAILED")
    stage.must("up", "-f", file)

    assert {agent["state"] for agent in stage.agents().values()} <= {"WAITING", "RUNNING"}
    assert (stage.told("ada"), stage.told("bob")) == (["A"], ["B"])


def test_a_silent_host_is_unknown_and_left_alone(stage: Stage) -> None:
    """Unknown is not gone: exit 1, nothing is made or ended there, and the rest goes on."""
    den = {"source": str(stage.repo)}
    stage.raised({"ada": demo("A")})
    pid = stage.pid("ada")
    hosts = {"box": {"source": str(stage.repo)}, "den": den}
    file = stage.team(
        {"ada": demo("A", "B", host="box"), "eve": demo(host="box"), "bob": demo(host="den")},
        hosts=hosts,
    )
    stage.freeze()

    done = stage.up(file)
    states = {name: agent["state"] for name, agent in stage.agents().items()}
    stage.thaw()
    assert done.status == 1
    assert states["ada"] == "UNKNOWN"
    assert states["bob"] in ("WAITING", "RUNNING")
    assert "eve" not in stage.agents()
    assert (stage.pid("ada"), stage.told("ada")) == (pid, ["A"])


@pytest.mark.alike("each look at a silent host costs 15 s on Modal, and one test has to do")
def test_a_silent_host_is_not_taken_down(stage: Stage) -> None:
    """down leaves what it can't see, and says so."""
    file = stage.raised({"ada": demo()})
    stage.freeze()

    done = stage.mng("down", "-f", file)
    stage.thaw()
    assert (done.status, stage.is_there()) == (1, True)
    assert stage.state("ada") == "WAITING"


@pytest.mark.alike("each look at a silent host costs 15 s on Modal, and one test has to do")
def test_exec_on_a_silent_host_is_125(stage: Stage) -> None:
    """It could not run the command at all."""
    stage.raised({"ada": demo()})
    stage.freeze()

    assert stage.mng("exec", "ada", "true").status == 125


def test_a_stopped_agent_is_started_by_up(stage: Stage) -> None:
    """The file says that it shall live."""
    file = stage.raised({"ada": demo("A")})
    stage.must("stop", "ada")
    stage.must("up", "-f", file)

    assert stage.agent("ada")["pid"]
    assert stage.told("ada") == ["A"]


def test_an_agent_that_fails_at_once_is_told_with_its_last_words(stage: Stage) -> None:
    """What failed, why, and the next command to type."""
    words = "echo no such; echo; echo database; exit 3"
    bad = runs(["sh", "-c", words], "never said", restart="never")

    done = stage.up(stage.team({"web": bad}))
    assert done.status == 1
    assert "ended with 3" in done.err
    assert "\n    | no such\n    | database\n" in done.err
    assert "mng logs web@box" in done.err


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_a_program_that_is_not_there_fails_alone(stage: Stage) -> None:
    """A failed agent skips only what depends on it."""
    bad = runs(["/no/such/program"], "never said")

    done = stage.up(stage.team({"web": bad, "ada": demo("A")}))
    assert (done.status, stage.told("ada")) == (1, ["A"])
    assert stage.state("web") == "FAILED"


def test_half_typed_text_is_not_submitted_with_a_message(stage: Stage) -> None:
    """Somebody's draft keeps mng's text out: held as blocked, and said once the draft is gone."""
    stage.raised({"ada": demo()})
    stage.tmux("send-keys", "-t", "=ada:", "-l", "half a sent")
    eventually(lambda: "half a sent" in stage.tmux("capture-pane", "-p", "-t", "=ada:"))
    assert stage.state("ada") == "BLOCKED"
    held = stage.mng("message", "ada", "--id", "one", "whole")
    stage.tmux("send-keys", "-t", "=ada:", "C-u")
    stage.must("message", "ada", "--id", "one", "whole")

    assert (held.status, "half-typed" in held.err) == (3, True)
    hint = "mng connect ada@box   and, once that is settled, mng message ada@box again"
    assert held.err.endswith(f"  try: {hint}\n")
    assert stage.told("ada") == ["whole"]


def test_scrollback_that_someone_reads_is_not_typed_into(stage: Stage) -> None:
    """In copy mode keys are commands: the message is held, and said once it is left."""
    stage.raised({"ada": demo()})
    stage.tmux("copy-mode", "-t", "=ada:")
    held = stage.mng("message", "ada", "--id", "one", "hello")
    stage.tmux("send-keys", "-t", "=ada:", "-X", "cancel")
    stage.must("message", "ada", "--id", "one", "hello")

    assert (held.status, "copy mode" in held.err) == (3, True)
    assert stage.told("ada") == ["hello"]


def test_a_record_beside_the_socket_is_enough_after_a_reboot(stage: Stage) -> None:
    """A stale socket without a server is no silent host."""
    file = stage.raised({"ada": demo("A")})
    stage.signal(stage.server(), signal.SIGKILL)
    eventually(lambda: not stage.running("demo_tui"))
    stage.on_host("test -S tmux")
    stage.must("up", "-f", file)

    assert stage.told("ada") == ["A"]
