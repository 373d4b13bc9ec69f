"""The example file with the real Claude Code, on a sandbox of the loopback Modal."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.modal_loopback import fixture
from tests.scenarios.stage import Stage

from .rig import ARGS, HERE, KEY, QUIET, main_requests
from .test_team import EXAMPLES, IMPL, TEST, heard_as_the_example_says

PORT = 8123  # in the sandbox's own network, where nobody else listens
# A process of its own: what is cached there of one Modal is in no other test's way.
FILL = """
import json, modal, sys
program, model, secret = sys.argv[1:]
modal.Secret.objects.create("anthropic", json.loads(secret))
with modal.Volume.from_name("programs", create_if_missing=True).batch_upload() as batch:
    batch.put_file(program, "/claude", mode=0o755)
    batch.put_file(model, "/model_server.py")
"""
SETUP = f"""
ln -s /programs/claude /usr/local/bin/claude
sleep 1h | setsid python3 /programs/model_server.py /tmp/asked {PORT} >/dev/null 2>&1 &
"""


@pytest.fixture
def cloud() -> Iterator[Stage]:
    """A stage whose Modal is a server of its own."""
    root = Path(tempfile.mkdtemp(prefix="mng-"))
    server = fixture.start(root)
    stage = Stage(root)
    stage.env |= server.env | {"MNG_MODAL_APP": "example"}
    try:
        yield stage
    finally:
        stage.close()
        fixture.stop(server)
        shutil.rmtree(root, ignore_errors=True)


def test_the_example_runs_with_the_real_program_on_modal(cloud: Stage, programs: Path) -> None:
    """Unchanged up to what its setup would fetch, the program's place and how quiet it is. A
    sandbox's network leads nowhere, so that its model is a process in it."""
    secret = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{PORT}"}
    program = (programs / "claude").resolve()
    given = [str(program), str(HERE / "model_server.py"), json.dumps(secret)]
    subprocess.run([sys.executable, "-c", FILL, *given], env=cloud.env, check=True)
    shutil.copytree(EXAMPLES, cloud.root / "examples")
    host = {"setup": SETUP, "modal": {"volumes": {"/programs": "programs"}}}
    quiet = {"args": ARGS["claude"], "env": QUIET}
    document = {"hosts": {"auth-host": host}, "agents": {IMPL: quiet, TEST: quiet}}
    (cloud.root / "here.yaml").write_text(json.dumps(document))
    files = ("-f", cloud.root / "examples" / "auth-host.yaml", "-f", cloud.root / "here.yaml")

    cloud.must("up", *files, "--wait", timeout=200)
    assert "nothing to do" in cloud.must("up", *files).all
    links = cloud.must("exec", "auth-host", "ip -o link").out
    heard_as_the_example_says(
        cloud, main_requests(cloud.must("exec", "auth-host", "cat /tmp/asked").out)
    )
    cloud.must("down", *files)

    assert [line.split(":")[1] for line in links.splitlines()] == [" lo"]
    assert cloud.listed()["hosts"] == []
