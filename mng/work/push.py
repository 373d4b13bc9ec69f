"""What is new in the source, to the host: where nobody there has changed it, or not at all."""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from mng.errors import HostError, UsageError
from mng.model.transport import Machine, Transport
from mng.work import git, remote
from mng.work.receive import SENDS, read_report


@dataclass(frozen=True, slots=True)
class Pushed:
    """moved: branches and tags, as (name, old id or "", new id). ahead: those that the host has
    gone on with. files: how many were written or removed in its work tree.

    conflicts: why nothing was done; or, with files, which of them others changed meanwhile.
    """

    moved: tuple[tuple[str, str, str], ...] = ()
    ahead: tuple[str, ...] = ()
    files: int = 0
    conflicts: tuple[str, ...] = ()


def push(
    machine: Machine, repository: Path, *, here: Transport, now: datetime, work_tree: bool
) -> Pushed:
    """Send later branches, tags and, with `work_tree`, the tree as it lies.

    A branch moves if the host has it where the source last had it, or behind; a file is written if
    the host has it as some state of the source had it. One that is not so stops all of it.
    here: runs commands on this machine.
    Raises HostError, HostUnreachable, UsageError, MngError.
    """
    if work_tree and git.is_bare(repository):
        raise UsageError(
            f"the source {str(repository)!r} is a bare repository: it has no work tree",
            hint="mng push without --work-tree",
        )
    heard = remote.check(machine, remote.run_script(machine, remote.script(*_BASE, "heard")))
    there = dict(line.split(" ", 1)[::-1] for line in os.fsdecode(heard.stdout).split("\n") if line)
    refs = _refs(repository)
    known = all(there.get(f"refs/mng/source/{name[5:]}") == id_ for name, id_ in refs.items())
    if known and not work_tree:
        return Pushed()
    with tempfile.TemporaryFile(buffering=0) as pack:
        lying = _pack(repository, set(there.values()), refs, pack, here, now) if work_tree else ""
        if not work_tree:
            _pack_refs(repository, set(there.values()), refs, pack)
        if pack.seek(0, os.SEEK_END):
            pack.seek(0)
            text = remote.script(*_BASE, "take")
            remote.check(machine, remote.run_script(machine, text, stdin=cast(BinaryIO, pack)))
    branch = git.ask_git(repository, "symbolic-ref", "-q", "HEAD") or ""
    orders = [f"branch {branch}", *(f"ref {id_} {name}" for name, id_ in refs.items())]
    orders += [f"work {lying}"] if lying else []
    done = remote.run_script(
        machine, remote.script(*_PUSHES),
        stdin=os.fsencode("".join(f"{order}\n" for order in orders)),
    )  # fmt: skip
    return _read(os.fsdecode(remote.check(machine, done).stdout))


_BASE = ("common", "git", "snapshot")
_PUSHES = (*_BASE, "save_nested", "converted", "replace", "push")


def _refs(repository: Path) -> dict[str, str]:
    form = "--format=%(refname) %(objectname)"
    listed = git.run_git(repository, "for-each-ref", form, "refs/heads", "refs/tags")
    return dict(line.split(" ", 1) for line in os.fsdecode(listed).split("\n") if line)


def _pack_refs(repository: Path, there: set[str], refs: dict[str, str], pack: object) -> None:
    """All that the refs reach, without what the host has."""
    tips = "".join(f"{id_}\n" for id_ in refs.values() if id_ not in there)
    if not tips:
        return
    asked = tips + "".join(f"^{id_}\n" for id_ in _known(repository, there))
    packing = git.start_git(
        repository, "pack-objects", "--revs", "--stdout", "--thin", "--delta-base-offset", "-q",
        stdin=subprocess.PIPE, stdout=pack,
    )  # fmt: skip
    packing.communicate(asked.encode())
    if packing.returncode:
        raise HostError(f"can't read {str(repository)!r}")


def _known(repository: Path, there: set[str]) -> list[str]:
    """Of the host's commits, those that are here too."""
    asked = "".join(f"{id_}\n" for id_ in there).encode()
    found = git.run_git(repository, "cat-file", "--batch-check", stdin=asked).decode()
    lines = (line.split(" ") for line in found.splitlines())
    return [words[0] for words in lines if words[1] in ("commit", "tag")]


def _pack(
    repository: Path, there: set[str], refs: dict[str, str], pack: object, here: Transport,
    now: datetime,
) -> str:  # fmt: skip
    """The same with the work tree as it lies: the commit of that. Nothing of the user's changes,
    for the script that looks at a host's tree looks at this one from a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "id").write_text("here")
        mine = Machine(here, home, str(repository), "here", local=True)
        known = "".join(f"{id_}\n" for id_ in there).encode()
        args = ("the work tree as it came", str(int(now.timestamp())), "sync")
        done = remote.run_script(
            mine, remote.script(*SENDS), *args, stdin=known, stdout=cast(BinaryIO, pack)
        )
        report = read_report(remote.check(mine, done))
    refs |= {f"refs/{name}": id_ for name, id_ in report.refs.items() if name[:5] in _SENT}
    return report.refs.get("plain", "")


_SENT = ("heads", "tags/")


def _read(said: str) -> Pushed:
    moved, ahead, conflicts, files = [], [], [], 0
    for line in said.split("\n"):
        match line.split(" "):
            case ["moved", name, old, new]:
                moved.append((name, "" if old == "-" else old, new))
            case ["ahead", name]:
                ahead.append(name)
            case ["files", number]:
                files = int(number)
            case ["conflict", *words]:
                conflicts.append(" ".join(words))
    return Pushed(tuple(moved), tuple(ahead), files, tuple(conflicts))
