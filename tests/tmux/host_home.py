"""A host's home, a real tmux server in it, and its scripts called as mng calls them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import psutil

from mng.agents import remote
from mng.agents.command import KIND as COMMAND
from mng.agents.kind import Launch
from mng.agents.sight import live_agents, look
from mng.hosts.process import ProcessTransport
from mng.model.name import AgentName, HostName
from mng.model.spec import AgentSpec, HostSpec, MessageSpec, Owner, Secret
from mng.model.transport import Completed, Machine
from mng.model.world import LiveAgent, LiveHost, Sent
from tests.tmux.waiting import eventually, whole_lines

TALKER = Path(__file__).parents[1] / "crash" / "talker.py"
MARK = "0123456789abcdef"
HOST = HostName("local", "box")
T = TypeVar("T")


class Home:
    """A small host. `sh` is the given shell, for the scripts and for all that they start."""

    def __init__(self, root: Path, shell: str) -> None:
        self.root, self.home, self.work = root, root / "h", root / "h" / "work"
        self.work.mkdir(parents=True)
        (self.home / "id").write_text(MARK)
        (root / "bin").mkdir()
        found = shutil.which(shell)
        assert found, shell
        (root / "bin" / "sh").symlink_to(found)
        self.env = {"PATH": f"{root / 'bin'}:{os.environ['PATH']}", "HOME": str(root), "LANG": "C"}
        transport = ProcessTransport(self.env)
        self.machine = Machine(transport, str(self.home), str(self.work), MARK, local=True)

    # Scripts

    def argv(self, verb: str, *args: str) -> list[str]:
        return ["sh", "-c", remote.script(verb), "mng", str(self.home), MARK, *args]

    def run(self, verb: str, *args: str, stdin: bytes = b"") -> tuple[int, str]:
        """A script's exit status, and what it printed."""
        done = self.machine.transport.run(self.argv(verb, *args), stdin=stdin, timeout=60)
        return done.status, done.stdout.decode("utf-8", "replace").strip()

    def call(self, verb: str, *args: str, stdin: bytes = b"") -> str:
        status, said = self.run(verb, *args, stdin=stdin)
        assert status == 0, (status, said)
        return said

    def begin(self, verb: str, *args: str, stdin: bytes = b"") -> subprocess.Popen[bytes]:
        """A script that runs, in a process group of its own, with its whole input on a disk."""
        with io.FileIO(os.memfd_create("stdin"), "r+") as source:
            source.write(stdin)
            source.seek(0)
            return subprocess.Popen(
                self.argv(verb, *args), env=self.env, stdin=source, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    # Agents

    def want(
        self, argv: Sequence[str], name: str = "ada", incarnation: str = "i1", *,
        replaces: str | None = None, carried: tuple[Sent, ...] = (), secret: str = "",
    ) -> remote.Start:  # fmt: skip
        spec = AgentSpec(
            type="command", command=tuple(argv), env={"KEY": Secret("KEY")} if secret else {}
        )
        return remote.Start(
            AgentName(HOST, name), spec, Owner("team", "file"), incarnation, Launch(tuple(argv)),
            replaces, carried, {"KEY": secret} if secret else None,
        )  # fmt: skip

    def start(self, want: remote.Start) -> tuple[str, str]:
        return remote.start(self.machine, want, created=1)[:2]

    def sent(self, want: remote.Start) -> tuple[list[str], bytes]:
        """What mng would send to the host to start an agent: the script's arguments, its input."""
        taken: list[tuple[list[str], bytes]] = []

        class Taker(ProcessTransport):
            def run(self, argv: Sequence[str], **options: object) -> Completed:
                stdin = options["stdin"]
                assert isinstance(stdin, bytes)
                taken.append((list(argv)[6:], stdin))
                return Completed(0, b"started 1")

        machine = Machine(Taker({}), str(self.home), str(self.work), MARK, local=True)
        remote.start(machine, want, created=1)
        return taken[0]

    def talker(self, name: str = "ada") -> list[str]:
        return [sys.executable, "-S", "-E", str(TALKER), str(self.root / f"{name}.heard")]

    def talking(self, name: str = "ada") -> None:
        """An agent that takes messages, and is ready for the first."""
        assert self.start(self.want(self.talker(name), name))[0] == "started"
        eventually(lambda: "ready" in self.screen(name))

    def heard(self, name: str = "ada") -> list[str]:
        path = self.root / f"{name}.heard"
        lines = whole_lines(path.read_text()) if path.exists() else []
        return [str(json.loads(line)) for line in lines]

    def deliver_args(
        self, text: str, key: str, *, name: str = "ada", incarnation: str = "i1",
        delay: float = 0.02, pasted: bool = False, proof: int = 0,
    ) -> list[str]:  # fmt: skip
        size, digest = str(len(text.encode())), remote.digest_of(text)
        paste = "1" if pasted else "0"
        return [name, incarnation, key, "file", size, digest, str(delay), str(proof), paste]

    def deliver(self, text: str, key: str, *, incarnation: str = "i1", pasted: bool = False) -> str:
        return remote.deliver(
            self.machine, AgentName(HOST, "ada"), incarnation, MessageSpec(key, text),
            COMMAND, pasted=pasted, proof=0,
        )  # fmt: skip

    def seen(self) -> dict[str, LiveAgent]:
        """The agents as mng sees them."""
        host = LiveHost(HOST, Owner(), HostSpec(), MARK)
        return {agent.name.name: agent for agent in live_agents(host, look(self.machine))}

    # tmux

    def tmux(self, *argv: str, stdin: bytes = b"") -> str:
        command = ["tmux", "-u", "-S", str(self.home / "tmux"), *argv]
        done = subprocess.run(command, input=stdin, capture_output=True, env=self.env, check=False)
        return done.stdout.decode("utf-8", "replace").rstrip("\n")

    def screen(self, name: str = "ada") -> str:
        return self.tmux("capture-pane", "-p", "-t", f"={name}:")

    def sessions(self) -> list[str]:
        return sorted(self.tmux("list-sessions", "-F", "#{session_name}").split())

    def buffers(self) -> list[str]:
        return self.tmux("list-buffers", "-F", "#{buffer_name}").split()

    def option(self, name: str, agent: str = "ada") -> str:
        return self.tmux("display-message", "-p", "-t", f"={agent}:", f"#{{{name}}}")

    def pid(self, agent: str = "ada") -> int:
        return int(self.option("pane_pid", agent))

    def journal(self, agent: str = "ada") -> str:
        return (self.home / "agents" / agent / "journal").read_text()

    def left(self) -> list[str]:
        """Halves of files, and buffers."""
        halves = [str(path) for path in self.home.glob("**/*.part")]
        return halves + [str(path) for path in self.home.glob("**/.gone.*")] + self.buffers()

    # The end

    def processes(self) -> list[psutil.Process]:
        return [one for one in psutil.process_iter() if one.pid != os.getpid() and self._mine(one)]

    def _mine(self, process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return False
            places = [process.cwd(), *process.cmdline(), process.environ().get("HOME", "")]
        except (psutil.Error, OSError):
            return False
        return any(str(self.root) in place for place in places)

    def close(self) -> None:
        self.tmux("kill-server")
        try:
            eventually(lambda: not self.processes(), timeout=10)
        finally:
            for process in self.processes():
                with contextlib.suppress(psutil.Error):
                    process.kill()


def kill_group(process: subprocess.Popen[bytes]) -> str:
    """SIGKILL to the script and all that it runs; what it had printed until then."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    said, _ = process.communicate()
    return said.decode().strip()


def all_at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    """The results of calls that are made at the same time."""
    results: dict[int, T] = {}

    def make(number: int) -> None:
        results[number] = calls[number]()

    threads = [threading.Thread(target=make, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[number] for number in range(len(calls))]
