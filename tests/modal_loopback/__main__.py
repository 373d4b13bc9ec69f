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
    add = parser.add_argument
    add("--announce", type=Path, required=True, metavar="FILE", help="where url and pid go")
    add("--port", type=int, default=0, metavar="N", help="of 127.0.0.1; any free one if 0")
    add("--latency-ms", type=float, default=0.0, metavar="N", help="for every request")
    add("--rpc-log", type=Path, metavar="FILE", help="a line of JSON for every request")
    add("--faults", type=Path, metavar="FILE", help="rules of faults.py; read when it changes")
    add("--state", type=Path, metavar="DIR", help="keeps image layers for the next server")
    add("--page-size", type=int, default=100, metavar="N", help="of lists of sandboxes")
    given = parser.parse_args()
    pid = os.getpid()
    try:
        child = ground.settle()
    except ground.NoGround as error:
        print(f"modal_loopback: {error}", file=sys.stderr)
        return 1
    if child:
        return _wait(child)

    # Not before the fork, which must see one thread only.
    from tests.modal_loopback import server

    options = server.Options(
        announce=given.announce,
        pid=pid,
        port=given.port,
        latency=given.latency_ms / 1000,
        rpc_log=given.rpc_log,
        faults=given.faults,
        state=given.state,
        page=given.page_size,
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
