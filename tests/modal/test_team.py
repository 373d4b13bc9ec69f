"""The scenarios of the product on Modal sandboxes: one host, two agents, seven steps."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.scenarios.stage import demo
from tests.scenarios.terminal import terminal
from tests.tmux.waiting import eventually

from .cloud import Cloud

# No sandbox reaches a registry, so pytest comes with the tree, and its command by hand.
PYTEST = """
printf '#!/bin/sh\\nPYTHONPATH=/work/.deps exec python3 -m pytest "$@"\\n' >/usr/local/bin/pytest
chmod +x /usr/local/bin/pytest
"""
EXAMPLES = Path(__file__).parents[2] / "examples"
DEMO = """
hosts: {auth-host: {setup: test -f requirements.txt}}
agents: {impl-agent: {type: demo, args: [--busy, 0]}, test-agent: {type: demo, args: [--busy, 0]}}
"""


def test_two_agents_share_one_sandbox_in_seven_steps(cloud: Cloud) -> None:
    """Launch, join, list, connect, exec, message, destroy; the host goes with its last agent."""
    kind = ("--type", "demo")
    (cloud.repo / "test_app.py").write_text("def test_it():\n    assert True\n")
    site = Path(pytest.__file__).parents[1]
    for name in ("pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments"):
        shutil.copytree(site / name, cloud.repo / ".deps" / name)
    shutil.copy(site / "py.py", cloud.repo / ".deps")
    cloud.must("create", "impl-agent@auth-host.modal", "--new-host", *kind)
    began = time.time()
    joined = cloud.must("create", "test-agent@auth-host", *kind, "--message", "write the tests")
    assert "created" not in joined.all
    asked = {one["rpc"] for one in cloud.modal.rpcs(since=began)}
    assert not asked & {"ImageGetOrCreate", "SandboxCreateV2"}  # nothing is provisioned again
    assert [one["host"] for one in cloud.agents().values()] == ["auth-host", "auth-host"]
    for agent in ("impl-agent", "test-agent"):
        with terminal(cloud, "connect", agent) as screen:
            screen.shows(b"Ctrl-b d detaches")
            screen.type(b"\x02d")
            assert screen.ends() == 0
            assert screen.settings() == screen.before
    assert "On branch main" in cloud.must("exec", "impl-agent", "git status").out
    cloud.must("exec", "auth-host", PYTEST)
    assert "1 passed" in cloud.must("exec", "test-agent", "pytest -q test_app.py").out
    assert cloud.mng("exec", "test-agent", "exit 3").status == 3
    assert "first" in cloud.must("exec", "test-agent", "--", "git", "log", "--oneline").out
    cloud.must("message", "impl-agent", "use PyJWT")
    eventually(lambda: cloud.heard("impl-agent", "auth-host") == ["use PyJWT"])
    cloud.must("destroy", "impl-agent")
    assert len(cloud.sandboxes()) == 1
    cloud.must("destroy", "test-agent")

    assert cloud.sandboxes() == []
    assert cloud.listed()["hosts"] == []


def test_the_example_runs_on_modal(cloud: Cloud) -> None:
    """Unchanged up to the agents' program and what its setup would fetch."""
    import modal

    modal.Secret.objects.create("anthropic", {"ANTHROPIC_API_KEY": "a key"}, allow_existing=True)
    shutil.copytree(EXAMPLES / "app", cloud.root / "app")
    shutil.copy(EXAMPLES / "auth-host.yaml", cloud.root)
    (cloud.root / "demo.yaml").write_text(DEMO)
    files = ("-f", cloud.root / "auth-host.yaml", "-f", cloud.root / "demo.yaml")

    cloud.must("up", *files, "--wait")
    assert "nothing to do" in cloud.must("up", *files).all
    assert len(cloud.heard("impl-agent", "auth-host")) == 2
    assert "a key" in cloud.must("exec", "impl-agent", "echo $ANTHROPIC_API_KEY").out
    host = cloud.listed()["hosts"][0]
    assert 0 <= host["expires"] - host["created"] - 8 * 3600 < 60  # by the sandbox's own clock
    cloud.must("down", *files)

    assert cloud.sandboxes() == []


def test_work_comes_back_before_a_sandbox_goes(cloud: Cloud) -> None:
    """Commits and files that nobody committed, both by pull and by the end of the host."""
    file = cloud.cloud_team({"a": demo("hello")})
    cloud.must("up", "-f", file, "--wait")
    cloud.shell("a", "echo more >new; git add new; git commit -qm made; echo loose >file-0.txt")

    cloud.must("pull", "box")
    assert "made" in cloud.git("log", "--format=%s", "mng/box/main")
    (cloud.repo / "later.txt").write_text("later")
    cloud.git("add", ".")
    cloud.git("commit", "-qm", "later")
    cloud.must("down", "-f", file)

    saved = cloud.git("for-each-ref", "--format=%(refname)", "refs/mng/saved").split()
    tree = next(name for name in saved if name.endswith("work-tree"))
    assert cloud.git("show", f"{tree}:file-0.txt") == "loose\n"


def test_bytes_go_both_ways_unchanged(cloud: Cloud, tmp_path: Path) -> None:
    """More than Modal takes at once, and no byte is text."""
    cloud.must("create", "a@box.modal", "--new-host", "--type", "demo")
    data = bytes(range(256)) * (20 << 12)  # 20 MiB

    done = cloud.mng_bytes("exec", "box", "cat; echo done >&2; exit 7", stdin=data)

    assert done.stdout == data
    assert (done.returncode, done.stderr) == (7, b"done\n")


def test_a_command_that_takes_too_long_ends_there_too(cloud: Cloud) -> None:
    """124, and nothing of it goes on."""
    cloud.must("create", "a@box.modal", "--new-host", "--type", "demo")

    assert cloud.mng("exec", "--timeout", "1s", "box", "sleep 61").status == 124

    assert "sleep 61" not in cloud.shell("box", "sleep 1; ps -A -o args")


def test_a_foreign_sandbox_is_neither_used_nor_ended(cloud: Cloud) -> None:
    """Right name, no mark."""
    import modal

    app = modal.App.lookup(cloud.app, create_if_missing=True)
    image = modal.Image.debian_slim()
    modal.Sandbox.create("sleep", "1000", app=app, name="box", image=image)

    done = cloud.up(cloud.cloud_team({"a": demo()}))

    assert done.status == 1
    assert "no mark of mng" in done.all
    assert len(cloud.sandboxes()) == 1
