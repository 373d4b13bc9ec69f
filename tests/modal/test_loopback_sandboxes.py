"""Sandboxes of the loopback Modal, by the real SDK: names, tags, lists, execs, ends."""

from __future__ import annotations

import asyncio
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import modal
import pytest
from grpclib.client import Channel
from modal.exception import AlreadyExistsError, InvalidError, NotFoundError, SandboxTimeoutError
from modal_proto import api_grpc, api_pb2

from tests.modal_loopback.fixture import Loopback, depth
from tests.tmux.waiting import eventually

from .boxes import Make, said, sh


def test_a_name_is_held_by_one_running_sandbox(sandbox: Make) -> None:
    """To create is to take the lock; whoever loses adopts the one that is there."""
    first = sandbox(name="auth-host")

    with pytest.raises(AlreadyExistsError):
        sandbox(name="auth-host")
    assert modal.Sandbox.from_name("tests", "auth-host").object_id == first.object_id


def test_a_name_is_free_when_its_sandbox_has_ended(sandbox: Make) -> None:
    """A terminated sandbox is found by its name no longer, except on request."""
    first = sandbox(name="auth-host")
    first.terminate(wait=True)

    with pytest.raises(NotFoundError):
        modal.Sandbox.from_name("tests", "auth-host")
    ended = modal.Sandbox.from_name("tests", "auth-host", include_terminated=True)
    assert ended.object_id == first.object_id
    assert sandbox(name="auth-host").object_id != first.object_id


def test_lists_are_filtered_by_tags_and_have_pages(sandbox: Make, app: Any) -> None:
    """Four sandboxes are more than a page; those with other tags or an end are left out."""
    mark = uuid.uuid4().hex
    made = [sandbox("sleep", "9", tags={"mark": mark, "n": str(n)}) for n in range(5)]
    made.pop().terminate(wait=True)

    found = list(modal.Sandbox.list(app_id=app.app_id, tags={"mark": mark}))
    assert [one.object_id for one in found] == [one.object_id for one in reversed(made)]
    only = list(modal.Sandbox.list(app_id=app.app_id, tags={"mark": mark, "n": "2"}))
    assert [one.object_id for one in only] == [made[2].object_id]


def test_tags_can_be_replaced(sandbox: Make) -> None:
    """What is set is what is read, from any handle."""
    box = sandbox(tags={"a": "b"})
    box.set_tags({"c": "d"})

    assert modal.Sandbox.from_id(box.object_id).get_tags() == {"c": "d"}


def test_an_exec_carries_bytes_both_ways_and_its_status(sandbox: Make) -> None:
    """Any byte, more than a pipe holds, stdout and stderr apart."""
    box = sandbox()
    sent = bytes(range(256)) * 4096

    assert said(box.exec("cat", text=False), sent) == sent
    process = box.exec("sh", "-c", "echo out; echo err >&2; exit 3")
    assert (process.stdout.read(), process.stderr.read()) == ("out\n", "err\n")
    assert process.wait() == 3
    assert box.exec("no-such-program").wait() == 127


def test_an_exec_knows_its_environment(sandbox: Make) -> None:
    """Variables of the sandbox, of its secrets and of the exec, and where each begins."""
    secret = modal.Secret.from_dict({"KEY": "s3cret"})
    box = sandbox(env={"HERE": "box"}, secrets=[secret], workdir="/tmp/work")
    more = modal.Secret.from_dict({"MORE": "more"})

    assert sh(box, "echo $HERE $KEY; pwd") == "box s3cret\n/tmp/work"
    assert sh(box, "pwd; echo $MORE", workdir="/usr", secrets=[more]) == "/usr\nmore"
    assert sh(box, "echo $HERE $X", env={"HERE": "exec", "X": "y"}) == "exec y"


def test_a_terminal_has_a_name_and_carries_tmux(sandbox: Make) -> None:
    """An exec with a pty is where tmux attaches; another exec can resize it."""
    box = sandbox()
    sh(box, "tmux -f /dev/null new -d -s agent 'echo at work; exec sleep 1000'")
    attached = box.exec("tmux", "attach", "-t", "agent", pty=True, text=False)

    def tty() -> str:
        return sh(box, "tmux list-clients -F '#{client_tty}' || true")

    name = eventually(tty)
    assert name.startswith("/dev/pts/")
    sh(box, f"stty -F {name} rows 30 cols 111")
    eventually(lambda: sh(box, "tmux display -p -t agent '#{window_width}'") == "111")
    sh(box, "tmux detach -s agent")
    assert attached.wait() == 0
    assert b"at work" in attached.stdout.read()


def test_what_an_exec_leaves_behind_goes_on(sandbox: Make) -> None:
    """tmux outlives the exec that began it, as on any machine."""
    box = sandbox()
    sh(box, "tmux -f /dev/null new -d -s agent 'sleep 1000'")

    assert sh(box, "tmux list-sessions -F '#{session_name}'") == "agent"


