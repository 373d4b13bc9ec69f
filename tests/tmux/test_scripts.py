"""Do the scripts on a host tell the truth? Starting, ending, renaming, closing, looking."""

from __future__ import annotations

import random
import time

import psutil
import pytest

from mng.model.world import Sent, SentState
from tests.tmux.waiting import eventually

from .files import files_with
from .host_home import MARK, Home, all_at_once, kill_group

SLEEPER = ["sleep", "1000"]


# start


def test_eight_starts_at_once_make_one_session(home: Home) -> None:
    """One starts it, and tells the others which it is."""
    wants = [home.want(SLEEPER, incarnation=f"i{number}") for number in range(8)]

    said = all_at_once([lambda want=want: home.start(want) for want in wants])  # type: ignore[misc]

    assert sorted(word for word, _ in said) == ["exists"] * 7 + ["started"]
    (pid,) = [rest for word, rest in said if word == "started"]
    assert home.option("pane_pid") == pid
    assert {rest for word, rest in said if word == "exists"} == {home.option("@mng_inc")}
    assert home.sessions() == ["ada"]


@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.5, 0.7, 0.9])
def test_a_start_that_arrives_torn_starts_nothing(home: Home, part: float) -> None:
    """What is cut short anywhere leaves no session, and the next start is whole."""
    want = home.want(SLEEPER)
    args, stdin = home.sent(want)
    end = stdin.rindex(b'"spec"')  # behind the record only the padding of the tar follows

    status, _ = home.run("start", *args, stdin=stdin[: int(end * part)])

    assert status != 0
    assert home.sessions() == []
    assert home.seen() == {}
    assert home.start(want)[0] == "started"


def test_a_start_killed_at_any_moment_can_be_repeated(home: Home) -> None:
    """What mng sees afterwards is what is there, and one more start makes it whole."""
    rolls = random.Random(7)
    for number in range(40):
        seen = home.seen().get("ada")
        old = seen.incarnation if seen else None
        args, stdin = home.sent(home.want(SLEEPER, incarnation=f"i{number}", replaces=old))
        script = home.begin("start", *args, stdin=stdin)
        time.sleep(rolls.random() * 0.12)
        kill_group(script)
        assert len(home.sessions()) <= 1

    seen = home.seen().get("ada")
    home.start(home.want(SLEEPER, incarnation="last", replaces=seen.incarnation if seen else None))

    assert home.sessions() == ["ada"]
    assert home.seen()["ada"].incarnation == "last"
    assert [one.name() for one in home.processes() if one.name() == "sleep"] == ["sleep"]
    assert home.left() == []


def test_an_agent_whose_start_was_cut_off_is_in_the_journal_when_it_is_used(home: Home) -> None:
    """Its session is there, but the start died before it had told the journal."""
    home.start(home.want(SLEEPER))
    (home.home / "agents" / "ada" / "journal").unlink()

    home.call("stop", "ada", "i1", "stop")

    assert home.seen()["ada"].reason == "by mng stop"


def test_a_replaced_incarnation_is_ended_and_a_stale_start_is_refused(home: Home) -> None:
    """Only the one that was seen is replaced, and what was carried over is in the ledger."""
    home.start(home.want(SLEEPER, incarnation="i1"))
    pid = home.pid()
    carried = (Sent("k1", SentState.SUBMITTED),)

    said = home.start(home.want(SLEEPER, incarnation="i2", replaces="i1", carried=carried))

    assert said[0] == "started"
    eventually(lambda: not psutil.pid_exists(pid))
    assert home.start(home.want(SLEEPER, incarnation="i3", replaces="i1")) == ("exists", "i2")
    assert (home.option("@mng_inc"), home.option("@mng_ledger")) == ("i2", " k1=s=file")
    assert home.seen()["ada"].sent == carried


