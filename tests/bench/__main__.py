"""`python -m tests.bench`: what commands cost, beside bare Python, raw tmux and tmuxp, in one run.

No figure is asserted: absolute times depend on the machine, and the ratios are for a reader.
CPU and memory are the operating system's own accounting of the finished process and its children;
what the tmux servers spend is not in them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MNG = [sys.executable, "-m", "mng"]
PROGRAM = "printf '> '; exec cat"


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: CPU seconds, wall seconds, and the peak memory of its largest process in MB."""

    cpu: float
    wall: float
    memory: float


def measure(argv: Sequence[str], env: dict[str, str], cwd: Path) -> Cost:
    """Run a command to its end. Raises SystemExit with its output if it fails."""
    log = cwd / "output"
    with log.open("wb") as out:
        began = time.monotonic()
        process = subprocess.Popen(argv, stdout=out, stderr=out, env=env, cwd=cwd)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(argv)[:200]} ended with {status}:\n{log.read_text()[-2000:]}")
    scale = 1e6 if sys.platform == "darwin" else 1e3
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss / scale)


class Bench:
    """A scratch directory with a repository, and the table so far."""

    def __init__(self, root: Path, runs: int) -> None:
        self.root, self.runs = root, runs
        base = {k: v for k, v in os.environ.items() if not k.startswith(("MNG_", "TMUX"))}
        self.env = {**base, "MNG_HOME": str(root / "home"), "HOME": str(root)}
        (root / "a").write_text("a\n")
        for argv in (["init", "-q"], ["add", "a"], ["commit", "-qm", "one"]):
            identity = ["-c", "user.name=bench", "-c", "user.email=bench@mng.invalid"]
            subprocess.run(["git", *identity, *argv], cwd=root, env=self.env, check=True)

    def row(
        self,
        name: str,
        argv: Sequence[str],
        *,
        runs: int = 0,
        after: Callable[[], None] | None = None,
    ) -> None:
        """Measure and print a row. `after` undoes a run, outside of the measured time."""
        costs = []
        for _ in range(runs or self.runs):
            costs.append(measure(argv, self.env, self.root))
            if after:
                after()
        cpu, wall, memory = (
            statistics.median(getattr(cost, field) for cost in costs)
            for field in ("cpu", "wall", "memory")
        )
        print(f"{name:<44} {cpu:8.3f} {wall:8.3f} {memory:8.1f}", flush=True)

    def team(self, name: str, agents: int, *, messages: bool) -> str:
        """A file with one local host and so many agents; its path."""
        lines = [f"name: {name}", f"hosts: {{h-{name}: {{provider: local}}}}", "agents:"]
        for number in range(agents):
            lines += [f"  {name}-{number}:", "    type: command", f'    command: "{PROGRAM}"']
            lines += [f"    message: Do thing {number}."] if messages else []
        path = self.root / f"{name}.yaml"
        path.write_text("\n".join(lines) + "\n")
        return str(path)

    def quiet(self, *argv: str) -> None:
        measure([*MNG, *argv], self.env, self.root)


def own_commands(bench: Bench) -> None:
    ten = bench.team("ten", 10, messages=False)
    bench.quiet("up", "-f", ten)
    bench.row("mng list, 10 agents", [*MNG, "list"])
    bench.row("mng exec true", [*MNG, "exec", "h-ten", "true"])
    bench.row("mng message", [*MNG, "message", "ten-0", "hello"])
    bench.quiet("down", "-f", ten)
    hundred = bench.team("hundred", 100, messages=True)
    bench.quiet("up", "-f", hundred)
    bench.row("mng up, nothing to do, 100 agents", [*MNG, "up", "-f", hundred])
    bench.quiet("down", "-f", hundred)
    fifty = bench.team("fifty", 50, messages=True)
    bench.row(
        "mng up, 50 new agents, a message each",
        [*MNG, "up", "-f", fifty],
        runs=3,
        after=lambda: bench.quiet("down", "-f", fifty),
    )


def peers(bench: Bench) -> None:
    socket = str(bench.root / "raw")
    sessions: list[str] = []
    for number in range(50):
        sessions += ["new-session", "-d", "-s", f"s{number}", "-x", "200", "-y", "50"]
        sessions += ["--", "sh", "-c", PROGRAM, ";"]
    tmux = ["tmux", "-f", "/dev/null", "-S", socket]

    def end() -> None:
        subprocess.run([*tmux, "kill-server"], check=True, env=bench.env)
        while Path(socket).exists() and subprocess.run([*tmux, "ls"], capture_output=True).stdout:
            time.sleep(0.01)

    bench.row("raw tmux, 50 sessions in one call", [*tmux, *sessions[:-1]], after=end)
    if not shutil.which("tmuxp"):
        print("tmuxp is not installed")
        return
    files = []
    for number in range(50):
        path = bench.root / f"tmuxp-{number}.yaml"
        path.write_text(
            f'session_name: t{number}\nwindows:\n  - panes:\n      - shell_command: ["{PROGRAM}"]\n'
        )
        files.append(str(path))
    load = ["tmuxp", "load", "-d", "-y", "-S", socket, "-f", "/dev/null", *files]
    bench.row("tmuxp, 50 sessions", load, runs=1, after=end)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each quick command")
    root = Path(tempfile.mkdtemp(prefix="mng-bench-"))
    bench = Bench(root, parser.parse_args().runs)
    print(f"{'(medians)':<44} {'CPU s':>8} {'wall s':>8} {'MB':>8}")
    try:
        bench.row("python -c pass", [sys.executable, "-c", "pass"])
        bench.row("python -c 'import typer'", [sys.executable, "-c", "import typer"])
        bench.row("mng --help", [*MNG, "--help"])
        own_commands(bench)
        peers(bench)
    finally:
        for host in (root / "home" / "hosts").glob("*"):
            subprocess.run(["tmux", "-S", "tmux", "kill-server"], cwd=host, capture_output=True)
        shutil.rmtree(root, ignore_errors=True)


main()