def test_an_exec_ends_at_its_timeout(sandbox: Make) -> None:
    """With 137 if Modal is the first to see it, with -1 if the SDK is; the process is gone."""
    box = sandbox()
    process = box.exec("sleep", "1234", timeout=1)

    assert process.wait() in (137, -1)
    eventually(lambda: "1234" not in sh(box, "ps ax"))


def test_the_command_of_a_sandbox_is_its_life(sandbox: Make) -> None:
    """When it ends, so does the sandbox, with its status and with all that it said."""
    box = sandbox("sh", "-c", "echo out; echo err >&2; cat; exit 7")
    assert box.poll() is None
    box.stdin.write("in\n")
    box.stdin.write_eof()
    box.stdin.drain()
    box.wait()

    assert box.returncode == 7
    assert (box.stdout.read(), box.stderr.read()) == ("out\nin\n", "err\n")


def test_a_terminated_sandbox_is_gone(sandbox: Make) -> None:
    """It says 137, and takes no more execs."""
    box = sandbox()
    process = box.exec("sleep", "1000")
    box.terminate(wait=True)

    assert box.poll() == 137
    assert process.wait() == 137
    with pytest.raises(NotFoundError):
        box.exec("true")


def test_a_sandbox_ends_at_its_timeout(sandbox: Make) -> None:
    """With 124, an agent at work or not."""
    box = sandbox(timeout=1)
    box.exec("sleep", "1000")

    with pytest.raises(SandboxTimeoutError):
        box.wait()
    assert box.returncode == 124


def test_what_an_ended_sandbox_wrote_can_be_read(sandbox: Make) -> None:
    """From any handle, of either backend; nothing is started in it any more."""
    for gpu in (None, "T4"):
        box = sandbox("sh", "-c", "echo only line; exec sleep 1000", gpu=gpu)
        sh(box, "true")
        box.terminate(wait=True)
        again = modal.Sandbox.from_id(box.object_id)

        assert again.stdout.read() == "only line\n"
        with pytest.raises(NotFoundError):
            again.exec("true")


def test_an_idle_sandbox_ends_at_its_idle_timeout(sandbox: Make) -> None:
    """An exec under way counts as activity; a detached tmux doesn't."""
    box = sandbox(idle_timeout=1)
    sh(box, "tmux -f /dev/null new -d 'while :; do sleep 0.1; done'; sleep 1.5")

    assert box.poll() is None
    with pytest.raises(SandboxTimeoutError):
        box.wait()


def test_a_sandbox_sees_nothing_of_this_machine(sandbox: Make) -> None:
    """Programs are there; homes, temporary files, processes and the network are its own."""
    box = sandbox()

    assert sh(box, "ls -A /home /root /tmp /run /srv /mnt | grep -v ':$' | grep . || true") == ""
    assert sh(box, "hostname; cat /proc/1/cmdline | tr '\\0' ' '").startswith("modal\n")
    assert int(sh(box, "ls -d /proc/[0-9]* | wc -l")) < 8
    assert sh(box, "test ! -e /etc/shadow && echo hidden") == "hidden"
    assert sh(box, "git --version; tmux -V; python -V; echo x > /usr/x; cat /usr/x").endswith("x")


def test_each_sandbox_has_a_network_of_its_own(sandbox: Make) -> None:
    """One port in two sandboxes is two ports, and none leads out."""
    boxes = [sandbox(block_network=blocked) for blocked in (False, True)]
    look = "import socket; s = socket.create_server(('', 8000)); print(s.getsockname()[1])"

    assert [sh(box, f'python -c "{look}"') for box in boxes] == ["8000", "8000"]
    for box in boxes:
        assert sh(box, "ls /sys/class/net") == "lo"
        assert box.exec("sh", "-c", "exec 3<>/dev/tcp/1.1.1.1/53").wait() != 0


def test_a_network_that_makes_no_sense_is_refused(sandbox: Make) -> None:
    """By the server: the SDK sends what it is given."""
    for wrong in (
        {"outbound_cidr_allowlist": ["not-an-ip/8"]},
        {"inbound_cidr_allowlist": ["10.0.0.0/33"]},
        {"outbound_domain_allowlist": ["not a valid domain!"]},
    ):
        with pytest.raises(InvalidError, match="Invalid"):
            sandbox(**wrong)
    sandbox(outbound_cidr_allowlist=["10.0.0.0/8"], outbound_domain_allowlist=["*.github.com"])


def test_a_tunnel_leads_into_a_sandbox(sandbox: Make) -> None:
    """A port that was asked for at creation is reached from here."""
    import urllib.request

    box = sandbox(unencrypted_ports=[8000])
    sh(box, "mkdir /www; echo hello > /www/file")
    box.exec("python3", "-m", "http.server", "8000", "--directory", "/www")
    host, port = box.tunnels()[8000].tcp_socket

    def fetched() -> bytes:
        with urllib.request.urlopen(f"http://{host}:{port}/file") as answer:
            return bytes(answer.read())

    assert eventually(fetched) == b"hello\n"


