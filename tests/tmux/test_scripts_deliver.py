"""Do the scripts that type tell the truth? Each text once, in order, whole, or not at all."""

from __future__ import annotations

import random
import subprocess
import threading
import time

import pytest

from tests.tmux.waiting import eventually

from .host_home import Home, kill_group

HOSTILE = [
    "-t nowhere", "ends in ;", "ends in \\", "#{pane_id} #(touch x) #[fg=red]", "$(touch x) `id`",
    "'single' \"double\" \\\"both\\\"", "\ttabs\tand  blanks  ", "first\n\n\nfourth",
    "emoji 👩‍👩‍👧 and עברית and é", "C-c", "Enter", "~!@%^&*()[]{}<>|?", "x" * 5000,
]  # fmt: skip


def waits_for_enter(home: Home, text: str, key: str) -> None:
    """A deliverer that has pasted and dies before it presses Enter."""
    script = home.begin("deliver", *home.deliver_args(text, key, delay=60), stdin=text.encode())
    eventually(lambda: home.option("@mng_flight") == key)
    kill_group(script)


def test_a_hostile_text_arrives_as_it_is(home: Home) -> None:
    """Byte by byte, and each as one message."""
    home.talking()

    said = [home.deliver(text, f"k{number}") for number, text in enumerate(HOSTILE)]

    assert said == ["submitted"] * len(HOSTILE)
    eventually(lambda: len(home.heard()) >= len(HOSTILE))
    assert home.heard() == HOSTILE
    assert home.left() == []


def test_a_megabyte_arrives_whole(home: Home) -> None:
    """And what comes after it is another message."""
    home.talking()
    text = "\n".join(f"line {number} of a megabyte" for number in range(45_000))
    assert len(text) > 1_000_000

    assert home.deliver(text, "big") == "submitted"
    assert home.deliver("small", "small") == "submitted"

    eventually(lambda: len(home.heard()) >= 2, timeout=60)
    assert home.heard() == [text, "small"]


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 65_536, 199_999])
def test_a_torn_text_is_not_typed(home: Home, size: int) -> None:
    """A client that dies while it sends leaves half a text, and nobody types it."""
    home.talking()
    text = "0123456789" * 20_000

    torn = home.call("deliver", *home.deliver_args(text, "k1"), stdin=text.encode()[:size])

    assert torn == "torn"
    assert (home.option("@mng_flight"), home.left()) == ("", [])
    assert home.deliver(text, "k1") == "submitted"
    eventually(lambda: home.heard())
    assert home.heard() == [text]


def test_racing_deliverers_that_are_killed_type_each_message_once(home: Home) -> None:
    """Eight clients, each beginning anew when its script is killed: all once, and in order."""
    home.talking()
    texts = [f"message {number}\nof many" for number in range(40)]
    kills: list[str] = []

    def up(rolls: random.Random) -> bool:
        """One client's run; False if it was killed."""
        for number, text in enumerate(texts):
            args = home.deliver_args(text, f"k{number}", delay=0.01)
            script = home.begin("deliver", *args, stdin=text.encode())
            if rolls.random() < 0.4:
                time.sleep(rolls.random() * 0.08)
                if script.poll() is None:
                    kills.append(kill_group(script))
                    return False
            said, _ = script.communicate()
            assert said.decode().strip() in ("submitted", "already")
        return True

    def client(seed: int) -> None:
        rolls = random.Random(seed)
        for _ in range(12):
            up(rolls)

    threads = [threading.Thread(target=client, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    never = random.Random()
    never.random = lambda: 1.0  # type: ignore[method-assign]
    assert up(never)

    eventually(lambda: len(home.heard()) >= len(texts))
    assert home.heard() == texts
    assert home.left() == []
    assert [one.key for one in home.seen()["ada"].sent] == [f"k{n}" for n in range(len(texts))]
    print(f"{len(kills)} killed")
    assert len(kills) >= 50


def test_nothing_is_typed_while_somebody_reads_the_scrollback(home: Home) -> None:
    """In copy mode a key would be a command."""
    home.talking()
    home.tmux("copy-mode", "-t", "=ada:")

    assert home.deliver("hello", "k1") == "mode"

    assert (home.option("@mng_flight"), home.option("@mng_ledger"), home.left()) == ("", "", [])
    home.tmux("send-keys", "-X", "-t", "=ada:", "cancel")
    assert home.deliver("hello", "k1") == "submitted"
    eventually(lambda: home.heard())
    assert home.heard() == ["hello"]


def test_an_agent_that_has_ended_or_is_another_is_told_nothing(home: Home) -> None:
    """It says which of them it was."""
    home.start(home.want(["true"], incarnation="i1"))
    eventually(lambda: home.option("pane_dead") == "1")

    assert home.deliver("hello", "k1", incarnation="i1") == "ended"
    assert home.deliver("hello", "k1", incarnation="i0") == "gone"
    home.call("stop", "ada", "i1", "stop")
    assert home.deliver("hello", "k1", incarnation="i1") == "gone"
    assert home.left() == []


def test_what_was_pasted_gets_its_enter_and_is_not_typed_again(home: Home) -> None:
    """Whoever pasted it has died."""
    home.talking()
    waits_for_enter(home, "hello", "k1")

    args = home.deliver_args("", "k1", pasted=True)
    assert home.call("deliver", *args) == "submitted"
    assert home.call("deliver", *args) == "already"

    eventually(lambda: home.heard())
    assert home.heard() == ["hello"]
    assert (home.option("@mng_flight"), home.option("@mng_ledger")) == ("", " k1=s=file")


def test_a_message_waits_for_the_enter_of_the_one_before(home: Home) -> None:
    """Two texts never become one message."""
    home.talking()
    waits_for_enter(home, "first", "k1")

    assert home.deliver("second", "k2") == "submitted"

    eventually(lambda: len(home.heard()) >= 2)
    assert home.heard() == ["first", "second"]
    assert home.option("@mng_ledger") == " k1=s=file k2=s=file"


def test_a_buffer_of_a_dead_deliverer_is_swept_and_the_users_is_not(home: Home) -> None:
    """Only what bears the mark of mng, and not before its deliverer has let go of the agent."""
    home.talking()
    home.tmux("load-buffer", "-b", "mng.ada.k1", "-", stdin=b"left")
    home.tmux("set-buffer", "-b", "mine", "the user's")
    lock = home.home / "locks" / "ada"
    holder = subprocess.Popen(
        ["flock", str(lock), "sh", "-c", "echo held; read x"],
        env=home.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout
    holder.stdout.readline()

    sweep = home.begin("sweep", "mng.ada.k1")
    time.sleep(0.3)
    assert sorted(home.buffers()) == ["mine", "mng.ada.k1"]
    holder.communicate(b"\n")
    said, _ = sweep.communicate()

    assert said.strip() == b"swept"
    assert home.buffers() == ["mine"]


def test_a_recorded_message_is_never_typed(home: Home) -> None:
    """It counts as delivered from then on, once."""
    home.talking()

    for _ in range(2):
        assert home.call("record", "ada", "i1", "k1", "k2") == "recorded"

    assert home.option("@mng_ledger") == " k1=n=file k2=n=file"
    assert home.deliver("hello", "k1") == "already"
    assert home.deliver("after", "k3") == "submitted"
    eventually(lambda: home.heard())
    assert home.heard() == ["after"]
    assert home.call("record", "ada", "i0", "k4") == "gone"
