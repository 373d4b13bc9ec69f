"""Modal that does not answer, or says no: one line, the next command, and nothing else suffers."""

from __future__ import annotations

import socket
import time

import modal
import pytest

from mng.errors import HostError
from mng.hosts.modal_client import translated
from tests.modal_loopback.fixture import Loopback
from tests.scenarios.stage import demo

from .cloud import Cloud


def test_without_a_token_mng_says_how_to_get_one(cloud: Cloud) -> None:
    """`modal setup`; and hosts of other providers are made all the same."""
    del cloud.env["MODAL_TOKEN_ID"], cloud.env["MODAL_TOKEN_SECRET"]
    hosts = {"far": {"provider": "modal"}, "near": {"provider": "local"}}
    file = cloud.team({"a": demo(host="far"), "b": demo(host="near")}, hosts=hosts)

    done = cloud.up(file)

    assert done.status == 1
    assert "no token for Modal; try: modal setup" in done.all
    assert "b@near started" in done.all
    assert cloud.must("list").err == ""


def test_a_wrong_token_is_said_to_be_wrong(cloud: Cloud) -> None:
    """With the same hint."""
    cloud.env["MODAL_TOKEN_SECRET"] = "as-wrong"

    done = cloud.up(cloud.cloud_team({"a": demo()}))

    assert done.status == 1
    assert "Modal refused the token" in done.all


def test_a_silent_modal_costs_ten_seconds_at_most(cloud: Cloud) -> None:
    """Local hosts are shown as ever; only who asks for Modal's gets 1."""
    cloud.must("create", "a", "--type", "demo")
    with socket.create_server(("127.0.0.1", 0), backlog=50) as mute:
        cloud.env["MODAL_SERVER_URL"] = f"http://127.0.0.1:{mute.getsockname()[1]}"
        began = time.monotonic()

        listed, asked = cloud.mng("list"), cloud.mng("list", "far.modal")

        assert time.monotonic() - began < 20
    assert (listed.status, asked.status) == (0, 1)
    assert "WAITING" in listed.out
    assert "did not answer within 8 s" in listed.err


def test_doctor_tries_the_token(cloud: Cloud) -> None:
    """That there is one says nothing; exit 1 where it is refused, or where nobody answers."""
    good = cloud.must("doctor")
    wrong = cloud.mng("doctor", env={"MODAL_TOKEN_SECRET": "as-wrong"})
    away = cloud.mng("doctor", env={"MODAL_SERVER_URL": "http://127.0.0.1:9"})

    assert "ok  modal: it takes the token\n" in good.out
    assert (wrong.status, away.status) == (1, 1)
    assert "BAD modal: Modal refused the token: " in wrong.out
    assert "BAD modal: Modal can't be reached: " in away.out
    assert all("ok  git" in done.out for done in (good, wrong, away))


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("Secret 'anthropic' not found", "modal secret create anthropic ANTHROPIC_API_KEY=..."),
        ("Secret 'db' not found in environment 'main'", "modal secret create db KEY=VALUE"),
        ("Environment 'dev' not found", "modal environment create dev"),
        ("Volume 'v-1' not found", "modal volume create v-1"),
        ("Volume vo-1 not found", "mng list"),
        ("Sandbox not found", "mng list"),
    ],
)
def test_what_is_missing_at_modal_is_made_by_the_hint(words: str, hint: str) -> None:
    """Only its user can make a secret, and knows what is to be in it."""
    with pytest.raises(HostError) as raised, translated():
        raise modal.exception.NotFoundError(words)

    assert raised.value.hint == hint


def test_a_host_whose_secret_is_missing_says_how_to_make_it(cloud: Cloud) -> None:
    """`mng list` would show nothing, and lead nowhere."""
    done = cloud.up(cloud.cloud_team({"a": demo()}, modal={"secrets": ["anthropic"]}))

    assert done.status == 1
    assert "Modal has no secret 'anthropic'" in done.err
    assert "try: modal secret create anthropic ANTHROPIC_API_KEY=..." in done.err


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"rpc": "SandboxCreateV2", "kind": "lost"}, ""),
        ({"rpc": "SandboxCreateV2", "kind": "unavailable"}, ""),
        ({"rpc": "TaskExecStart", "kind": "unavailable", "times": 3}, ""),
        ({"rpc": "TaskExecStart", "kind": "lost", "times": 3}, ""),
        ({"rpc": "TaskExecStdioRead", "kind": "cut", "times": 3}, ""),
        ({"rpc": "TaskExecStdinWrite", "kind": "lost", "times": 3}, ""),
        ({"rpc": "SandboxListV2", "kind": "exhausted", "seconds": 1}, ""),
        ({"rpc": "*", "kind": "short_token", "seconds": 2, "times": None}, ""),
        (
            {"rpc": "SandboxCreateV2", "kind": "status", "status": "RESOURCE_EXHAUSTED",
             "message": "no quota", "times": None},
            "Modal's limit is reached: no quota",
        ),
        (
            {"rpc": "SandboxCreateV2", "kind": "status", "status": "INVALID_ARGUMENT",
             "message": "no such region", "times": None},
            "Modal says: no such region",
        ),
    ],
    ids=lambda value: f"{value['kind']} {value['rpc']}" if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_fault_makes_no_second_sandbox_and_no_second_message(
    cloud: Cloud, loopback: Loopback, rule: dict[str, object], said: str
) -> None:
    """What can be repeated is repeated; what can't is one line."""
    file = cloud.cloud_team({"a": demo("one")})
    loopback.inject(rule)
    done = cloud.up(file, "--wait")
    assert (done.status == 0) == (said == ""), done
    assert said in done.all

    loopback.inject()
    cloud.must("up", "-f", file, "--wait")

    assert len(cloud.sandboxes()) == 1
    assert cloud.heard("a") == ["one"]


def test_an_ended_sandbox_is_made_anew(cloud: Cloud) -> None:
    """A sandbox that Modal ended is a normal event."""
    file = cloud.cloud_team({"a": demo("one")})
    cloud.must("up", "-f", file, "--wait")
    for box in cloud.sandboxes():
        box.terminate(wait=True)

    assert cloud.must("list").out == ""
    cloud.must("up", "-f", file, "--wait")

    assert cloud.heard("a") == ["one"]


def test_a_stale_list_hides_no_host_in_scope(cloud: Cloud, loopback: Loopback) -> None:
    """The name is the authority, not the filter by tags."""
    file = cloud.cloud_team({"a": demo("one")})
    cloud.must("up", "-f", file, "--wait")
    loopback.inject({"rpc": "SandboxList*", "kind": "stale", "seconds": 600, "times": None})

    assert "nothing to do" in cloud.must("up", "-f", file).all


def test_a_machine_without_a_net_waits_for_no_modal(cloud: Cloud) -> None:
    """Whoever has a token works on hosts of their own all the same, and is told in a line; that
    nobody is there is not said of what nobody could look at."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    cloud.env["MODAL_SERVER_URL"] = f"http://127.0.0.1:{port}"
    began = time.monotonic()

    listed, told = cloud.mng("list"), cloud.mng("events")

    assert time.monotonic() - began < 12
    assert (listed.status, told.status) == (0, 0)
    assert "no agents" not in listed.all
    assert "Modal can't be reached: Connect" in listed.err
    assert "Modal can't be reached: Connect" in told.err