def test_a_sandbox_says_when_it_is_ready(sandbox: Make) -> None:
    """By a port that is open, or a command that succeeds."""
    port = modal.Probe.with_tcp(8000)
    sandbox("python3", "-m", "http.server", "8000", readiness_probe=port).wait_until_ready()
    file = modal.Probe.with_exec("test", "-e", "/ready")
    box = sandbox("sh", "-c", "sleep 0.3; touch /ready; sleep 1000", readiness_probe=file)
    box.wait_until_ready(timeout=20)

    assert sh(box, "ls /ready") == "/ready"


def test_a_gpu_selects_the_older_backend(sandbox: Make) -> None:
    """Other requests, another shape of id, the same sandbox."""
    box = sandbox("sh", "-c", "echo begun; exec sleep 1000", gpu="T4", name="gpu-host")

    assert len(box.object_id) == len("sb-") + 22
    assert sh(modal.Sandbox.from_name("tests", "gpu-host"), "echo here") == "here"
    box.terminate(wait=True)
    assert (box.returncode, box.stdout.read()) == (137, "begun\n")


def test_the_sdk_of_javascript_is_served(loopback: Loopback, app: Any) -> None:
    """It has its own way to send variables along, and wants https although it adds no TLS."""
    image = modal.Image.debian_slim().build(app).object_id
    request = api_pb2.SandboxCreateV2Request(
        app_id=app.app_id,
        definition=api_pb2.Sandbox(image_id=image, entrypoint_args=["sleep", "9"], timeout_secs=60),
        ephemeral_secrets=api_pb2.StringMap(contents={"KEY": "s3cret"}),
    )
    kind = str(api_pb2.CLIENT_TYPE_LIBMODAL_JS)
    about = {"x-modal-client-type": kind, "x-modal-token-id": "ak-test"}

    async def create() -> Any:
        channel = Channel("127.0.0.1", int(loopback.url.rpartition(":")[2]))
        try:
            create = api_grpc.ModalClientStub(channel).SandboxCreateV2
            return await create(request, metadata={**about, "x-modal-token-secret": "as-test"})
        finally:
            channel.close()

    made = asyncio.run(create())
    box = modal.Sandbox.from_id(made.sandbox_id)
    assert made.command_router_access.url == loopback.url.replace("http:", "https:")
    assert sh(box, "echo $KEY") == "s3cret"
    box.terminate(wait=True)


def test_many_clients_at_once_get_one_name_once(sandbox: Make) -> None:
    """Of eight creations at the same moment one succeeds."""

    def create(_: int) -> str:
        try:
            return str(sandbox(name="wanted").object_id)
        except AlreadyExistsError:
            return "lost"

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(create, range(8)))
    assert ids.count("lost") == 7


def test_files_go_in_and_out(sandbox: Make) -> None:
    """Sandbox.filesystem, with its errors."""
    box = sandbox()
    box.filesystem.write_bytes(b"\x00\xff", "/data/deep/file")

    assert box.filesystem.read_bytes("/data/deep/file") == b"\x00\xff"
    assert [one.name for one in box.filesystem.list_files("/data/deep")] == ["file"]
    box.filesystem.remove("/data", recursive=True)
    with pytest.raises(modal.exception.SandboxFilesystemNotFoundError):
        box.filesystem.read_bytes("/data/deep/file")


def test_files_are_described_as_stat_does(sandbox: Make) -> None:
    """With the kind of file in the mode, and permissions in four digits."""
    box = sandbox()
    box.filesystem.write_text("hello", "/file")
    sh(box, "chmod 4750 /file; ln -s file /link")
    found = box.filesystem.stat("/file")

    assert f"{found.permissions} {found.mode:x}" == "4750 89e8"
    assert sh(box, "stat -c '0%a %f' /file") == "04750 89e8"
    assert box.filesystem.stat("/link").symlink_target == "file"


def test_files_that_cannot_be_moved_say_why(sandbox: Make) -> None:
    """Each kind of error is the SDK's own."""
    box = sandbox()
    sh(box, "touch /file; truncate -s 6G /big; mkdir /directory")

    with pytest.raises(modal.exception.SandboxFilesystemNotADirectoryError):
        box.filesystem.write_text("x", "/file/below")
    with pytest.raises(modal.exception.SandboxFilesystemIsADirectoryError):
        box.filesystem.write_text("x", "/directory")
    with pytest.raises(modal.exception.SandboxFilesystemFileTooLargeError):
        box.filesystem.read_bytes("/big")


def test_a_handle_from_a_name_needs_four_requests_for_an_exec(
    sandbox: Make, loopback: Loopback
) -> None:
    """The log says which requests there were and how many of them lie in a row."""
    sandbox(name="auth-host")
    box = modal.Sandbox.from_name("tests", "auth-host")
    began = time.time()
    sh(box, "true")
    eventually(lambda: len(loopback.rpcs(since=began)) >= 6)

    seen = loopback.rpcs(since=began)
    names = [one["rpc"] for one in seen]
    assert names[:3] == ["SandboxGetTaskIdV2", "SandboxGetCommandRouterAccess", "TaskExecStart"]
    assert {one["status"] for one in seen} == {"OK"}
    assert all(one["sandbox"] == box.object_id for one in seen[:2])
    assert all("task" in one and "exec" in one for one in seen[2:])
    assert 4 <= depth(seen) <= len(seen)
