"""A team from a file on this machine: up, list, logs, connect, exec, message, down."""

from __future__ import annotations

import json
import os
import shlex
import signal

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, demo, runs, watching
from .terminal import terminal

TEAM = {"ada": demo("Hello ada"), "bob": demo("First", "Second", env={"COLOUR": "blue"})}


def test_up_starts_every_agent_and_says_its_messages(stage: Stage) -> None:
    """Each message of the file reaches its agent, once and in order."""
    stage.raised(TEAM)

    assert (stage.told("ada"), stage.told("bob")) == (["Hello ada"], ["First", "Second"])


@pytest.mark.local_only("a host of Modal has a column more, and an end")
def test_list_is_a_table_of_five_columns(stage: Stage) -> None:
    """NAME STATE HOST PROVIDER HOST-STATE."""
    stage.raised(TEAM)
    eventually(lambda: {stage.state("ada"), stage.state("bob")} == {"WAITING"})

    lines = [line.split() for line in stage.must("list").out.splitlines()]
    assert lines == [
        ["NAME", "STATE", "HOST", "PROVIDER", "HOST-STATE"],
        ["ada", "WAITING", "box", "local", "RUNNING"],
        ["bob", "WAITING", "box", "local", "RUNNING"],
    ]


@pytest.mark.local_only("a host of Modal has a column more, and an end")
def test_wide_list_adds_what_is_known_of_agent_and_tree(stage: Stage) -> None:
    """Team, type, why, since, messages, branch, dirty and age are one option away."""
    stage.raised(TEAM)

    head, *rows = stage.must("list", "-o", "wide").out.splitlines()
    more = "TEAM TYPE WHY SINCE MESSAGES BRANCH DIRTY AGE"
    assert " ".join(head.split()).endswith(f"HOST-STATE {more}")
    assert all("auth" in row and "demo" in row and "main" in row for row in rows)


@pytest.mark.local_only("a host of Modal has a column more, and an end")
def test_list_as_json_is_the_stable_contract(stage: Stage) -> None:
    """`mng.list/1` has every field that the contract names, with live values."""
    file = stage.raised(TEAM)

    document = stage.listed()
    bob = next(agent for agent in document["agents"] if agent["name"] == "bob")
    (host,) = document["hosts"]
    assert document["schema"] == "mng.list/1"
    assert {key: bob[key] for key in ("host", "provider", "team", "type", "exit_status")} == {
        "host": "box", "provider": "local", "team": "auth", "type": "demo", "exit_status": None,
    }  # fmt: skip
    assert bob["messages"] == {"declared": 2, "delivered": 2, "pending": 0, "held": 0}
    assert (bob["file"], bob["work_dir"]) == (str(file), str(stage.host_dir() / "work"))
    os.kill(bob["pid"], 0)
    assert bob["reason"]
    assert bob["since"] > 0
    assert (host["name"], host["provider"], host["team"], host["state"], host["expires"]) == (
        "box", "local", "auth", "RUNNING", None,
    )  # fmt: skip
    assert host["created"] > 0


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_list_by_name_is_one_address_a_line(stage: Stage) -> None:
    """`-o name` is for shell loops."""
    stage.raised(TEAM)

    assert stage.must("list", "-o", "name").out == "ada@box\nbob@box\n"


@pytest.mark.alike("what is printed is the same for every provider")
def test_list_as_yaml_says_what_the_json_says(stage: Stage) -> None:
    """The formats differ in their form alone."""
    from ruamel.yaml import YAML

    stage.raised({"ada": demo()})

    document = YAML(typ="safe").load(stage.must("list", "-o", "yaml").out)
    assert [agent["name"] for agent in document["agents"]] == ["ada"]
    assert set(document) == set(stage.listed())


def test_logs_show_what_an_agent_printed(stage: Stage) -> None:
    """The conversation stands in the log."""
    stage.raised(TEAM)

    assert "> Hello ada" in stage.must("logs", "ada").out


