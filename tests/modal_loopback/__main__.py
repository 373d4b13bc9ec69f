"""The command line: python -m tests.modal_loopback --announce FILE."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from tests.modal_loopback import ground


def main() -> int:
    """Serve until a signal; the exit status of a server that never came to be is 1."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.modal_loopback", description="A Modal on this machine, for tests."
    )
    path = {"type": lambda text: Path(text).resolve(), "metavar": "FILE"}
    parser.add_argument("--announce", required=True, help="where url and pid are written", **path)
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; any free one if 0")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="for every request")
    parser.add_argument("--rpc-log", help="one line of JSON for every request", **path)
    parser.add_argument("--faults", help="rules, see faults.py; read when it changes", **path)
    parser.add_argument("--state", help="a directory to keep image layers in", **path)
    given = parser.parse_args()
    pid = os.getpid()
    try:
        child = ground.settle()
    except ground.NoGround as error:
        print(f"modal_loopback: {error}", file=sys.stderr)
        return 1
    if child:
        return _wait(child)

    from tests.modal_loopback import server  # noqa: PLC0415  gRPC starts threads: not before a fork

    options = server.Options(
        announce=given.announce,
        pid=pid,
        port=given.port,
        latency=given.latency_ms / 1000,
        rpc_log=given.rpc_log,
        faults=given.faults,
        state=given.state,
    )
    try:
        asyncio.run(server.serve(options))
    except (ground.NoGround, OSError) as error:
        print(f"modal_loopback: {error}", file=sys.stderr)
        return 1
    return 0


def _wait(child: int) -> int:
    """Wait for the server. Ending it is the kernel's work: with its first process all goes."""

    def stop(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return 0 if code == -signal.SIGKILL else code


if __name__ == "__main__":
    sys.exit(main())
