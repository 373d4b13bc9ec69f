"""A host's own `setup`: the user's shell text, run once before any agent."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Mapping

from mng.errors import HostError, SetupFailed
from mng.model.transport import Machine
from mng.work import remote

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LAST = "# mng: whole\n"


def run_setup(
    machine: Machine,
    script: str,
    env: Mapping[str, str],
    *,
    say: Callable[[str], None],
    timeout: float | None = None,
) -> None:
    """Run shell text as `sh -e` does, once per host and text, in the source's own directory there.

    env: may hold secrets; it is neither on a command line nor on the host's disk.
    timeout: seconds to wait. A setup that is not awaited any more, because the time ran out or
    because mng was killed, goes on; the next call waits for it instead of starting another.
    Raises SetupFailed with the end of its output, HostError, HostUnreachable.
    """
    digest = hashlib.sha256(script.encode()).hexdigest()[:16]
    whole = f"{_exports(env)}{script}\n{_LAST}"
    say("running setup")
    done = remote.run_script(
        machine, remote.script("common", "setup"), digest, remote.script("setup_run"),
        stdin=whole.encode(errors="surrogateescape"), timeout=timeout,
    )  # fmt: skip
    if done.status != 70:
        remote.check(machine, done)
        return
    status, _, output = done.stdout.decode(errors="replace").partition("\n")
    raise SetupFailed(
        f"setup ended with status {status}:\n{output.rstrip()}",
        hint=f"all of its output is in {machine.home}/setup.log on the host",
    )


def _exports(env: Mapping[str, str]) -> str:
    for name in env:
        if not _NAME.fullmatch(name):
            raise HostError(f"{name!r} can't be the name of an environment variable")
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items())
