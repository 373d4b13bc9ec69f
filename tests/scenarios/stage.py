"""A stage: one test's own home, repository and mng, and nothing of them left afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests import warm
from tests.tmux.waiting import eventually, whole_lines

PROGRAMS = Path(__file__).with_name("programs")
IDENTITY = "[user]\n name = U\n email = u@example.invalid\n[init]\n defaultBranch = main\n"


@dataclass(frozen=True)
class Done:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return self.out + self.err


def demo(*messages: object, **more: object) -> dict[str, object]:
    """A demo agent that is done with a message at once."""
    told = {"messages": list(messages)} if messages else {}
    return {"type": "demo", "args": ["--busy", "0"], **told, **more}


def runs(command: object, *messages: object, **more: object) -> dict[str, object]:
    """An agent of type command."""
    told = {"messages": list(messages)} if messages else {}
    return {"type": "command", "command": command, **told, **more}


def program(name: str, *args: object) -> list[str]:
    """The command line of one of the programs that lie beside the tests, on any host."""
    return ["python3", "-c", (PROGRAMS / f"{name}.py").read_text(), *map(str, args)]


class Stage:
    """Real commands in a world of their own, whose hosts are on this machine."""

    provider = "local"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home, self.user, self.repo = root / "m", root / "u", root / "repo"
        self.commands: list[subprocess.Popen[bytes]] = []
        self.frozen: list[int] = []
        self.user.mkdir()
        (self.user / ".gitconfig").write_text(IDENTITY)
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(self.user), "MNG_HOME": str(self.home),
            "LANG": "C.UTF-8", "TERM": "xterm-256color", "GIT_CONFIG_NOSYSTEM": "1",
        }  # fmt: skip
        self.make_repository(self.repo)

    # The user's side

    def make_repository(self, path: Path, *, files: int = 1) -> None:
        """A repository with one commit of so many files."""
        path.mkdir()
        for number in range(files):
            (path / f"file-{number}.txt").write_text(f"the file {number}\n")
        self.git("init", "-q", cwd=path)
        self.git("add", ".", cwd=path)
        self.git("commit", "-q", "-m", "first", cwd=path)

    def git(self, *argv: str, cwd: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *argv], cwd=cwd or self.repo, env=self.env, capture_output=True, check=True
        )
        return done.stdout.decode()

    def team(
        self, agents: Mapping[str, object], *, file: str = "team.yaml",
        host: Mapping[str, object] | None = None,
        hosts: Mapping[str, Mapping[str, object]] | None = None, **more: object,
    ) -> Path:  # fmt: skip
        """A file with these agents on `box`, which works on the repository. JSON is YAML."""
        hosts = hosts or {"box": host or {"source": str(self.repo)}}
        document = {
            "name": "auth",
            "hosts": {name: {"provider": self.provider, **one} for name, one in hosts.items()},
            "agents": agents,
            **more,
        }
        path = self.root / file
        path.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")
        return path

    def at(self, host: str) -> str:
        """A host's address, for commands that make it."""
        return f"{host}.{self.provider}"

    # mng

    def start(
        self, *argv: object, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """mng as a process that goes on beside the test."""
        command = subprocess.Popen(
            [sys.executable, "-m", "mng", *map(str, argv)], cwd=cwd or self.repo,
            env={**self.env, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.commands.append(command)
        return command

    def mng_bytes(
        self, *argv: object, stdin: bytes = b"", cwd: Path | None = None,
        env: Mapping[str, str] | None = None, timeout: float = 90.0,
    ) -> subprocess.CompletedProcess[bytes]:  # fmt: skip
        env = {**self.env, **(env or {})}
        words = list(map(str, argv))
        return warm.run(words, input=stdin, cwd=cwd or self.repo, env=env, timeout=timeout)

    def mng(self, *argv: object, **options: Any) -> Done:
        """Run mng to its end. Options as for mng_bytes. No command ever shows a traceback."""
        done = self.mng_bytes(*argv, **options)
        out, err = (text.decode("utf-8", "replace") for text in (done.stdout, done.stderr))
        assert "Traceback" not in err, err
        return Done(done.returncode, out, err)

    def must(self, *argv: object, **options: Any) -> Done:
        """Run mng, and it has to succeed."""
        done = self.mng(*argv, **options)
        assert done.status == 0, done
        return done

    def up(self, file: Path, *options: object, **more: Any) -> Done:
        return self.mng("up", "-f", file, *options, **more)

    def raised(self, agents: Mapping[str, object], **more: Any) -> Path:
        """The file of a team that is up."""
        file = self.team(agents, **more)
        self.must("up", "-f", file, "--wait")
        return file

    def must_events(self, *argv: object, **options: Any) -> list[dict[str, Any]]:
        """Run mng with `-o json`, and it has to succeed; its events."""
        done = self.must(*argv, **options)
        return [json.loads(line) for line in done.out.splitlines()]

    # What is live

    def listed(self) -> dict[str, Any]:
        done = self.mng("list", "-o", "json")
        assert done.status in (0, 1), done  # 1: a host is unknown
        document: dict[str, Any] = json.loads(done.out)
        return document

    def agents(self) -> dict[str, dict[str, Any]]:
        """The agents by name, as `mng list` tells of them."""
        return {agent["name"]: agent for agent in self.listed()["agents"]}

    def agent(self, name: str) -> dict[str, Any]:
        return self.agents()[name]

    def state(self, name: str) -> str:
        return str(self.agent(name)["state"])

    def pid(self, name: str) -> int:
        return int(self.agent(name)["pid"])

    def host_dir(self, host: str = "box") -> Path:
        return self.home / "hosts" / host

    def on_host(self, script: str, *, host: str = "box") -> str:
        """What a shell text prints in the home of a host, without mng."""
        done = subprocess.run(
            ["sh", "-c", script], cwd=self.host_dir(host), env=self.env, capture_output=True,
            check=True,
        )  # fmt: skip
        return done.stdout.decode("utf-8", "surrogateescape")

    def work_dir(self, host: str = "box") -> str:
        """Where the work tree of a host lies there."""
        return str(self.host_dir(host) / "work")

    def is_there(self, host: str = "box") -> bool:
        """The host has not gone."""
        return self.host_dir(host).exists()

    def told(self, agent: str, *, host: str = "box") -> list[str]:
        """What a demo agent itself says that it was told, in order."""
        text = self.on_host(f"cat agents/{agent}/transcript.jsonl 2>/dev/null || :", host=host)
        entries = [json.loads(line) for line in whole_lines(text)]
        return [entry["text"] for entry in entries if entry["type"] == "user"]

    def notes(self, name: str) -> str:
        """A path of its host at which a program of this test may write."""
        return str(self.root / name)

    def noted(self, name: str) -> bytes:
        """What a program on `box` wrote there; b"" if there is no such file yet."""
        path = self.root / name
        return path.read_bytes() if path.exists() else b""

    def tmux(self, *argv: str, host: str = "box", check: bool = True) -> str:
        """Ask a host's own tmux server, as a user could."""
        else_ = "" if check else " 2>/dev/null || :"
        return self.on_host(f"tmux -u -S tmux {shlex.join(argv)}{else_}", host=host)

    def server(self, host: str = "box") -> int:
        """The process id of a host's tmux server."""
        return int(self.tmux("display-message", "-p", "#{pid}", host=host))

    def signal(self, pid: int, number: signal.Signals, *, host: str = "box") -> None:
        """Send a signal to a process of a host."""
        self.on_host(f"kill -{number.value} {pid}", host=host)

    def alive(self, pid: int, *, host: str = "box") -> bool:
        """A process of a host has not ended."""
        state = self.on_host(f"ps -o stat= -p {pid} || :", host=host).strip()
        return state != "" and not state.startswith("Z")  # one that nobody has waited for yet

    def freeze(self) -> None:
        """Stop the tmux server of `box` until the test ends."""
        self.frozen.append(self.server())
        self.signal(self.frozen[-1], signal.SIGSTOP)

    def thaw(self) -> None:
        while self.frozen:
            self.on_host(f"kill -CONT {self.frozen.pop()} || :")

    # The end

    def saved(self, host: str = "box") -> list[str]:
        """The refs of all that was saved from a host."""
        pattern = f"refs/mng/saved/{host}"
        return self.git("for-each-ref", "--format=%(refname)", pattern).split()

    def processes(self) -> list[psutil.Process]:
        """The living processes that belong to this test, by their environment or their place."""
        return [one for one in psutil.process_iter() if one.pid != os.getpid() and self._mine(one)]

    def running(self, words: str) -> bool:
        """A process of this test has these words on its command line."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if words in " ".join(process.cmdline()):
                    return True
        return False

    def _mine(self, process: psutil.Process) -> bool:
        root = str(self.root)
        try:
            places = [process.cwd()]
            environ = process.environ()
            places += [environ.get(name, "") for name in ("MNG_HOME", "HOME", "MNG_HOST_HOME")]
            return any((place + "/").startswith(root + "/") for place in places)
        except (psutil.Error, OSError):
            return False

    def close(self) -> None:
        """End every tmux server of this home by its socket; then nothing may be left."""
        self.thaw()
        for command in self.commands:
            if command.poll() is None:
                command.kill()
            command.wait()
            for pipe in (command.stdout, command.stderr):
                if pipe:
                    pipe.close()
        for socket in self.home.glob("hosts/*/tmux"):
            subprocess.run(["tmux", "-S", str(socket), "kill-server"], capture_output=True)
        try:
            eventually(lambda: not self.processes(), timeout=10)
        finally:
            for process in self.processes():
                with contextlib.suppress(psutil.Error):
                    process.kill()


@contextlib.contextmanager
def watching(stage: Stage) -> Iterator[Path]:
    """While it lasts, tmux and git first write what they are asked to do into the file yielded."""
    directory, log = stage.root / "bin", stage.root / "calls"
    directory.mkdir(exist_ok=True)
    log.write_text("")
    path = stage.env["PATH"]
    for name in ("tmux", "git"):
        real = _which(name, path)
        wrapper = directory / name
        wrapper.write_text(
            f"#!/bin/sh\n{{ printf '{name}'; printf '\\037%s' \"$@\"; echo; }} >>'{log}'\n"
            f'exec {real} "$@"\n'
        )
        wrapper.chmod(0o755)
    stage.env["PATH"] = f"{directory}:{path}"
    try:
        yield log
    finally:
        stage.env["PATH"] = path


def _which(name: str, path: str) -> str:
    found = shutil.which(name, path=path)
    assert found, name
    return found


def snapshot(*roots: Path) -> dict[str, tuple[int, int, int]]:
    """Every file and directory below: when it was changed, its size, its inode."""
    seen = {}
    for root in roots:
        for path in (root, *root.rglob("*")):
            stat = path.lstat()
            seen[str(path)] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
    return seen
