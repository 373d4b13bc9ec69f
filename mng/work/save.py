"""Work out of a host before the host goes: into the source repository, or into an archive."""

from __future__ import annotations

import gzip
import json
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from mng.errors import HostError, MngError, SaveFailed
from mng.model.name import HostName
from mng.model.transport import Machine
from mng.work import git, remote
from mng.work.draft import Draft, free_names
from mng.work.receive import SENDS, Broken, Report, read_report, receive
from mng.work.saved import PULLED, SAVED, STAMP
from mng.work.source import repository_of
from mng.work.stream import CHUNK


@dataclass(frozen=True, slots=True)
class _Job:
    machine: Machine
    host: HostName
    keep: Sequence[str]
    agents: Sequence[str]
    now: datetime
    say: Callable[[str], None]

    @property
    def stamp(self) -> str:
        return f"{self.now.astimezone(UTC):{STAMP}}"

    def receive(self, repository: Path, known: bytes | None = None) -> Report:
        label = _label(self.host, self.now)
        report = receive(self.machine, repository, label, now=self.now, known=known, keep=self.keep)
        if report.refs:
            self.say(f"saving {_words(report)}")
        return report

    def about(self, repository: Path, report: Report) -> str:
        """A blob that tells what the refs can't."""
        came = remote.facts(self.machine)
        facts = {
            "host": str(self.host), "agents": list(self.agents), "branch": report.branch,
            "commits": report.commits, "dirty": report.dirty,
            "prefix": came.prefix if came else "",
        }  # fmt: skip
        text = json.dumps(facts).encode()
        return git.run_git(repository, "hash-object", "-w", "--stdin", stdin=text).decode().strip()


@dataclass(frozen=True, slots=True)
class Saved:
    """Where a host's work is. `place`: the refs' common prefix, a file, or words for nothing.

    refs: full names; none in an archive of files. commits: those that the source did not have.
    dirty: files that were not committed, or all that an archive of files holds. known: names of
    what is safe now, a line each; None where git could not tell.
    """

    place: str
    refs: tuple[str, ...]
    commits: int
    dirty: int
    known: bytes | None = field(default=None, compare=False, repr=False)


def save(
    machine: Machine,
    host: HostName,
    source: str | None,
    archive_dir: Path,
    *,
    keep: Sequence[str] = (),
    agents: Sequence[str] = (),
    now: datetime,
    say: Callable[[str], None],
) -> Saved:
    """Bring everything that would be lost with a host to this machine, and read it back.

    Branches, tags, notes, stash entries, HEAD, and what is staged, changed or untracked, of every
    work tree and nested repository; of what git ignores, the paths in keep. agents: whose work it
    is, for the record. It goes to
    refs/mng/saved/HOST/TIME/ of the source repository; without one, to a bundle in
    archive_dir/HOST; and if git can't read the host's repository, every file to a tar.gz there.
    The host is left as it was.
    Raises SaveFailed, and then the host must stay.
    """
    job = _Job(machine, host, keep, agents, now, say)
    folder = archive_dir / host.name
    try:
        repository = _repository(machine, source)
        try:
            if repository is not None:
                return _into_repository(job, repository)
            return _into_bundle(job, folder)
        except Broken as error:
            say(f"git can't save the work on {host} ({error}): saving all of its files instead")
            return _into_tar(job, folder)
    except (MngError, OSError) as error:
        hint = f"mend that and repeat, or give the work up: --discard-work {host.name}"
        raise SaveFailed(f"the work on {host} can't be saved: {error}", hint=hint) from error


def _repository(machine: Machine, source: str | None) -> Path | None:
    """The repository to save into; None where the work never had one."""
    if source is None:
        return None
    if not Path(source).is_dir():
        raise SaveFailed(f"its source {source!r} is not there")
    found = repository_of(Path(source))
    came = remote.facts(machine)
    if found is None and came is not None and came.kind == "git":
        raise SaveFailed(f"its source {source!r} is no git repository any more")
    return found  # its top: from below it, index-pack does not find what a thin pack builds on


def _label(host: HostName, now: datetime) -> str:
    return f"{host} at {now.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _into_repository(job: _Job, repository: Path) -> Saved:
    known = _known_to_both(job.machine, repository)
    report = job.receive(repository, known)
    if not report.refs:
        return _nothing(report, known)
    names = free_names(f"{SAVED}{job.host.name}/{job.stamp}")
    prefix = next(name for name in names if not _has_refs(repository, name))
    made = {f"{prefix}/{name}": id_ for name, id_ in report.refs.items()}
    _create_refs(repository, made | {f"{prefix}/about": job.about(repository, report)})
    return Saved(prefix, tuple(made), report.commits, report.dirty, known + _lines(made))


def _known_to_both(machine: Machine, repository: Path) -> bytes:
    """Commits that a lasting ref of the source reaches: what the host need not send, if it has
    them."""
    known = [id_ for id_, _ in _lasting(repository)]
    came = remote.facts(machine)
    if came is not None and came.base:
        with suppress(git.GitFailed):  # the source may have dropped it
            if any(_lasting(repository, f"--contains={came.base}")):
                known.append(came.base)
    return "".join(f"{id_}\n" for id_ in known).encode()


def _lasting(repository: Path, *options: str) -> Iterator[tuple[str, str]]:
    """Ids and names of refs, but of those that `pull` made, for the next pull may move them."""
    form = "--format=%(objectname) %(refname)"
    for line in os.fsdecode(git.run_git(repository, "for-each-ref", form, *options)).split("\n"):
        id_, _, name = line.partition(" ")
        ours = name.startswith((PULLED, "refs/mng/")) and not name.startswith(SAVED)
        if id_ and not ours:
            yield id_, name


