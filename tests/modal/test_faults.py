"""Every fault at every kind of request: nothing is done twice, nothing is lost, and it is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.modal_loopback.fixture import Loopback
from tests.scenarios.stage import demo

from .cloud import Cloud
from .test_lifetimes import keep_now

# All that the commands of a host's life ask of Modal; a test compares it with the log.
RPCS = (
    "AppGetOrCreate", "AuthTokenGet", "EnvironmentGetOrCreate", "ImageGetByTag",
    "ImageGetOrCreate", "ImageJoinStreaming", "ImagePublish", "SandboxCreateV2",
    "SandboxGetCommandRouterAccess", "SandboxGetFromName", "SandboxGetFromNameV2",
    "SandboxGetTaskIdV2", "SandboxListV2", "SandboxTagsGetV2", "SandboxTagsSetV2",
    "SandboxTerminateV2", "SandboxWaitV2", "TaskExecStart", "TaskExecStdinWrite",
    "TaskExecStdioRead", "TaskExecWait", "TaskSnapshotFilesystem", "VolumeGetFile2",
    "VolumeGetOrCreate", "VolumeListFiles2",
)  # fmt: skip
ONCE: dict[str, dict[str, Any]] = {  # faults that pass; each hits each kind of request once
    "slow": {"kind": "latency", "seconds": 0.3},
    "unavailable": {"kind": "unavailable"},
    "its answer is lost": {"kind": "lost"},
    "its answer is cut short": {"kind": "cut", "chunks": 1},
    "with a token that expires": {"kind": "short_token", "seconds": 1.0},
}


def commands(file: Path) -> list[tuple[str, ...]]:
    """A host's life with two agents, in which each has something to do once."""
    return [
        ("up", "-f", str(file), "--wait"),
        ("list", "box"),
        ("message", "a", "more", "--id", "more"),
        ("exec", "a", "echo work >>made.txt"),
        ("stop", "box"),
        ("start", "box"),
        ("down", "-f", str(file)),
    ]


@pytest.fixture
def file(cloud: Cloud) -> Path:
    return cloud.cloud_team({"a": demo("one"), "b": demo("two")})


def check(cloud: Cloud, after: str) -> None:
    """What may be there after a command: one sandbox, each message once, the work once."""
    hosts = cloud.sky.hosts()
    assert hosts == ([] if after in ("stop", "down") else ["box"])
    if hosts:
        assert cloud.heard("b") == ["two"]
        assert cloud.heard("a") == (["one"] if after in ("up", "list") else ["one", "more"])
    if after in ("exec", "start"):
        assert cloud.on_host("cat /work/made.txt") == "work\n"


def is_saved(cloud: Cloud) -> bool:
    trees = [ref for ref in cloud.saved() if ref.endswith("/work-tree")]
    return any(cloud.git("show", f"{ref}:made.txt") == "work\n" for ref in trees)


def test_the_table_has_every_request(cloud: Cloud, loopback: Loopback) -> None:
    """What commands ask of Modal is what is hurt below."""
    image = {"run": ["true # an image that no test before has built"]}
    file = cloud.cloud_team({"a": demo("one"), "b": demo("two")}, modal={"image": image})
    used = {one["rpc"] for words in commands(file) for one in cloud.rpcs(*words)}

    assert sorted(used) == sorted(RPCS)


def rules(number: int, **fault: object) -> list[dict[str, object]]:
    """The fault once for each kind of request. number: rules that differ are counted anew."""
    return [{"rpc": rpc, **fault, "message": f"fault {number}"} for rpc in RPCS]


@pytest.mark.parametrize("fault", ONCE)
def test_a_fault_that_passes_is_not_noticed(
    cloud: Cloud, loopback: Loopback, file: Path, fault: str
) -> None:
    """By no command, whichever request it meets."""
    for number, words in enumerate(commands(file)):
        loopback.inject(*rules(number, **ONCE[fault]))
        done = cloud.mng(*words)
        loopback.inject()

        assert done.status == 0, (words, done)
        check(cloud, words[0])
    assert is_saved(cloud)


