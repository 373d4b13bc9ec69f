"""The server: all parts put together, served on a port of this machine's loopback."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from socket import AF_INET, SOCK_STREAM, socket

from grpclib.server import Server
from modal_proto import api_grpc, task_command_router_grpc

from tests.modal_loopback.control import Apps, SandboxControl
from tests.modal_loopback.faults import Faults
from tests.modal_loopback.ground import Ground
from tests.modal_loopback.images import Images
from tests.modal_loopback.keyring import Keyring
from tests.modal_loopback.mounts import Mounts
from tests.modal_loopback.router import Router
from tests.modal_loopback.sandboxes import Result, Sandboxes
from tests.modal_loopback.tokens import Tokens
from tests.modal_loopback.volumes import Volumes
from tests.modal_loopback.wire import Details, Wire

CREDENTIALS = ("ak-test", "as-test")
_BASES = (api_grpc.ModalClientBase, task_command_router_grpc.TaskCommandRouterBase)


@dataclass(frozen=True)
class Options:
    """What the command line said."""

    announce: Path
    pid: int
    port: int = 0
    latency: float = 0.0
    rpc_log: Path | None = None
    faults: Path | None = None
    state: Path | None = None
    page: int = 100


async def serve(options: Options) -> None:
    """Serve until this process is killed. Raises NoGround."""
    ground = Ground()
    listening = socket(AF_INET, SOCK_STREAM)
    listening.bind(("127.0.0.1", options.port))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    if options.state:
        options.state.mkdir(parents=True, exist_ok=True)

    tokens, keyring = Tokens(), Keyring()
    mounts = Mounts(ground.directory("f"))
    volumes = Volumes(ground.directory("v"), mounts)
    images = Images(ground, keyring, mounts, options.state)
    apps = Apps(tokens)
    sandboxes = Sandboxes(images, keyring, volumes, mounts, apps.ids, options.page)
    control = SandboxControl(sandboxes, apps, tokens, url)
    router = Router(sandboxes, images, keyring, ground)

    def terminate(ids: Mapping[str, str]) -> None:
        one = sandboxes.by_id.get(ids.get("sandbox", "")) or sandboxes.by_task.get(
            ids.get("task", "")
        )
        if one:
            one.kill(Result.GENERIC_STATUS_TERMINATED)

    faults = Faults(options.faults)
    wire = Wire(CREDENTIALS, tokens, faults, options.latency, options.rpc_log, terminate)
    parts = [apps, control, router, keyring, images, mounts, volumes]
    server = Server([wire.handlers(_BASES, parts)], status_details_codec=Details())
    await mounts.listen()
    await server.start(sock=listening)
    announce(options.announce, {"url": url, "pid": options.pid})
    await server.wait_closed()


def announce(path: Path, what: Mapping[str, object]) -> None:
    """Write the file whole or not at all, so that whoever sees it may read it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(json.dumps(what))
    os.rename(file.name, path)
