"""usage: dying.py N before|after COMMAND...

mng, but it dies just before or just after its Nth effect. An effect is whatever changes something:
a script on a host, a host made, a host removed. Looks don't count.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from mng.agents.remote import script
from mng.cli.main import main
from mng.hosts.local import Local
from mng.hosts.modal import Modal
from mng.hosts.modal_transport import SandboxTransport
from mng.hosts.process import ProcessTransport
from mng.hosts.provider import script as host_script
from mng.work import remote as work

DEAD = 137
LOOKS = [script("observe"), script("logs"), script("messages")]
LOOKS += [work.script("common", "git", "summary"), work.script("common") + "\n[ ! -e"]
LOOKS += [host_script("settled")]

number, moment = int(sys.argv[1]), sys.argv[2]
lock, done = threading.Lock(), [0]


def is_effect(args: tuple[Any, ...]) -> bool:
    """Whether a call of `run` changes something on its host."""
    argv = args[1]
    return argv[0] == "sh" and not any(argv[2].startswith(look) for look in LOOKS)


def dies(call: Callable[..., Any], counts: Callable[[tuple[Any, ...]], bool]) -> Callable[..., Any]:
    """The same call, the last one that this process makes if its number is the one."""

    def wrapped(*args: Any, **options: Any) -> Any:
        if not counts(args):
            return call(*args, **options)
        with lock:
            done[0] += 1
            last = done[0] == number
        if last and moment == "before":
            os._exit(DEAD)
        try:
            return call(*args, **options)
        finally:
            if last:
                os._exit(DEAD)

    return wrapped


def always(args: tuple[Any, ...]) -> bool:
    return True


wrapped: Any = dies
ProcessTransport.run = wrapped(ProcessTransport.run, is_effect)  # type: ignore[method-assign]
Local.create = wrapped(Local.create, always)  # type: ignore[method-assign]
Local.destroy = wrapped(Local.destroy, always)  # type: ignore[method-assign]
SandboxTransport.run = wrapped(SandboxTransport.run, is_effect)  # type: ignore[method-assign]
Modal.create = wrapped(Modal.create, always)  # type: ignore[method-assign]
Modal.destroy = wrapped(Modal.destroy, always)  # type: ignore[method-assign]
sys.argv[1:] = sys.argv[3:]
main()