def test_at_a_rate_limit_the_same_again_goes_on(
    cloud: Cloud, loopback: Loopback, file: Path
) -> None:
    """What Modal refuses for now may fail with 1, in one line that says so, and is not lost."""
    for number, words in enumerate(commands(file)):
        loopback.inject(*rules(number, kind="exhausted", seconds=0.1))
        tries = [cloud.mng(*words)]
        while tries[-1].status and len(tries) < len(RPCS):
            assert tries[-1].status in (1, 125), tries
            assert "Modal's limit is reached" in tries[-1].all
            if words[0] == "exec" and cloud.on_host("cat /work/made.txt || :"):
                break  # it has run, though nobody could say how it ended
            tries.append(cloud.mng(*words))
        loopback.inject()

        check(cloud, words[0])
    assert is_saved(cloud)


# Faults that stay: the rule, and what is said of it.
LASTING: dict[str, tuple[dict[str, object], str]] = {
    "unreachable": ({"rpc": "*", "kind": "unavailable"}, "Modal can't be reached"),
    "silent": ({"rpc": "*", "kind": "latency", "seconds": 90}, "Modal did not answer within 8 s"),
    "wrong token": ({"rpc": "*", "kind": "unauthenticated"}, "Modal refused the token"),
    "rate limit": ({"rpc": "*", "kind": "exhausted", "seconds": 20}, "Modal"),
    "all is stale": ({"rpc": "SandboxList*", "kind": "stale", "seconds": 900}, ""),
}


@pytest.mark.parametrize("fault", LASTING)
def test_a_fault_that_stays_is_said_and_harms_nothing(
    cloud: Cloud, loopback: Loopback, file: Path, fault: str
) -> None:
    """Status 1 (exec: 125) and one line; what is unknown is left alone, and is there afterwards."""
    for words in commands(file)[:4]:
        cloud.must(*words)
    rule, says = LASTING[fault]
    loopback.inject({**rule, "times": None})
    asked: list[tuple[object, ...]] = [
        ("up", "-f", file), ("list", "box.modal"), ("message", "a@box.modal", "more", "--id", "x"),
        ("exec", "a@box.modal", "true"), ("stop", "box.modal"), ("down", "-f", file),
    ]  # fmt: skip
    if not says:
        asked = asked[:-3]  # the name is the authority, so all goes on as ever
    running = [cloud.start(*one) for one in asked]
    ended = [(one.communicate(timeout=90), one.returncode) for one in running]
    loopback.inject()

    for one, ((out, err), status) in zip(asked, ended, strict=True):
        told = (out + err).decode()
        assert "Traceback" not in told, told
        assert (status != 0) == bool(says), (one, status, told)
        assert status in (0, 1, 125), (one, status, told)
        assert says in told, (one, told)
    assert len(cloud.sandboxes()) == 1
    assert cloud.heard("a") == ["one", "more"] + ["more"] * (not says)
    cloud.must("down", "-f", file)
    assert is_saved(cloud)


@pytest.mark.parametrize("rpc", ["SandboxCreateV2", "ImageGetOrCreate"])
def test_a_quota_is_said_and_nothing_is_left(
    cloud: Cloud, loopback: Loopback, file: Path, rpc: str
) -> None:
    """Once there is room again, `up` goes on."""
    status = {"kind": "status", "status": "RESOURCE_EXHAUSTED", "message": "no more of it"}
    loopback.inject({"rpc": rpc, **status, "times": None})
    done = cloud.up(file)
    loopback.inject()

    assert done.status == 1
    assert "Modal's limit is reached: no more of it" in done.all
    assert cloud.sandboxes() == []
    cloud.must("up", "-f", file, "--wait")
    check(cloud, "up")


@pytest.mark.parametrize("after", range(0, 8, 2))
def test_a_sandbox_that_ends_under_down_takes_no_work_with_it(
    cloud: Cloud, loopback: Loopback, file: Path, after: int
) -> None:
    """Whichever command it was just running: what it had kept comes home, by the same again."""
    cloud.env["MNG_KEEP_EVERY"] = "1"
    for words in commands(file)[:4]:
        cloud.must(*words)
    keep_now(cloud)
    loopback.inject({"rpc": "TaskExecStart", "kind": "terminate", "after": after, "seconds": 0.05})
    first = cloud.mng("down", "-f", file)
    loopback.inject()
    assert first.status in (0, 1), first

    cloud.must("down", "-f", file)

    assert cloud.sandboxes() == []
    assert is_saved(cloud)
