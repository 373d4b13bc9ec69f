"""Faults of the loopback Modal: each kind of failure, when a test wants it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from typing import Any

import modal
import psutil
import pytest
from modal.exception import AuthError, InvalidError, NotFoundError, ServiceError

from tests.modal_loopback.fixture import Loopback, depth
from tests.tmux.waiting import eventually

from .boxes import Make, said, sh


def statuses(loopback: Loopback, rpc: str, since: float) -> list[str]:
    return [one["status"] for one in loopback.rpcs(since=since) if one["rpc"] == rpc]


def test_every_request_can_be_made_slow(sandbox: Make, loopback: Loopback) -> None:
    """A latency for all requests, until the rules change."""
    box = sandbox()
    loopback.inject({"rpc": "SandboxTags*", "kind": "latency", "seconds": 0.5, "times": None})
    began = time.monotonic()
    box.get_tags()
    assert time.monotonic() - began >= 0.5

    loopback.inject()
    began = time.monotonic()
    box.get_tags()
    assert time.monotonic() - began < 0.4


def test_a_service_that_is_unavailable_is_asked_again(sandbox: Make, loopback: Loopback) -> None:
    """The SDK tries three more times; nothing was done before."""
    box = sandbox()
    began = time.time()
    loopback.inject({"rpc": "SandboxTagsGetV2", "kind": "unavailable", "times": 2})
    assert box.get_tags() == {}
    assert statuses(loopback, "SandboxTagsGetV2", began) == ["UNAVAILABLE"] * 2 + ["OK"]

    loopback.inject({"rpc": "SandboxTagsGetV2", "kind": "unavailable", "times": None})
    with pytest.raises(ServiceError):
        box.get_tags()


def test_a_rule_can_let_calls_pass_first(sandbox: Make, loopback: Loopback) -> None:
    """`after` calls go well, then `times` go wrong."""
    rule = {"rpc": "SandboxTagsGetV2", "kind": "status", "status": "INVALID_ARGUMENT"}
    box = sandbox()
    loopback.inject({**rule, "after": 2, "times": 1, "message": "not like that"})

    box.get_tags()
    box.get_tags()
    with pytest.raises(InvalidError, match="not like that"):
        box.get_tags()
    box.get_tags()


def test_a_creation_whose_answer_is_lost_is_not_repeated(
    sandbox: Make, loopback: Loopback, app: Any
) -> None:
    """It succeeded; the SDK's retry gets the same sandbox."""
    name = f"host-{uuid.uuid4().hex}"
    loopback.inject({"rpc": "SandboxCreateV2", "kind": "lost"})
    mark = {"mark": name}
    box = sandbox(name=name, tags=mark)

    found = list(modal.Sandbox.list(app_id=app.app_id, tags=mark))
    assert [one.object_id for one in found] == [box.object_id]


def test_a_creation_that_failed_for_its_client_may_have_been_done(
    sandbox: Make, loopback: Loopback
) -> None:
    """When every answer is lost, the sandbox is there, and only its name leads to it."""
    name = f"host-{uuid.uuid4().hex}"
    loopback.inject({"rpc": "SandboxCreateV2", "kind": "lost", "times": None})
    with pytest.raises(ServiceError):
        sandbox(name=name)

    loopback.inject()
    box = modal.Sandbox.from_name("tests", name)
    assert sh(box, "echo here") == "here"
    box.terminate()


def test_an_exhausted_resource_says_when_to_come_back(sandbox: Make, loopback: Loopback) -> None:
    """RESOURCE_EXHAUSTED comes with a retry policy, which the SDK obeys."""
    box = sandbox()
    began = time.time()
    loopback.inject({"rpc": "SandboxTagsGetV2", "kind": "exhausted", "seconds": 0.5})
    box.get_tags()

    assert statuses(loopback, "SandboxTagsGetV2", began) == ["RESOURCE_EXHAUSTED", "OK"]
    assert time.time() - began >= 0.5


def test_a_wrong_token_is_refused(loopback: Loopback) -> None:
    """By the control plane, whatever is asked; and a right one on demand."""
    client = modal.Client.from_credentials("ak-other", "as-other")
    with pytest.raises(AuthError):
        modal.App.lookup("tests", client=client)

    loopback.inject({"rpc": "AppGetOrCreate", "kind": "unauthenticated"})
    with pytest.raises(AuthError):
        modal.App.lookup("tests")