def _has_refs(repository: Path, prefix: str) -> bool:
    return bool(git.run_git(repository, "for-each-ref", "--count=1", prefix))


def _create_refs(repository: Path, refs: dict[str, str]) -> None:
    """Make all refs or none, then read them back."""
    orders = "".join(f"create {name} {id_}\n" for name, id_ in refs.items())
    git.run_git(repository, "update-ref", "--stdin", stdin=os.fsencode(orders))
    found = git.run_git(repository, "for-each-ref", "--format=%(refname) %(objectname)")
    there = dict(line.split(" ") for line in os.fsdecode(found).split("\n")[:-1])
    wrong = [name for name, id_ in refs.items() if there.get(name) != id_]
    if wrong:
        raise SaveFailed(f"{wrong[0]} is not what was written")


def _into_bundle(job: _Job, folder: Path) -> Saved:
    """A bundle that `git clone` understands: the host's branches and tags under their own names."""
    with Draft(folder, job.stamp, ".bundle") as draft:
        repository = draft.path / "repository"
        git.run_git(draft.path, "init", "-q", "--bare", "--template=", "repository")
        report = job.receive(repository)
        if not report.refs:
            return _nothing(report, b"")
        if report.shallow:
            raise Broken("its history is shallow, and there is no source that has the rest")
        own = ("heads/", "tags/", "notes/")
        refs = {
            f"refs/{name}" if name.startswith(own) else f"refs/mng/{name}": id_
            for name, id_ in report.refs.items()
        }
        _create_refs(repository, refs | {"refs/mng/about": job.about(repository, report)})
        head = report.refs.get("HEAD")
        if head:
            git.run_git(repository, "update-ref", "--no-deref", "HEAD", head)
        bundle = draft.path / "bundle"
        tips = ["--all", "HEAD"] if head else ["--all"]
        git.run_git(repository, "bundle", "create", "-q", str(bundle), *tips)
        git.run_git(repository, "bundle", "verify", "-q", str(bundle))
        heads = os.fsdecode(git.run_git(repository, "bundle", "list-heads", str(bundle)))
        there = {name: id_ for id_, name in (line.split(" ") for line in heads.split("\n")[:-1])}
        if any(there.get(name) != id_ for name, id_ in refs.items()):
            raise SaveFailed("the bundle does not hold what was written")
        place = draft.publish(bundle)
    return Saved(str(place), tuple(refs), report.commits, report.dirty, _lines(refs))


def _into_tar(job: _Job, folder: Path) -> Saved:
    """Every file of the work tree, ignored ones and the broken .git included."""
    text = remote.script("common", "git", "save_files")
    with Draft(folder, job.stamp, ".tar.gz") as draft:
        archive = draft.path / "archive"
        with archive.open("wb") as file:
            done = remote.run_script(job.machine, text, stdout=file)
        remote.check(job.machine, done)
        sent = int(done.stderr.decode().partition("= files ")[2].split()[0])
        found = _count(archive)
        if found != sent:
            raise SaveFailed(f"the archive holds {found} files instead of {sent}")
        return Saved(str(draft.publish(archive)), (), 0, found)


def _count(archive: Path) -> int:
    """How many members an archive has, read to its last byte, for there its checksum is."""
    found = 0
    with gzip.open(archive) as plain, tarfile.open(fileobj=plain, mode="r|") as tar:
        while tar.next() is not None:
            found += 1
            tar.members.clear()  # type: ignore[attr-defined]  # else it would remember every one
        while plain.read(CHUNK):
            pass
    return found


def _lines(refs: dict[str, str]) -> bytes:
    return "".join(f"{id_}\n" for id_ in refs.values()).encode()


def changed_since(
    machine: Machine, host: HostName, saved: Saved, *, keep: Sequence[str] = (), now: datetime
) -> bool:
    """Whether the host holds what was not there when it was saved, at the same `now`.

    Raises HostError, HostUnreachable.
    """
    if saved.known is None:
        return False
    mode = "thin" if saved.known else "whole"  # without a source, what came in is nothing new
    args = (_label(host, now), str(int(now.timestamp())), mode, *keep)
    with open(os.devnull, "wb") as nowhere:
        done = remote.run_script(
            machine, remote.script(*SENDS), *args, stdin=saved.known, stdout=nowhere
        )
    return read_report(remote.check(machine, done)).new


def _nothing(report: Report, known: bytes) -> Saved:
    place = "nothing to save" if report.tree else "nothing to save: the work tree is gone"
    return Saved(place, (), 0, 0, known)


def _words(report: Report) -> str:
    branch = f" on {report.branch}" if report.branch else ""
    return f"{report.commits} new commits, {report.dirty} uncommitted files{branch}"


@dataclass(frozen=True, slots=True)
class WorkState:
    """What a work tree holds now. `branch`: the commit where none is out, "" without a tree.

    dirty: files not committed. ahead: commits that were made since the tree came in.
    """

    branch: str
    dirty: int
    ahead: int


def summary(machine: Machine) -> WorkState:
    """A cheap look at what a destruction would have to save. Raises HostError, HostUnreachable."""
    text = remote.script("common", "git", "summary")
    done = remote.check(machine, remote.run_script(machine, text))
    lines = done.stdout.decode(errors="replace").split("\n")
    if len(lines) < 3:
        return WorkState("", 0, 0)
    try:
        return WorkState(lines[0], int(lines[1]), int(lines[2] or 0))
    except ValueError as error:
        raise HostError(f"can't read the work tree {machine.work_dir}") from error
