"""The user's tree to a host: history by git, the rest exactly as it lies, in one round trip."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import BinaryIO

from mng.errors import MngError, UsageError
from mng.model.transport import Machine
from mng.work import git
from mng.work.remote import check, run_script, script
from mng.work.saved import find_saved, is_state, opened, pick_saved
from mng.work.source import Part, excludes, repository_of, scan, walk
from mng.work.stream import Parcel, Producer


def bring_in(
    machine: Machine,
    source: str | None,
    *,
    restored: str | None = None,
    archive: Path | None = None,
    say: Callable[[str], None],
) -> None:
    """Make the host's work tree from a repository, a folder, or nothing. Once: later calls do
    nothing, whatever has become of the source.

    source: an absolute path on this machine, or None for an empty repository. restored: HOST/TIME
    of what was saved into the source, or into archive, and is to lie there as it lay.
    Raises HostError, HostUnreachable, MngError if the source can't be read.
    Source: git-read-tree(1), git-checkout-index(1), git-pack-objects(1).
    """
    notes: list[str] = []
    load = _Load(machine, source, notes.append, restored, archive)
    producer = Producer(load.write)
    try:
        done = run_script(
            machine,
            script("common", "git", "snapshot", "save_nested", "inward"),
            stdin=producer.reader,
        )
    finally:
        error = producer.close()
    if error is not None and done.status != 0:
        if isinstance(error, MngError):
            raise error
        raise MngError(f"can't read {source!r}: {error}") from error
    check(machine, done)
    for note in notes:
        say(note)


class _Load:
    """What `inward.sh` reads; it says what each member is for."""

    def __init__(
        self, machine: Machine, source: str | None, note: Callable[[str], None],
        restored: str | None, archive: Path | None,
    ) -> None:  # fmt: skip
        self._machine = machine
        self._source = source
        self._note = note
        self._restored, self._archive = restored, archive

    def write(self, out: BinaryIO) -> None:
        with Parcel(out) as parcel:
            if self._restored is not None:
                self._saved_work(parcel, self._restored)
                return
            if self._source is None:
                self._about(parcel, "none", "main", "")
                return
            source = Path(self._source)
            if not source.is_dir():
                raise UsageError(f"the source {self._source!r} is no directory")
            root = repository_of(source)
            if root is None:
                self._folder(parcel, source)
            else:
                self._repository(parcel, source, root)

    def _about(self, parcel: Parcel, kind: str, branch: str, prefix: str) -> None:
        facts = json.dumps({"branch": branch, "prefix": prefix, "kind": kind})
        parcel.text("kind", f"{kind}\n")
        parcel.text("facts", facts[1:-1])  # the host puts its base before it
        parcel.text("prefix", prefix)

    def _folder(self, parcel: Parcel, folder: Path) -> None:
        self._about(parcel, "folder", "main", "")
        for name in walk(folder, self._hidden, self._note):
            parcel.path(f"tree/{name}", folder / name)

    def _repository(self, parcel: Parcel, source: Path, root: Path) -> None:
        prefix = git.ask_git(source, "rev-parse", "--show-prefix") or ""
        for number, part in enumerate(scan(root, self._hidden, self._note)):
            if number == 0:
                self._about(parcel, "git", part.branch, prefix)
            self._part(parcel, f"repo/{number:04}", part)

    def _saved_work(self, parcel: Parcel, name: str) -> None:
        own = repository_of(Path(self._source)) if self._source else None
        found = pick_saved(find_saved(own, self._archive), name)
        with opened(found, own) as (repository, saved):
            refs = saved.refs
            self._about(parcel, "git", saved.branch, saved.prefix)
            parcel.text("repo/0000/path", "")
            parcel.text("repo/0000/base", f"{refs.get('HEAD', '')}\n")
            parcel.text("repo/0000/branch", f"{saved.branch}\n")
            parcel.data("repo/0000/exclude", excludes(repository) if own else b"")
            named = [
                f"{id_} refs/{ref.removeprefix('other/')}"
                for ref, id_ in refs.items()
                if not is_state(ref)
            ]
            _send_history(parcel, "repo/0000", repository, named, refs.values())
            states = (f"{id_} {ref}\n" for ref, id_ in refs.items() if is_state(ref))
            parcel.data("restored", os.fsencode("".join(states)))

    def _part(self, parcel: Parcel, name: str, part: Part) -> None:
        parcel.text(f"{name}/path", part.path)
        parcel.text(f"{name}/base", f"{part.base}\n")
        parcel.text(f"{name}/branch", f"{part.branch}\n")
        if part.clean is not None:
            parcel.data(f"{name}/clean", b"".join(os.fsencode(path) + b"\0" for path in part.clean))
        parcel.data(f"{name}/exclude", excludes(part.root))
        if part.submodule:
            parcel.text(f"{name}/submodule", "")
        if self._machine.local:
            parcel.text(f"{name}/source", str(part.root))
        else:
            form = "--format=%(objectname) %(refname)"
            refs = git.run_git(part.root, "for-each-ref", form, "refs/heads", "refs/tags")
            named = os.fsdecode(refs).split("\n")[:-1]
            tips = [line.partition(" ")[0] for line in named]
            _send_history(parcel, name, part.root, named, [*tips, part.base] if part.base else tips)
        below = f"tree/{part.path}" if part.path else "tree"
        for file in part.files:
            parcel.path(f"{below}/{file}", part.root / file)

    def _hidden(self, path: Path) -> bool:
        """Where hosts and their trees live, if that is inside of the source."""
        if not self._machine.local:
            return False
        text, work, home = str(path), self._machine.work_dir, self._machine.home
        if os.path.basename(os.path.dirname(home)) == "hosts":
            home = os.path.dirname(home)
        return text.startswith(f"{work}.tmp-") or any(
            text == own or text.startswith(own + "/") for own in (work, home)
        )


def _send_history(
    parcel: Parcel, name: str, root: Path, refs: Iterable[str], tips: Collection[str]
) -> None:
    """Refs, as `ID NAME`, and all that the tips reach, as one pack."""
    shallow = root / (git.ask_git(root, "rev-parse", "--git-path", "shallow") or "")
    parcel.data(f"{name}/refs", os.fsencode("".join(f"{line}\n" for line in refs)))
    parcel.text(f"{name}/format", git.ask_git(root, "rev-parse", "--show-object-format") or "sha1")
    if shallow.is_file():
        parcel.data(f"{name}/shallow", shallow.read_bytes())
    if not tips:
        return
    with tempfile.TemporaryFile() as asked, tempfile.TemporaryFile() as complaints:
        asked.write("".join(f"{tip}\n" for tip in tips).encode())
        asked.seek(0)
        packing = git.start_git(
            root, "pack-objects", "--revs", "--stdout", "--delta-base-offset", "-q",
            stdin=asked, stdout=subprocess.PIPE, stderr=complaints,
        )  # fmt: skip
        assert packing.stdout is not None
        try:
            parcel.chunks(f"{name}/pack", packing.stdout)
        finally:
            packing.stdout.close()
            status = packing.wait()
        if status != 0:
            complaints.seek(0)
            raise MngError(f"can't read {str(root)!r}: {git.last_line(complaints.read())}")
