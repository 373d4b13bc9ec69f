"""A sandbox that Modal ends, and one that ends by itself, are normal events: nothing is lost."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.modal_loopback.fixture import Loopback
from tests.scenarios.stage import Done, demo
from tests.tmux.waiting import eventually

from .cloud import Cloud

WAIT = 60.0  # seconds: a tick of the watcher, a save and a list, on a busy machine


@pytest.fixture
def often(cloud: Cloud) -> Cloud:
    """Hosts that keep their work every second, if it has changed."""
    cloud.env["MNG_KEEP_EVERY"] = "1"
    return cloud


def kept(cloud: Cloud) -> list[str]:
    """What lies on the Volume."""
    import modal

    volume = modal.Volume.from_name(f"{cloud.app}-saves")
    return [one.path for one in volume.listdir("/", recursive=True) if "." in one.path]


def keep_now(cloud: Cloud) -> None:
    """Wait for a save that began after this call, so that all is kept that is there now."""
    home = "/var/lib/mng"
    cloud.shell("box", f"date +%N >{home}/agents/.nonce")
    newer = f"test -e {home}/keep.since && find {home}/agents/.nonce -cnewer {home}/keep.since"
    eventually(lambda: cloud.mng("exec", "box", newer) == Done(0, "", ""), timeout=WAIT)


def end(cloud: Cloud) -> None:
    """Modal ends all sandboxes, whatever they do."""
    for box in cloud.sandboxes():
        box.terminate(wait=True)


def host(cloud: Cloud) -> dict[str, Any]:
    hosts = cloud.listed()["hosts"]
    assert len(hosts) == 1, hosts
    found: dict[str, Any] = hosts[0]
    return found


def work(cloud: Cloud) -> None:
    """What an agent leaves in the tree: a commit, and a file that nobody committed."""
    cloud.shell(
        "a",
        "echo more >new; git add new; git commit -qm made; echo loose >file-0.txt",
    )


def has_the_work(cloud: Cloud) -> bool:
    """It lies on the host as it was left there."""
    said = cloud.shell("box", "git log --format=%s; cat file-0.txt").splitlines()
    return "made" in said and said[-1] == "loose"


def test_up_after_a_termination_restores_files_conversation_and_ledger(often: Cloud) -> None:
    """Under a working agent: it goes on with what it knew, and hears only what it has not heard."""
    busy = demo("one", args=["--busy", "600"])
    file = often.cloud_team({"a": busy, "b": demo("three")})
    often.must("up", "-f", file)
    work(often)
    keep_now(often)
    end(often)

    assert host(often)["state"] == "GONE"
    plan = often.must("plan", "-f", often.cloud_team({"a": busy, "b": demo("three", "four")})).out
    assert "Modal ended it; restored from box/2" in plan
    assert "three" not in plan
    often.must("up", "-f", file, "--wait")

    assert has_the_work(often)
    assert (often.heard("a"), often.heard("b")) == (["one"], ["three", "four"])
    assert "nothing to do" in often.must("up", "-f", file).all
    assert any(ref.endswith("work-tree") for ref in often.saved())


def test_an_expired_host_comes_back(often: Cloud) -> None:
    """At its deadline, which `mng list` has shown; no client was needed to keep the work."""
    file = often.cloud_team({"a": demo("one")}, timeout=25)
    often.must("up", "-f", file, "--wait")
    shown = host(often)
    assert shown["expires"] - shown["created"] == 25
    assert "ENDS-IN" in often.must("list").out
    often.shell("box", "echo loose >file-0.txt")
    eventually(lambda: not often.sandboxes(), timeout=WAIT)

    often.must("up", "-f", file, "--wait")

    assert often.shell("box", "cat file-0.txt") == "loose\n"
    assert often.heard("a") == ["one"]


def test_a_host_that_kept_nothing_is_made_anew_and_the_plan_says_so(cloud: Cloud) -> None:
    """It was ended before its first save."""
    cloud.env["MNG_KEEP_EVERY"] = "86400"
    file = cloud.cloud_team({"a": demo("one")})
    cloud.must("up", "-f", file, "--wait")
    end(cloud)

    assert "Modal ended it, and nothing of it was kept" in cloud.must("plan", "-f", file).out
    cloud.must("up", "-f", file, "--wait")
    cloud.must("down", "-f", file)

    assert "not found" in cloud.must("plan", "-f", file).out


def test_the_first_change_is_kept_at_once_and_the_next_after_a_while(cloud: Cloud) -> None:
    """However far apart the saves are: a host that is lost early has not lost all."""
    cloud.env["MNG_KEEP_EVERY"] = "60"
    cloud.must("up", "-f", cloud.cloud_team({"a": demo("one")}), "--wait")
    eventually(lambda: len(kept(cloud)) >= 2, timeout=30)
    first = kept(cloud)
    work(cloud)

    assert kept(cloud) == first


def test_a_host_whose_agents_are_idle_ends_by_itself(cloud: Cloud) -> None:
    """After a last save, without a client; `up` brings it back as it was."""
    file = cloud.cloud_team({"a": demo("one")}, idle_timeout=2)
    cloud.must("up", "-f", file, "--wait")
    cloud.mng("exec", "box", "echo loose >file-0.txt")
    eventually(lambda: not cloud.sandboxes(), timeout=WAIT)

    assert host(cloud)["reason"] == "it ended when all its agents had been idle"
    done = cloud.mng("exec", "a", "true")
    assert (done.status, "try: mng start box.modal" in done.err) == (125, True)
    cloud.must("up", "-f", cloud.cloud_team({"a": demo("one", "two")}), "--wait")

    assert cloud.shell("box", "cat file-0.txt") == "loose\n"
    assert cloud.heard("a") == ["one", "two"]


def test_a_host_with_a_working_agent_does_not_end(often: Cloud) -> None:
    """One agent at work is enough, however long the others wait."""
    agents = {"a": demo("one", args=["--busy", "600"]), "b": demo("two")}
    often.must("up", "-f", often.cloud_team(agents, idle_timeout=1))
    eventually(lambda: often.state("a") == "RUNNING")
    look = "cat /var/lib/mng/keep.idle"

    eventually(lambda: "a is at work" in often.shell("box", look), timeout=WAIT)
    for number in range(3):
        often.shell("box", f"echo {number} >file-{number}.txt")
        keep_now(often)

    assert len(often.sandboxes()) == 1


def test_down_of_an_ended_host_brings_its_work_home(often: Cloud) -> None:
    """Into the repository like any other save; then Modal has nothing of it any more."""
    file = often.cloud_team({"a": demo("one")})
    often.must("up", "-f", file, "--wait")
    work(often)
    keep_now(often)
    end(often)

    often.must("down", "-f", file)

    tree = next(name for name in often.saved() if name.endswith("work-tree"))
    assert often.git("show", f"{tree}:file-0.txt") == "loose\n"
    assert kept(often) == []
    assert often.listed()["hosts"] == []


def test_what_can_not_be_brought_home_stays_at_modal(often: Cloud) -> None:
    """One line says why, and nothing is forgotten."""
    file = often.cloud_team({"a": demo("one")})
    often.must("up", "-f", file, "--wait")
    work(often)
    keep_now(often)
    end(often)
    away = often.repo.rename(often.root / "away")

    done = often.mng("down", "auth", cwd=often.root)

    assert done.status == 1
    assert "is not there; what it kept stays" in done.err
    away.rename(often.repo)
    often.must("down", "auth", cwd=often.root)
    assert any(ref.endswith("work-tree") for ref in often.saved())


def test_a_stopped_host_has_what_was_installed_when_it_starts(cloud: Cloud) -> None:
    """`mng stop` ends the sandbox; `mng start` goes on from its snapshot, conversation included."""
    file = cloud.cloud_team({"a": demo("one")})
    cloud.must("up", "-f", file, "--wait")
    cloud.shell(
        "box", "echo installed >/opt/tool; echo /ignored >>.git/info/exclude; touch ignored"
    )

    stopped = cloud.must("stop", "box").err
    assert "host box.modal stopped: its work was kept; mng start box.modal brings" in stopped
    assert cloud.sandboxes() == []
    assert (host(cloud)["state"], cloud.state("a")) == ("STOPPED", "STOPPED")
    cloud.must("start", "box")

    assert cloud.shell("box", "cat /opt/tool; ls ignored").split() == ["installed", "ignored"]
    eventually(lambda: cloud.state("a") == "WAITING")
    cloud.must("message", "a", "two")
    assert cloud.heard("a") == ["one", "two"]


@pytest.mark.parametrize("tenths", [8, 14, 20, 26])
def test_a_restoration_killed_anywhere_is_finished_by_the_next(often: Cloud, tenths: int) -> None:
    """kill -9 of `up`: one sandbox, the same files, each message once."""
    file = often.cloud_team({"a": demo("one")})
    often.must("up", "-f", file, "--wait")
    work(often)
    keep_now(often)
    end(often)
    first = often.start("up", "-f", file, "--wait")
    try:
        first.wait(tenths / 10)
    except Exception:
        first.kill()

    often.must("up", "-f", file, "--wait")

    assert len(often.sandboxes()) == 1
    assert has_the_work(often)
    assert often.heard("a") == ["one"]


def test_eight_ups_bring_an_ended_host_back_once(often: Cloud) -> None:
    """Who comes second adopts what the first has made of the save."""
    file = often.cloud_team({"a": demo("one")})
    often.must("up", "-f", file, "--wait")
    work(often)
    keep_now(often)
    end(often)
    running = [often.start("up", "-f", file, "--wait") for _ in range(8)]
    ends = [process.communicate() for process in running]

    assert [process.returncode for process in running] == [0] * 8, ends
    assert len(often.sandboxes()) == 1
    assert has_the_work(often)
    assert often.heard("a") == ["one"]


def test_what_ran_runs_again_on_a_new_host_whatever_its_policy(often: Cloud) -> None:
    """Its host's end is no failure of an agent's, even if the first `up` dies in between."""
    file = often.cloud_team({"a": demo("one", restart="never")})
    often.must("up", "-f", file, "--wait")
    keep_now(often)
    end(often)
    often.must("up", "-f", file, "--wait")
    journal = often.shell("box", "cat /var/lib/mng/agents/a/journal")

    assert [line.split()[1] for line in journal.splitlines()][-3:] == [
        "stopped",
        "ended",
        "started",
    ]
    assert often.state("a") == "WAITING"


def test_downs_of_an_ended_host_may_race(often: Cloud) -> None:
    """What one has brought home and forgotten, the others find done."""
    file = often.cloud_team({"a": demo("one")})
    often.must("up", "-f", file, "--wait")
    work(often)
    keep_now(often)
    end(often)
    running = [often.start("down", "-f", file) for _ in range(4)]
    ends = [process.communicate() for process in running]

    assert [process.returncode for process in running] == [0] * 4, ends
    assert any(ref.endswith("work-tree") for ref in often.saved())
    assert kept(often) == []


@pytest.mark.parametrize("rpc", ["TaskSnapshotFilesystem", "ImageGetByTag"])
def test_without_its_snapshot_a_stopped_host_comes_back_from_its_save(
    cloud: Cloud, loopback: Loopback, rpc: str
) -> None:
    """One that failed, or whose time at Modal was over; only what was installed is not there."""
    file = cloud.cloud_team({"a": demo("one")})
    cloud.must("up", "-f", file, "--wait")
    work(cloud)
    loopback.inject({"rpc": rpc, "kind": "status", "status": "NOT_FOUND", "times": None})

    cloud.must("stop", "box")
    cloud.must("message", "a", "two")  # brings back whom it is for

    assert has_the_work(cloud)
    assert cloud.heard("a") == ["one", "two"]


def test_gc_lists_the_hosts_that_no_team_claims(cloud: Cloud) -> None:
    """As soon as their file is not there any more; until then they are their team's to end."""
    file = cloud.cloud_team({"a": demo()})
    cloud.must("up", "-f", file)
    other = cloud.team({"b": demo()}, file="other.yaml", name="other")
    assert "box.modal" not in cloud.must("gc").out
    assert "box.modal" not in cloud.must("gc", "-f", other, "-f", file).out

    listed = cloud.must("gc", "-f", other)
    file.unlink()

    for done, way in ((listed, "down auth"), (cloud.must("gc"), "destroy box.modal")):
        assert done.out.splitlines()[1].split()[:3] == ["box.modal", "RUNNING", "auth"]
        assert f"try: mng {way}\n" in done.err
    assert len(cloud.sandboxes()) == 1