@pytest.mark.alike("what is printed is the same for every provider")
def test_logs_of_several_agents_name_each_line(stage: Stage) -> None:
    """Who said it stands before what was said."""
    stage.raised(TEAM)

    lines = stage.must("logs", "ada", "bob").out.splitlines()
    assert "ada@box  > Hello ada" in lines
    assert "bob@box  > Second" in lines


def test_logs_outlive_the_agent(stage: Stage) -> None:
    """What an agent printed can be read after it ended."""
    stage.raised(TEAM)
    stage.must("stop", "ada")

    assert "> Hello ada" in stage.must("logs", "ada").out


def test_logs_have_no_empty_screen_between_two_lives(stage: Stage) -> None:
    """What an agent printed before it was started again stands right above what came then."""
    stage.raised({"web": runs("echo hello; sleep 1000")})
    eventually(lambda: "hello" in stage.must("logs", "web").out)
    stage.must("stop", "web")
    stage.must("start", "web")
    eventually(lambda: stage.must("logs", "web").out.count("hello") == 2)

    assert stage.must("logs", "web").out == "hello\n\nhello\n"
    assert stage.must("logs", "web", "-n", "1").out == "hello\n"


def test_typed_keys_arrive_in_the_connected_agent(stage: Stage) -> None:
    """`connect` is the agent's own terminal."""
    stage.raised(TEAM)

    with terminal(stage, "connect", "ada") as screen:
        screen.shows(b"? for shortcuts")
        screen.type(b"typed by hand\r")
        eventually(lambda: stage.told("ada") == ["Hello ada", "typed by hand"])


def test_detaching_leaves_terminal_and_agent_as_they_were(stage: Stage) -> None:
    """Ctrl+b d ends `connect` with 0, restores the terminal, and the agent lives on."""
    stage.raised(TEAM)
    pid = stage.pid("ada")

    with terminal(stage, "connect", "ada") as screen:
        screen.shows(b"? for shortcuts")
        assert screen.settings() != screen.before
        screen.type(b"\x02d")
        assert screen.ends() == 0
        assert screen.settings() == screen.before
        assert screen.seen.rindex(b"\x1b[?1049l") > screen.seen.rindex(b"\x1b[?1049h")
    assert stage.pid("ada") == pid


@pytest.mark.alike("what is printed is the same for every provider")
def test_connect_needs_a_terminal(stage: Stage) -> None:
    """Without one it is a mistake of use, and says what to type instead."""
    stage.raised({"ada": demo()})

    done = stage.mng("connect", "ada")
    assert done.status == 2
    assert done.err == "mng: connect needs a terminal\n  try: mng logs ada@box\n"


def test_exec_streams_any_bytes_in_both_directions(stage: Stage) -> None:
    """stdin, stdout and stderr are three streams, byte for byte."""
    stage.raised({"ada": demo()})
    data = bytes(range(256)) * 4000
    program = (
        "import sys; d = sys.stdin.buffer.read();"
        "sys.stdout.buffer.write(d); sys.stderr.buffer.write(d[::-1])"
    )

    done = stage.mng_bytes("exec", "ada", "--", "python3", "-c", program, stdin=data)
    assert (done.returncode, done.stdout == data, done.stderr == data[::-1]) == (0, True, True)


