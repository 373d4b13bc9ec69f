"""Run a script on a host, and read what a host remembers of its work tree."""

from __future__ import annotations

import functools
import importlib.resources
import json
from dataclasses import dataclass
from typing import BinaryIO, Literal

from mng.errors import HostError
from mng.model.transport import Completed, Machine

Kind = Literal["git", "folder", "none"]


@functools.cache
def script(*names: str) -> str:
    """The text of some scripts, one after the other."""
    folder = importlib.resources.files("mng.work") / "scripts"
    return "\n".join((folder / f"{name}.sh").read_text("utf-8") for name in names)


def run_script(
    machine: Machine,
    text: str,
    *args: str,
    stdin: bytes | BinaryIO = b"",
    stdout: BinaryIO | None = None,
    timeout: float | None = None,
) -> Completed:
    """Run a script that begins with `common`, which is given the host's home, mark and work_dir.

    timeout: seconds. Raises HostUnreachable.
    """
    argv = ["sh", "-c", text, "mng", machine.home, machine.mark, machine.work_dir, *args]
    return machine.transport.run(argv, stdin=stdin, stdout=stdout, timeout=timeout)


def complaint(done: Completed) -> str:
    """The line of a script's stderr that says why it failed."""
    lines = [line.strip() for line in done.stderr.decode(errors="replace").splitlines()]
    ours = [line.removeprefix("mng: ") for line in lines if line.startswith("mng: ")]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    rest = [line for line in lines if line]
    return (ours or fatal or rest or [f"its script ended with status {done.status}"])[-1]


def check(machine: Machine, done: Completed) -> Completed:
    """What a script has done. Raises HostError if it failed."""
    if done.status == 0:
        return done
    if done.status == 66:
        raise HostError(
            f"the host at {machine.home} is gone, or another one has taken its place",
            hint="mng list",
        )
    raise HostError(complaint(done))


@dataclass(frozen=True, slots=True)
class Facts:
    """How a work tree came in. `base` is "" if the source had no commit, `branch` if none was out.

    prefix: the source's place within its repository, "" or with a slash at the end.
    """

    base: str
    branch: str
    prefix: str
    kind: Kind


def facts(machine: Machine) -> Facts | None:
    """What was recorded when the work tree came in; None if that isn't finished.

    Raises HostError, HostUnreachable.
    """
    text = script("common") + '\n[ ! -e "$home/work.done" ] || cat "$home/work.done"'
    done = check(machine, run_script(machine, text))
    if not done.stdout.strip():
        return None
    try:
        data = json.loads(done.stdout)
        return Facts(data["base"], data["branch"], data["prefix"], data["kind"])
    except (ValueError, TypeError, KeyError) as error:
        raise HostError(f"{machine.home}/work.done is damaged") from error


def work_prefix(machine: Machine) -> str:
    """Where in the work tree the source's own directory lies: "" or a path ending with a slash."""
    known = facts(machine)
    return known.prefix if known else ""
