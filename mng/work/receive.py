"""A host's work into the objects of a repository on the user's machine, as one pack."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from mng.errors import MngError
from mng.model.transport import Completed, Machine
from mng.work import git, remote


class Broken(MngError):
    """The host's repository can't be read as one."""


@dataclass(slots=True)
class Report:
    """What a host sent. `refs` is empty if there was nothing that the other side lacked.

    refs: object ids by name, such as heads/main, tags/v1, stash/0, HEAD, index, work-tree.
    tree: there is a work tree. shallow: its history has an end that is not its beginning.
    """

    refs: dict[str, str] = field(default_factory=dict)
    branch: str = ""
    commits: int = 0
    dirty: int = 0
    tree: bool = True
    shallow: bool = False


def receive(
    machine: Machine, repository: Path, label: str, *, now: datetime, known: bytes | None = None
) -> Report:
    """Stream what the host has into a repository's objects, and walk through all that came.

    known: object names, a line each, that the repository has, or None to send everything.
    No ref is made. Raises Broken if the fault is the host's repository, else MngError.
    """
    mode = "whole" if known is None else "thin"
    script = remote.script("common", "git", "snapshot", "save_nested", "save", "save_send")
    args = (label, str(int(now.timestamp())), mode)
    with tempfile.TemporaryFile() as complaints:
        unpacking = git.start_git(
            repository, "index-pack", "--stdin", "--fix-thin",
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints,
        )  # fmt: skip
        assert unpacking.stdin is not None
        try:
            done = remote.run_script(
                machine, script, *args, stdin=known or b"", stdout=cast(BinaryIO, unpacking.stdin)
            )
        finally:
            ended_first = unpacking.poll() is not None
            with contextlib.suppress(BrokenPipeError):
                unpacking.stdin.close()
            unpacking.wait()
        complaints.seek(0)
        words = git.last_line(complaints.read())
    report = _read(machine, done, words if ended_first and unpacking.returncode else "")
    if report.refs and unpacking.returncode:
        raise MngError(f"the repository {str(repository)!r} did not take it: {words}")
    _walk(repository, report)
    return report


def _read(machine: Machine, done: Completed, fault_here: str) -> Report:
    if done.status == 66:
        remote.check(machine, done)
    if done.status != 0 and fault_here:
        raise MngError(fault_here)
    if done.status == 76:
        raise MngError(remote.complaint(done))
    if done.status != 0:
        raise Broken(remote.complaint(done))
    report, empty = Report(), False
    for line in done.stderr.decode(errors="replace").splitlines():
        match line.removeprefix("= ").split(" ") if line.startswith("= ") else []:
            case ["ref", id_, name]:
                report.refs[name] = id_
            case ["branch", name]:
                report.branch = name
            case ["commits", number]:
                report.commits = int(number)
            case ["dirty", number]:
                report.dirty = int(number)
            case ["shallow"]:
                report.shallow = True
            case ["no-tree"]:
                report.tree, empty = False, True
            case ["nothing"]:
                empty = True
    if not report.refs and not empty:
        raise Broken("the host's report did not arrive")
    return report


def _walk(repository: Path, report: Report) -> None:
    """Everything that the refs reach must be there, or reached by what was there before."""
    tips = "".join(f"{id_}\n" for id_ in report.refs.values())
    if not tips:
        return
    look = ("rev-list", "--objects", "--quiet", "--stdin", "--not", "--all")
    try:
        git.run_git(repository, *look, stdin=tips.encode())
    except git.GitFailed as error:
        if report.shallow:
            raise Broken(f"its history ends where the source's does not: {error}") from error
        raise MngError(f"what arrived is not whole: {error}") from error
