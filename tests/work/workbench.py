"""Real repositories, and a host that is a directory of this machine, for the tests of `work`."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from mng.errors import HostUnreachable
from mng.model.name import HostName
from mng.model.transport import Completed, Machine
from mng.work.inward import bring_in
from mng.work.save import Saved, save

MARK = "0123456789abcdef"
HOST = HostName("local", "h")
NOW = datetime(2026, 11, 23, 20, 45, tzinfo=UTC)
PREFIX = "refs/mng/saved/h/20261123T204500Z"


class Shell:
    """A transport that runs commands here, with a given shell for `sh`."""

    def __init__(self, shell: str = "dash", env: dict[str, str] | None = None) -> None:
        self.shell = shell
        self.env = env

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | BinaryIO = b"",
        stdout: BinaryIO | None = None,
        stderr: BinaryIO | None = None,
        timeout: float | None = None,
    ) -> Completed:
        program = self.shell if argv[0] == "sh" else argv[0]
        data: dict[str, Any] = {"input" if isinstance(stdin, bytes) else "stdin": stdin}
        try:
            done: subprocess.CompletedProcess[bytes] = subprocess.run(
                [program, *argv[1:]], stdout=stdout or subprocess.PIPE,
                stderr=stderr or subprocess.PIPE, timeout=timeout, env=self.env, check=False,
                **data,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise HostUnreachable("no answer in time") from error
        return Completed(done.returncode, done.stdout or b"", done.stderr or b"")

    def attach(self, argv: Sequence[str]) -> int:
        raise NotImplementedError


def a_machine(home: Path, *, local: bool = True, shell: str = "dash") -> Machine:
    home.mkdir(parents=True, exist_ok=True)
    (home / "id").write_text(MARK)
    return Machine(Shell(shell), str(home), str(home / "work"), MARK, local)


def run(where: Path, *command: str) -> str:
    """A command that must succeed, as the user or an agent would type it; what it prints."""
    done = subprocess.run(command, cwd=where, capture_output=True, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return os.fsdecode(done.stdout).rstrip("\n")


def sh(where: Path, text: str) -> str:
    return run(where, "sh", "-ec", text)


def a_repository(path: Path) -> Path:
    """Two branches, a tag, and every kind of thing that is not committed."""
    path.mkdir(parents=True)
    sh(
        path,
        r"""
        git init -q -b main
        for n in 1 2 3 4; do echo "file $n" >"f$n"; done
        echo '*.log' >.gitignore
        mkdir -p src/deep; echo 'print(1)' >src/deep/a.py; chmod +x src/deep/a.py
        ln -s deep/a.py src/link
        git add -A; git commit -qm one; git tag v1; git tag -a v2 -m annotated
        git branch other; echo more >>f1; git commit -qam two
        """,
    )
    return path


def make_dirty(path: Path) -> None:
    """Staged, changed, deleted, untracked, odd names, modes, links, and a directory for a file."""
    sh(
        path,
        r"""
        echo staged >f2; git add f2; echo 'staged and changed' >>f2
        echo changed >f3; chmod 755 f3
        rm f4; mkdir f4; echo 'inside' >f4/in
        git rm -q --cached src/deep/a.py
        printf 'tool\n' >'with space'; chmod 750 'with space'
        printf x >'new
line'; printf y >"$(printf 'caf\303\251 \377 raw')"; : >empty; printf 'a\0b' >binary
        ln -s /nowhere dangling; ln -sf deep src/link
        mkdir 'dir with space'; echo z >'dir with space/- z'; echo q >"quote\"'\\"
        echo ignored >run.log
        """,
    )


def tree_of(path: Path) -> dict[bytes, tuple[str, str]]:
    """Every file and link below a directory but .git and ignored ones: its mode and its content."""
    found = {}
    top = os.fsencode(path)
    for at, folders, files in os.walk(top):
        folders[:] = [name for name in folders if name != b".git"]
        links = [name for name in folders if os.path.islink(os.path.join(at, name))]
        for name in files + links:
            full = os.path.join(at, name)
            if name == b".git" or name.endswith(b".log"):
                continue
            mode = os.lstat(full).st_mode
            if stat.S_ISLNK(mode):
                found[os.path.relpath(full, top)] = ("link", os.fsdecode(os.readlink(full)))
            else:
                with open(full, "rb") as file:
                    digest = hashlib.sha256(file.read()).hexdigest()
                found[os.path.relpath(full, top)] = (oct(mode & 0o777), digest)
    return found


def everything(path: Path) -> dict[str, tuple[str, int]]:
    """Every file below a directory, .git included, with its content and time: has it been touched?

    But no times of objects: git renews one when it is to write what is there already.
    """
    return {
        os.fsdecode(os.path.relpath(at, path)): (
            hashlib.sha256(at.read_bytes()).hexdigest() if at.is_file() else "",
            0 if "objects" in at.parts else at.lstat().st_mtime_ns,
        )
        for at in sorted(path.rglob("*"))
        if not at.is_symlink() and not at.is_dir()
    }


def refs_of(path: Path, *patterns: str) -> dict[str, str]:
    listed = run(path, "git", "for-each-ref", "--format=%(refname) %(objectname)", *patterns)
    return dict(line.split(" ", 1) for line in listed.split("\n") if line)


def work_of(machine: Machine) -> Path:
    return Path(machine.work_dir)


def status(path: Path) -> str:
    return run(path, "git", "status", "--porcelain", "-z", "-uall")


def quiet(words: str) -> None:
    pass


class Desk:
    """A source, a host with its work tree, and the save of it."""

    def __init__(self, base: Path, *, local: bool = True, shell: str = "dash") -> None:
        self.base = base
        self.source = a_repository(base / "source")
        self.machine = a_machine(base / "home", local=local, shell=shell)
        self.work = Path(self.machine.work_dir)
        bring_in(self.machine, str(self.source), say=quiet)

    def save(self, source: Path | None = None) -> Saved:
        at = str(source or self.source)
        return save(self.machine, HOST, at, self.base / "archive", now=NOW, say=print)

    def checked_out(self, ref: str, name: str = "out") -> Path:
        """A saved commit as files."""
        out = self.base / name
        run(self.source, "git", "worktree", "add", "-q", "--detach", str(out), ref)
        return out


def work_hard(work: Path) -> None:
    """Two branches with new commits, a tag, two stash entries, and all sorts of changes."""
    sh(
        work,
        """
        echo 1 >on-main; git add .; git commit -qm 'on main'
        git checkout -q other; echo 2 >on-other; git add .; git commit -qm 'on other'
        git checkout -q -b third; git tag new-tag; git tag -a noted -m noted
        git notes add -m 'a note'
        echo stash1 >f1; git stash -q; echo stash2 >f2; echo u >untracked; git stash -qu
        git checkout -q main
        """,
    )
    make_dirty(work)
