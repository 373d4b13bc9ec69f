"""A place of its own for each test: a home, a repository, a team, and nothing left afterwards."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil

from tests import warm
from tests.tmux.waiting import eventually, whole_lines

HERE = Path(__file__).parent
PARTS = 4  # in which a command is killed at many points, each spread over its whole run
AT_ONCE = 8  # places in use at the same time; most of their time is waiting
LEFT = (
    ".new-*", ".old-*", "work.tmp-*", "*.part", ".gone.*", ".put*", ".saving-*", "save.tmp-*",
    "work.next", "setup.next", "closing", "sealed",
)  # fmt: skip
IDENTITY = "[user]\n name = U\n email = u@example.invalid\n[init]\n defaultBranch = main\n"

_NUMBERS = itertools.count()

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    status: int
    said: str


class Place:
    """Real commands in a world of their own, whose hosts are on this machine."""

    provider = "local"

    def __init__(self, root: Path) -> None:
        self.root, self.home, self.repo = root, root / "m", root / "repo"
        self.said, self.file = root / "said", root / "team.yaml"
        for directory in (self.said, self.repo, root / "user"):
            directory.mkdir()
        (root / "user" / ".gitconfig").write_text(IDENTITY)
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(root / "user"), "MNG_HOME": str(self.home),
            "LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1", "PYTHONPATH": str(HERE.parents[1]),
        }  # fmt: skip
        (self.repo / "first.txt").write_text("the first file\n")
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "first")
        (self.repo / "new.txt").write_text("not committed\n")

    # The team

    def talker(self, name: str) -> list[str]:
        """The command of an agent that notes what it is told."""
        return [sys.executable, "-S", "-E", str(HERE / "talker.py"), str(self.said / name)]

    def team(self, agents: int, messages: int, **more: object) -> dict[str, list[str]]:
        """Write a file with so many agents on one host; what each is to be told. JSON is YAML."""
        told = {
            f"a{one}": [f"agent {one}\nmessage {number}" for number in range(messages)]
            for one in range(agents)
        }
        document = {
            "name": "crash",
            "hosts": {"box": self.host(**more)},
            "agents": {
                name: {"type": "command", "command": self.talker(name), "messages": texts}
                for name, texts in told.items()
            },
        }
        self.file.write_text(json.dumps(document))
        return told

    def host(self, **more: object) -> dict[str, object]:
        """What the file says of the host."""
        return {"source": str(self.repo), **more}

    def at(self, host: str) -> str:
        """A host's address, for commands that make it."""
        return f"{host}.{self.provider}"

    def heard(self, agent: str) -> list[str]:
        """What an agent was told, over all of its incarnations."""
        path = self.said / agent
        lines = whole_lines(path.read_text()) if path.exists() else []
        return [str(json.loads(line)) for line in lines]

    # Commands

    def git(self, *argv: str, cwd: Path | None = None) -> str:
        command = ["git", *argv]
        done = subprocess.run(
            command, cwd=cwd or self.repo, env=self.env, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def start(self, *argv: object, program: Path | None = None) -> Running:
        """mng in a session of its own, so that its whole group can be killed."""
        path = self.root / f"out-{next(_NUMBERS)}"
        with path.open("wb") as out, Path(os.devnull).open("rb") as null:
            process = warm.Command(
                list(map(str, argv)), cwd=self.repo, env=self.env, program=program,
                streams=[null.fileno(), out.fileno(), out.fileno()],
            )  # fmt: skip
        return Running(process, path)

    def mng(self, *argv: object, program: Path | None = None) -> Done:
        return self.start(*argv, program=program).end()

    def must(self, *argv: object) -> str:
        done = self.mng(*argv)
        assert done.status == 0, done.said
        return done.said

    def tmux(self, *argv: str) -> list[str]:
        command = ["tmux", "-u", "-S", str(self.home / "hosts" / "box" / "tmux"), *argv]
        done = subprocess.run(command, env=self.env, capture_output=True, check=False)
        return done.stdout.decode().splitlines()

    def on_host(self, script: str) -> str | None:
        """What a shell text prints in the work tree of `box`; None where there is none."""
        work = self.home / "hosts" / "box" / "work"
        if not work.is_dir():
            return None
        done = subprocess.run(
            ["sh", "-c", script], cwd=work, env=self.env, capture_output=True, check=False
        )
        return done.stdout.decode()

    # What is there

    def hosts(self) -> list[str]:
        """All hosts, and whatever else lies where hosts are."""
        return sorted(path.name for path in (self.home / "hosts").glob("*"))

    def sessions(self) -> list[str]:
        return sorted(self.tmux("list-sessions", "-F", "#{session_name}"))

    def left(self) -> list[str]:
        """What should not be there any more: halves, and buffers with a text in them."""
        found = [str(path) for pattern in LEFT for path in self.home.glob(f"**/{pattern}")]
        return found + self.tmux("list-buffers", "-F", "#{buffer_name}")

    def nothing_there(self) -> bool:
        """No host, nothing of one, and nobody at work."""
        return not self.hosts() and not self.processes()

    def saved(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname)", "refs/mng/saved").split()

    def processes(self) -> list[psutil.Process]:
        """The living processes that belong to this place."""
        return [one for one in psutil.process_iter() if one.pid != os.getpid() and self._mine(one)]

    def _mine(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            places = [process.cwd(), *process.cmdline(), *process.environ().values()]
        except (psutil.Error, OSError):
            return False
        return any(str(self.root) in place for place in places)

    def settled(self) -> bool:
        """No script is left running; those of a killed mng go on to their end."""
        return not any(_is_script(one) for one in self.processes())

    def close(self) -> None:
        """End every tmux server of this place; then no process of it may be left."""
        for socket in self.home.glob("hosts/**/tmux"):
            subprocess.run(["tmux", "-S", str(socket), "kill-server"], capture_output=True)
        try:
            eventually(lambda: not self.processes(), timeout=20)
        finally:
            for process in self.processes():
                with contextlib.suppress(psutil.Error):
                    process.kill()


def _is_script(process: psutil.Process) -> bool:
    try:
        command = process.cmdline()
    except psutil.Error:
        return False
    return command[:2] == ["sh", "-c"] and "mng" in command[3:4]


@dataclass
class Running:
    """A command that runs."""

    process: warm.Command
    out: Path

    def end(self, timeout: float = 120.0) -> Done:
        """Wait for it. Whatever happens, nobody is shown a traceback."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill(whole=True)
            raise
        said = self.out.read_text(errors="replace")
        assert "Traceback" not in said, said
        return Done(status, said)

    def kill(self, *, whole: bool) -> None:
        """SIGKILL: mng alone, or with every process that it has started."""
        with contextlib.suppress(psutil.Error, ProcessLookupError):
            if whole:
                os.kill(self.process.pid, signal.SIGSTOP)  # so that it starts no more of them
                children = psutil.Process(self.process.pid).children(recursive=True)
                os.killpg(self.process.pid, signal.SIGKILL)
                for child in children:
                    with contextlib.suppress(psutil.Error):
                        child.kill()
            else:
                os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass(frozen=True)
class Ground:
    """Where places are: what makes them, by the provider of their hosts."""

    provider: str
    make: Callable[[Path], Place]


@contextlib.contextmanager
def a_place(ground: Ground) -> Iterator[Place]:
    """In a short directory, since a socket's path may have no more than 107 bytes."""
    root = Path(tempfile.mkdtemp(prefix="mng-"))
    place = ground.make(root)
    try:
        yield place
    finally:
        try:
            place.close()
        finally:
            shutil.rmtree(root, ignore_errors=True)


def in_places(ground: Ground, work: Callable[[Place, T], R], items: Sequence[T]) -> list[R]:
    """Do it for each item in a place of its own, several at once; the first failure is raised."""

    def one(item: T) -> R:
        with a_place(ground) as place:
            try:
                return work(place, item)
            except AssertionError as error:
                raise AssertionError(f"at {item}: {error}") from error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, items))