def test_exec_streams_while_the_command_runs(stage: Stage) -> None:
    """Output comes when it is printed, not at the end."""
    stage.raised({"ada": demo()})

    command = stage.start("exec", "ada", "echo early; sleep 60")
    assert command.stdout is not None
    assert command.stdout.readline() == b"early\n"
    command.send_signal(signal.SIGINT)
    assert command.wait(10) == 130


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_exec_takes_its_command_along(stage: Stage, how: signal.Signals) -> None:
    """However mng is asked to end, what it runs on the host ends, its children too."""
    stage.raised({"ada": demo()})

    command = stage.start("exec", "ada", "echo $$; sleep 600; true")
    assert command.stdout is not None
    remote = int(command.stdout.readline())
    eventually(lambda: stage.running("sleep 600"))
    command.send_signal(how)

    assert command.wait(10) == 128 + how
    eventually(lambda: not stage.alive(remote) and not stage.running("sleep 600"))


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["true"], 0),
        (["exit 3"], 3),
        (["no-such-program"], 127),
        (["--", "no-such-program", "x"], 127),
        (["kill -9 $$"], 137),
    ],
    ids=str,
)
def test_exec_ends_as_its_command_did(stage: Stage, words: list[str], status: int) -> None:
    """The exit status is the command's own."""
    stage.raised({"ada": demo()})

    assert stage.mng("exec", "ada", *words).status == status


def test_exec_says_125_when_nothing_can_run(stage: Stage) -> None:
    """A host that doesn't answer is no status of the command."""
    stage.raised({"ada": demo()})
    stage.on_host(f"mv {stage.work_dir()} {stage.work_dir()}.away")

    assert stage.mng("exec", "ada", "true").status == 125


@pytest.mark.alike("a mistake that is seen before any host is looked at")
@pytest.mark.parametrize(
    "option", [["--timeout", "2s"], ["--timeout=2s"], ["--help"]], ids=" ".join
)
def test_an_option_of_exec_behind_the_name_is_a_mistake(stage: Stage, option: list[str]) -> None:
    """It would be taken for the program; behind `--` everything is the command's own."""
    done = stage.mng("exec", "ada", *option, "true")

    assert (done.status, done.out) == (2, "")
    said = f"mng: {option[0]}: options come before the name\n  try: mng exec {option[0]} ... ada"
    assert done.err.startswith(said)


def test_exec_that_is_ended_by_its_timeout_says_so(stage: Stage) -> None:
    """124 comes with one line on stderr."""
    stage.raised({"ada": demo()})

    done = stage.mng("exec", "--timeout", "1s", "ada", "echo early; sleep 60")
    assert (done.status, done.out) == (124, "early\n")
    assert done.err == "mng: --timeout has passed after 1s: the command was ended\n"


def test_exec_takes_shell_text_or_an_argument_list(stage: Stage) -> None:
    """One word is the shell's; several, or what follows `--`, reach the program as they are."""
    stage.raised({"ada": demo()})
    hostile = "$(id) ; * 'x' \\"

    assert stage.must("exec", "ada", "echo $((1 + 1)); echo b").out == "2\nb\n"
    assert stage.must("exec", "ada", "--", "printf", "%s|", hostile, "").out == f"{hostile}||"


def test_exec_after_two_dashes_never_meets_a_shell(stage: Stage) -> None:
    """`-- ARGV...` is an argument list, even of one word."""
    stage.raised({"ada": demo()})

    assert stage.mng("exec", "ada", "--", "true; exit 3").status == 127


def test_exec_runs_in_the_tree_with_the_agents_environment(stage: Stage) -> None:
    """What the agent would see is what the command sees."""
    stage.raised(TEAM)

    out = stage.must("exec", "bob", "pwd; echo $COLOUR $MNG_AGENT $MNG_HOST $MNG_TEAM").out
    assert out == f"{stage.work_dir()}\nblue bob box auth\n"


def test_exec_on_a_host_has_no_agents_environment(stage: Stage) -> None:
    """A host is not one of its agents."""
    stage.raised(TEAM)

    assert stage.must("exec", "box", "echo [$COLOUR$MNG_AGENT] $MNG_HOST").out == "[] box\n"


def test_message_is_accepted_on_the_agents_own_evidence(stage: Stage) -> None:
    """`accepted` is said when the agent has it in its transcript."""
    stage.raised(TEAM)

    done = stage.must("message", "ada", "how are you?")
    assert "accepted" in done.err
    assert stage.told("ada") == ["Hello ada", "how are you?"]


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_message_says_the_same_text_each_time(stage: Stage) -> None:
    """By hand, each call is a message."""
    stage.raised({"ada": demo()})
    for _ in range(2):
        stage.must("message", "ada", "again")

    assert stage.told("ada") == ["again", "again"]