def test_a_secret_reaches_the_agent_and_stays_nowhere(home: Home) -> None:
    """Not in a file, an option, an environment of tmux, a command line, or a buffer."""
    secret = "it's $HOME \\ secret\nsecond `line`"

    home.start(home.want(SLEEPER, secret=secret))

    assert home.buffers() == []
    agent = psutil.Process(home.pid())
    eventually(lambda: agent.name() == "sleep")
    assert agent.environ()["KEY"] == secret
    words = "second `line`"
    assert files_with(home.home, words) == []
    for shown in ("show-environment -g", "show-environment", "show-options -g", "show-options -p"):
        assert words not in home.tmux(*shown.split(), *([] if "-g" in shown else ["-t", "=ada:"]))
    assert not any(words in " ".join(one.cmdline()) for one in home.processes())


def test_an_agent_without_its_secret_ends_instead_of_going_on(home: Home) -> None:
    """A launcher that finds no secret says so."""
    home.start(home.want(SLEEPER, secret="s"))
    launcher = home.home / "agents" / "ada" / "i1.sh"

    done = home.machine.transport.run(["sh", str(launcher)], timeout=10)

    assert (done.status, done.stderr.splitlines()[-1]) == (71, b"mng: the secrets did not arrive")


def test_nothing_is_started_where_another_host_lives(home: Home) -> None:
    """A plan may be stale: the mark is compared on the host."""
    args, stdin = home.sent(home.want(SLEEPER))
    (home.home / "id").write_text(MARK[::-1])

    assert home.run("start", *args, stdin=stdin) == (66, "gone")
    assert home.sessions() == []


# put, update


@pytest.mark.parametrize("cut", [0, 1, 5000, 9999])
def test_a_file_that_arrives_torn_is_not_put(home: Home, cut: int) -> None:
    """The record that was there stays: without it nobody would know the host or the agent."""
    data = b"x" * 10_000
    (home.home / "host.json").write_text("old")
    home.start(home.want(SLEEPER))
    record = home.home / "agents" / "ada" / "i1.json"
    old = record.read_text()

    assert home.run("put", "host.json", "10000", stdin=data[:cut]) == (65, "torn")
    assert home.run("update", "ada", "i1", "t", "10000", stdin=data[:cut]) == (65, "torn")

    assert (home.home / "host.json").read_text() == "old"
    assert record.read_text() == old
    assert home.left() == []
    assert home.call("put", "host.json", "10000", stdin=data) == "put"
    assert (home.home / "host.json").read_bytes() == data


# stop


STUBBORN = """
trap '' TERM HUP
( trap '' TERM HUP; sleep 1000 ) &
setsid sh -c 'trap "" TERM HUP; sleep 1000; :' &
( sh -c 'sleep 1000; :' & )
echo working
sleep 1000
:
"""


@pytest.mark.parametrize("what", ["stop", "destroy"])
def test_stop_ends_the_whole_tree_and_nothing_else(home: Home, what: str) -> None:
    """Children that ignore SIGTERM and SIGHUP, or made a session of their own, end as well."""
    home.start(home.want(["sh", "-c", STUBBORN]))
    home.start(home.want(SLEEPER, "bob"))
    eventually(lambda: "working" in home.screen())
    root = psutil.Process(home.pid())
    tree = [root, *root.children(recursive=True)]
    assert len(tree) >= 5

    assert home.call("stop", "ada", "i1", what) == "stopped"

    assert [one for one in tree if one.is_running() and one.status() != "zombie"] == []
    assert home.sessions() == ["bob"]
    assert psutil.pid_exists(home.pid("bob"))
    assert (home.home / "agents" / "ada").exists() == (what == "stop")
    assert home.call("stop", "ada", "i1", what) == "stopped"
    assert home.left() == []
    if what == "stop":
        assert home.seen()["ada"].reason == "by mng stop"
        assert "working" in home.call("logs", "ada", "10")


@pytest.mark.parametrize("what", ["stop", "destroy"])
def test_stop_leaves_another_incarnation_alone(home: Home, what: str) -> None:
    """A plan may be stale: somebody started the agent anew."""
    home.start(home.want(SLEEPER, incarnation="i1"))
    home.start(home.want(SLEEPER, incarnation="i2", replaces="i1"))
    (home.home / "agents" / "ada" / "i1.json").write_text("{}")  # its start died while it cleaned

    home.call("stop", "ada", "i1", what)

    assert home.seen()["ada"].incarnation == "i2"
    assert psutil.pid_exists(home.pid())