def test_an_expired_token_is_renewed(sandbox: Make, loopback: Loopback) -> None:
    """Access to a worker ends after its time; the SDK fetches new access and goes on."""
    loopback.inject({"rpc": "SandboxCreateV2", "kind": "short_token", "seconds": 1.0})
    box = sandbox()
    assert sh(box, "echo one") == "one"
    time.sleep(1.1)
    began = time.time()

    assert sh(box, "echo two") == "two"
    assert statuses(loopback, "TaskExecStart", began) == ["UNAUTHENTICATED", "OK"]


def test_a_list_can_be_stale(sandbox: Make, loopback: Loopback, app: Any) -> None:
    """It shows the world of some seconds ago: not who is new, but who has gone; old tags."""
    mark = {"mark": uuid.uuid4().hex}
    old = sandbox(tags=mark)
    moment = time.time()
    new = sandbox(tags=mark)
    old.set_tags({})

    def listed() -> list[str]:
        found = modal.Sandbox.list(app_id=app.app_id, tags=mark)
        return [one.object_id for one in found]

    assert listed() == [new.object_id]
    loopback.inject({"rpc": "SandboxList*", "kind": "stale", "at": moment, "times": None})
    assert listed() == [old.object_id]


def test_a_sandbox_can_end_in_the_middle_of_an_exec(sandbox: Make, loopback: Loopback) -> None:
    """The exec ends with its sandbox, and what it said until then is there."""
    box = sandbox()
    rule = {"rpc": "TaskExecStart", "kind": "terminate", "seconds": 0.5}
    loopback.inject(rule)
    process = box.exec("sh", "-c", "echo begun; sleep 1000")

    assert process.stdout.read() == "begun\n"
    assert process.wait() == 137
    with pytest.raises(NotFoundError):
        box.exec("true")


def test_a_connection_can_be_cut_in_the_middle(sandbox: Make, loopback: Loopback) -> None:
    """The SDK connects anew and reads on where it was: nothing is lost or doubled."""
    box = sandbox()
    loopback.inject({"rpc": "TaskExecStdioRead", "kind": "cut", "chunks": 1, "times": 3})
    script = "for n in $(seq 1 200); do echo line $n; sleep 0.002; done"
    began = time.time()

    lines = said(box.exec("sh", "-c", script, text=False)).decode().splitlines()
    assert lines == [f"line {n}" for n in range(1, 201)]
    hit = [one for one in loopback.rpcs(since=began) if one.get("faults") == ["cut"]]
    assert len(hit) >= 3


def test_stdin_survives_a_connection_that_is_cut(sandbox: Make, loopback: Loopback) -> None:
    """What had arrived is not written twice."""
    box = sandbox()
    loopback.inject({"rpc": "TaskExecStdinWrite", "kind": "cut", "chunks": 1, "times": 2})
    sent = b"0123456789" * 100_000

    assert said(box.exec("cat", text=False), sent) == sent


def test_an_unknown_kind_of_fault_is_an_error(sandbox: Make, loopback: Loopback) -> None:
    """A test with a typing error in a rule must not pass."""
    box = sandbox()
    loopback.inject({"rpc": "*", "kind": "unavialable"})

    with pytest.raises(InvalidError, match="unavialable"):
        box.get_tags()


def test_the_log_gives_the_depth_of_requests(loopback: Loopback) -> None:
    """Ten requests at once are one trip; ten in a row are ten."""
    row = [{"start": float(n), "end": n + 0.5} for n in range(10)]
    at_once = [{"start": 0.0, "end": 0.5 + n / 10} for n in range(10)]

    assert (depth(row), depth(at_once), depth(row + at_once), depth([])) == (10, 1, 10, 0)


def test_a_client_that_dies_leaves_a_cancelled_request(loopback: Loopback) -> None:
    """What it had begun is in the log all the same."""
    loopback.inject({"rpc": "AppGetOrCreate", "kind": "latency", "seconds": 60.0})
    began = time.time()
    script = "import modal; modal.App.lookup('tests', create_if_missing=True)"
    client = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, **loopback.env})
    eventually(psutil.Process(client.pid).net_connections)
    time.sleep(0.2)  # for the request to arrive, which only its end would show
    client.kill()
    client.wait()

    eventually(lambda: statuses(loopback, "AppGetOrCreate", began) == ["CANCELLED"])
