"""A host's work into the objects of a repository on the user's machine, as one pack."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from mng.errors import MngError
from mng.model.transport import Completed, Machine
from mng.work import git, remote

# The script that looks at a work tree and sends what the other side lacks.
SENDS = (
    "common", "git", "snapshot", "save_nested", "converted", "replace", "save", "save_send",
)  # fmt: skip


_CHUNK = 1 << 18  # bytes


class Broken(MngError):
    """The host's repository can't be read as one."""


@dataclass(slots=True)
class Report:
    """What a host sent. `refs` is empty if there was nothing that the other side lacked.

    refs: object ids by name, such as heads/main, tags/v1, stash/0, HEAD, index, work-tree.
    new: objects came. tree: there is a work tree. shallow: its history has an end that is not its
    beginning.
    """

    refs: dict[str, str] = field(default_factory=dict)
    new: bool = True
    branch: str = ""
    commits: int = 0
    dirty: int = 0
    tree: bool = True
    shallow: bool = False


def receive(
    machine: Machine, repository: Path, label: str, *, now: datetime,
    known: bytes | None = None, keep: Sequence[str] = (), sync: bool = False,
) -> Report:  # fmt: skip
    """Stream what the host has into a repository's objects, and walk through all that came.

    known: object names, a line each, that the repository has, or None to send everything.
    keep: paths that git ignores and that are wanted all the same. sync: name all refs, even if
    there is nothing new. No ref is made.
    Raises Broken if the fault is the host's repository, else MngError.
    """
    mode = "whole" if known is None else "sync" if sync else "thin"
    args = (label, str(int(now.timestamp())), mode, *keep)
    unpacking = _Unpacking(repository)
    try:
        done = remote.run_script(
            machine, remote.script(*SENDS), *args, stdin=known or b"", stdout=unpacking.stream
        )
    finally:
        fault = unpacking.close()
    report = _read(machine, done, fault if unpacking.ended_first else "")
    if report.refs and report.new:
        if fault:
            raise MngError(f"the repository {str(repository)!r} did not take it: {fault}")
        _walk(repository, report)
    return report


class _Unpacking:
    """A stream that becomes objects of a repository. git starts with the first byte, for a stream
    without any is no pack."""

    def __init__(self, repository: Path) -> None:
        reading, writing = os.pipe()
        self.stream: BinaryIO = os.fdopen(writing, "wb", 0)
        self.ended_first = False
        self._repository, self._reading = repository, reading
        self._fault = "nothing came"
        self._thread = threading.Thread(target=self._unpack, daemon=True)
        self._thread.start()

    def _unpack(self) -> None:
        with os.fdopen(self._reading, "rb", 0) as stream, tempfile.TemporaryFile() as complaints:
            chunk = stream.read(_CHUNK)
            if not chunk:
                return
            unpacking = git.start_git(
                self._repository, "index-pack", "--stdin", "--fix-thin",
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=complaints,
            )  # fmt: skip
            assert unpacking.stdin is not None
            try:
                while chunk:
                    unpacking.stdin.write(chunk)
                    chunk = stream.read(_CHUNK)
            except BrokenPipeError:
                self.ended_first = True
            with contextlib.suppress(BrokenPipeError):
                unpacking.stdin.close()
            status = unpacking.wait()
            complaints.seek(0)
            words = git.last_line(complaints.read()) or f"git ended with {status}"
            self._fault = words if status else ""

    def close(self) -> str:
        """Wait for git; why it did not take the stream, or ""."""
        self.stream.close()
        self._thread.join()
        return self._fault


def _read(machine: Machine, done: Completed, fault_here: str) -> Report:
    if done.status == 66:
        remote.check(machine, done)
    if done.status != 0 and fault_here:
        raise MngError(fault_here)
    if done.status == 76:
        raise MngError(remote.complaint(done))
    if done.status < 0 or 128 < done.status < 128 + 65:
        raise MngError("its script was killed")  # that says nothing about the repository
    if done.status != 0:
        raise Broken(remote.complaint(done))
    report = read_report(done)
    if not report.refs and report.new:
        raise Broken("the host's report did not arrive")
    return report


def read_report(done: Completed) -> Report:
    """What the script said about what it sent."""
    report = Report()
    for line in os.fsdecode(done.stderr).split("\n"):
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
                report.tree, report.new = False, False
            case ["nothing"]:
                report.new = False
    return report


def _walk(repository: Path, report: Report) -> None:
    """Everything that the refs reach must be there, or reached by what was there before."""
    tips = "".join(f"{id_}\n" for id_ in report.refs.values())
    look = ("rev-list", "--objects", "--quiet", "--stdin", "--not", "--all")
    try:
        git.run_git(repository, *look, stdin=tips.encode())
    except git.GitFailed as error:
        if report.shallow:
            raise Broken(f"its history ends where the source's does not: {error}") from error
        raise MngError(f"what arrived is not whole: {error}") from error