# rename


def test_a_renamed_agent_is_the_same_process(home: Home) -> None:
    """Also if it is repeated."""
    home.talking()
    pid = home.pid()

    for _ in range(2):
        assert home.call("rename", "ada", "eve", "i1") == "renamed"

    assert home.sessions() == ["eve"]
    assert home.pid("eve") == pid
    assert home.seen()["eve"].incarnation == "i1"
    assert list(home.seen()) == ["eve"]


def test_a_rename_that_died_half_way_is_seen_as_not_yet_done(home: Home) -> None:
    """The session has the name: else a second process would be started beside it."""
    home.talking()
    (home.home / "agents" / "ada").rename(home.home / "agents" / "eve")

    assert list(home.seen()) == ["ada"]
    home.call("rename", "ada", "eve", "i1")
    assert list(home.seen()) == ["eve"]
    assert home.sessions() == ["eve"]


# close, seal, reopen


def test_a_host_with_agents_is_not_closed_and_a_closed_one_takes_none(home: Home) -> None:
    """Until it is opened again."""
    home.start(home.want(SLEEPER))
    assert home.call("close") == "busy ada"
    home.call("stop", "ada", "i1", "destroy")
    assert home.call("close").startswith("closed ")
    args, stdin = home.sent(home.want(SLEEPER))

    assert home.run("start", *args, stdin=stdin) == (67, "closing")

    assert home.call("reopen") == "open"
    assert home.start(home.want(SLEEPER))[0] == "started"


def test_a_host_that_was_opened_meanwhile_is_not_sealed(home: Home) -> None:
    """Its agents have worked since the work was saved."""
    token = home.call("close").split()[1]
    assert home.call("close") == f"closed {token}"  # two may end one host together
    assert home.call("seal", token) == "sealed"
    home.call("reopen")

    assert home.call("seal", token) == "opened"
    assert home.call("close") != f"closed {token}"
    assert home.call("seal", token) == "opened"
    assert not (home.home / "sealed").exists()


# observe


def test_a_look_changes_nothing(home: Home) -> None:
    """No file, no option, no session: of living and of ended agents."""
    home.talking()
    home.start(home.want(["sh", "-c", "exit 3"], "bob"))
    home.deliver("hello", "k1")
    # By looks, for tmux can miss the end of bob until another child ends.
    eventually(lambda: home.call("observe", "nonce") and " exit i1 3 " in home.journal("bob"))
    asked = (
        "list-panes", "-a", "-F",
        "#{session_name} #{pane_id} #{pane_pid} #{pane_dead} #{pane_dead_status} #{@mng_ledger}",
    )  # fmt: skip

    def state() -> object:
        files = {
            file: (file.stat().st_mtime_ns, file.stat().st_size, file.stat().st_ino)
            for file in home.home.rglob("*")
            if file.is_file()
        }
        return files, home.tmux(*asked), home.tmux("show-options", "-g"), home.buffers()

    before = state()
    for looking in ((), ("ada", "bob")):
        assert "pane ada|" in home.call("observe", "nonce", *looking)

    assert state() == before


def test_a_file_that_vanishes_hides_no_other(home: Home) -> None:
    """An agent may be destroyed while all are looked at: the others stay visible."""
    for name in ("ada", "bob", "eve"):
        home.start(home.want(SLEEPER, name))
    # Found by the shell, gone when awk comes to it.
    record = home.home / "agents" / "ada" / "i1.json"
    script = home.argv("observe", "nonce")
    script[2] = script[2].replace("LC_ALL=C awk", f"rm '{record}'; LC_ALL=C awk")

    done = home.machine.transport.run(script, timeout=10)

    said = done.stdout.decode()
    assert "agents/ada/i1.json:" not in said
    for name in ("bob", "eve"):
        assert f"agents/{name}/i1.json:" in said
        assert f"agents/{name}/journal:" in said