@pytest.mark.alike("the plan alone decides it, for every provider alike")
def test_messages_by_hand_are_no_drift(stage: Stage) -> None:
    """What a person said is nothing that the file has to explain."""
    file = stage.raised(TEAM)
    stage.must("message", "ada", "by hand")

    assert stage.mng("plan", "-f", file, "--check").status == 0


def test_down_saves_the_work_and_leaves_nothing(stage: Stage) -> None:
    """Commits and uncommitted files are in the source repository before the host is gone."""
    file = stage.raised(TEAM)
    stage.must("exec", "box", "echo draft >draft.txt")
    eventually(lambda: {stage.state("ada"), stage.state("bob")} == {"WAITING"})

    done = stage.must("down", "-f", file)
    tree = next(ref for ref in stage.saved() if ref.endswith("/work-tree"))
    assert "saved to refs/mng/saved/box/" in done.err
    assert stage.git("show", f"{tree}:draft.txt") == "draft\n"
    assert stage.git("show", f"{tree}:notes/ada.md") == "- Hello ada\n"
    assert not stage.is_there()
    assert stage.listed()["hosts"] == []


def test_down_touches_neither_branch_nor_tree_of_the_user(stage: Stage) -> None:
    """What is saved lies under refs/mng and nowhere else."""
    before = (stage.git("status", "--porcelain", "-b"), stage.git("rev-parse", "HEAD"))
    file = stage.raised(TEAM)
    stage.must("down", "-f", file)

    assert (stage.git("status", "--porcelain", "-b"), stage.git("rev-parse", "HEAD")) == before
    assert stage.git("for-each-ref", "refs/heads", "--format=%(refname)") == "refs/heads/main\n"


def test_work_that_cannot_be_saved_keeps_its_host(stage: Stage) -> None:
    """If saving fails, the host stays and the exit status is 1."""
    stage.raised(TEAM)
    stage.repo.rename(stage.root / "moved")
    stage.repo.mkdir()

    done = stage.mng("down", "auth")
    assert (done.status, stage.is_there()) == (1, True)
    assert f"host {stage.at('box')} stays" in done.err


def test_down_without_a_file_finds_the_team_of_this_directory(stage: Stage) -> None:
    """The one team brought up from here is the one that is meant."""
    stage.raised({"ada": demo()})

    stage.must("down", cwd=stage.root)
    assert stage.listed()["agents"] == []


def test_down_by_team_needs_no_file(stage: Stage) -> None:
    """A team is known by its name wherever one stands."""
    stage.raised({"ada": demo()}).unlink()

    stage.must("down", "auth", cwd=stage.user)
    assert stage.listed()["hosts"] == []


@pytest.mark.local_only("it watches what tmux is asked on this machine")
def test_nothing_of_the_message_stands_on_a_command_line(stage: Stage) -> None:
    """Message text travels by stdin."""
    with watching(stage) as log:
        stage.raised({"ada": demo("the whole text")})
        calls = [line for line in log.read_text().splitlines() if line.startswith("tmux")]
        assert calls
        assert not [line for line in calls if "the whole text" in line]


@pytest.mark.alike("what is printed is the same for every provider")
def test_json_is_one_document_on_stdout(stage: Stage) -> None:
    """Results on stdout, everything else on stderr."""
    stage.raised({"ada": demo()})

    done = stage.must("list", "-o", "json")
    assert (json.loads(done.out)["schema"], done.err) == ("mng.list/1", "")


def test_exec_quotes_survive(stage: Stage) -> None:
    """Shell text is the user's, quotes and all."""
    stage.raised({"ada": demo()})
    words = 'it\'s "quoted" & `ticked`'

    assert stage.must("exec", "ada", f"printf %s {shlex.quote(words)}").out == words
