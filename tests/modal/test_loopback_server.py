"""The loopback server: it starts fast, says where it is, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.modal_loopback import fixture
from tests.modal_loopback.inside import linux
from tests.tmux.waiting import eventually

SCRIPT = """
import modal
app = modal.App.lookup("tests", create_if_missing=True)
box = modal.Sandbox.create("sleep", "1000", app=app, image=modal.Image.debian_slim())
box.exec("sh", "-c", "(setsid sleep 1001 &) ; tmux new -d -s left 'sleep 1002'").wait()
print(box.object_id)
"""


def serve(directory: Path, *options: str) -> fixture.Loopback:
    try:
        return fixture.start(directory, *options)
    except fixture.NoLoopback as error:
        pytest.fail(str(error))


def run_sdk(server: fixture.Loopback, script: str = SCRIPT) -> str:
    env = {**os.environ, **server.env}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def family(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_signal_leaves_no_process_and_no_mount(tmp_path: Path, number: signal.Signals) -> None:
    """Whatever ends the server ends every sandbox, what was daemonized in it, and its mounts."""
    server = serve(tmp_path)
    mounts_before = Path("/proc/mounts").read_text()
    run_sdk(server)
    alive = family(server.process.pid)
    assert {"1000", "1001", "1002"} <= {word for one in alive for word in one.cmdline()}

    os.kill(server.process.pid, number)
    server.process.wait()

    eventually(lambda: not any(one.is_running() for one in alive))
    assert Path("/proc/mounts").read_text() == mounts_before


def test_latency_is_added_to_every_request(tmp_path: Path) -> None:
    """--latency-ms is what a round trip costs, streams and uploads included."""
    server = serve(tmp_path, "--latency-ms", "150")
    run_sdk(server)
    seen = server.rpcs()
    fixture.stop(server)

    assert len(seen) > 5
    assert all(one["end"] - one["start"] >= 0.15 for one in seen)


def test_layers_outlive_the_server_where_a_state_directory_is_given(tmp_path: Path) -> None:
    """With --state, what one server built is there for the next one, whiteouts included."""
    script = (
        "import modal\n"
        "app = modal.App.lookup('tests', create_if_missing=True)\n"
        "build = 'cat /proc/uptime > /built; rm -rf /usr/share/doc; ln -s /x /link'\n"
        "image = modal.Image.debian_slim().run_commands(build)\n"
        "box = modal.Sandbox.create('sleep', '9', app=app, image=image)\n"
        "look = 'cat /built; readlink /link; ls -d /usr/share/doc'\n"
        "print(box.exec('sh', '-c', look).stdout.read())\n"
    )
    seen = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        server = serve(tmp_path / name, "--state", str(tmp_path / "state"))
        seen.append(run_sdk(server, script))
        fixture.stop(server)

    assert seen[0] == seen[1]
    assert "/x" in seen[0]
    assert "doc" not in seen[0]


def test_without_root_it_uses_user_namespaces_or_says_why_not(tmp_path: Path) -> None:
    """A user who isn't root gets sandboxes all the same, or one line on stderr."""
    if os.geteuid() != 0:
        pytest.skip("the other tests ran without root already")

    def become_somebody() -> None:
        """A user who may read what root may, but is not root and has no capability."""
        linux.die_with_parent(signal.SIGKILL)
        linux.unshare(linux.NEWUSER)
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text("1000 0 1")
        Path("/proc/self/gid_map").write_text("1000 0 1")

    announce = tmp_path / "announce"
    command = [sys.executable, "-m", "tests.modal_loopback", "--announce", str(announce)]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, preexec_fn=become_somebody, cwd=Path(__file__).parents[2]
    )
    eventually(lambda: announce.exists() or process.poll() is not None)
    if process.poll() is not None:
        said = process.communicate()[1].decode().strip()
        assert said.startswith("modal_loopback: sandboxes need ")
        assert "\n" not in said
        return
    url = json.loads(announce.read_text())["url"]
    server = fixture.Loopback(process, url, tmp_path / "rpcs", tmp_path / "faults")
    assert run_sdk(server).startswith("sb-")
    process.kill()
    process.communicate()