def test_what_was_made_by_hand_comes_back_by_hand_and_for_a_team(often: Cloud) -> None:
    """`mng start` knows no file; a team that adopts the host later gets its work all the same."""
    often.must("create", "a@box.modal", "--new-host", "--type", "demo", "--message", "one")
    eventually(lambda: often.state("a") == "WAITING")
    work(often)
    keep_now(often)
    end(often)
    often.must("start", "a")
    assert has_the_work(often)
    keep_now(often)
    end(often)

    file = often.cloud_team({"a": {"type": "demo"}})
    assert "held (--adopt)" in often.mng("plan", "-f", file).out
    often.must("up", "-f", file, "--adopt", "--wait")

    assert has_the_work(often)
    assert often.heard("a") == ["one"]
    keep_now(often)
    end(often)
    assert host(often)["team"] == "auth"
    often.must("down", "-f", file)
    assert kept(often) == []


def test_a_host_that_can_not_keep_its_work_says_so(often: Cloud) -> None:
    """In every list, until it can again; and it does not end by itself meanwhile."""
    often.must("up", "-f", often.cloud_team({"a": demo("one")}), "--wait")
    often.shell("box", "rm -f /var/lib/mng/saves")  # as if the Volume were gone
    often.must("up", "-f", often.cloud_team({"a": demo("one")}, idle_timeout=1))

    eventually(lambda: "there is no place to keep it" in often.mng("list").err, timeout=WAIT)
    look = "cat /var/lib/mng/keep.idle; rm -f /var/lib/mng/keep.idle"
    eventually(lambda: often.shell("box", look) == "idle\n", timeout=WAIT)
    eventually(lambda: often.shell("box", look) == "idle\n", timeout=WAIT)
    assert len(often.sandboxes()) == 1
    often.shell("box", "ln -s /mng/saves /var/lib/mng/saves")
    eventually(lambda: not often.sandboxes(), timeout=WAIT)


def test_a_tree_that_git_can_not_read_comes_back_as_files(often: Cloud) -> None:
    """`up` makes no half of a host of it: it says where the files are, and what to type."""
    file = often.cloud_team({"a": demo("one")})
    often.must("up", "-f", file, "--wait")
    often.shell("box", "echo loose >file-0.txt; rm .git/HEAD")
    keep_now(often)
    end(often)

    done = often.up(file)

    assert done.status == 1
    assert "try: tar -xzf" in done.err
    assert often.sandboxes() == []
    often.must("destroy", "box")
    archive = next((often.home / "saved" / "box").glob("*.tar.gz"))
    read = subprocess.run(
        ["tar", "-xzOf", archive, "./file-0.txt"], capture_output=True, check=True
    )
    assert read.stdout == b"loose\n"
