"""One run of a command: its CPU, its time, its memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MNG = [sys.executable, "-m", "mng"]


@dataclass(frozen=True, slots=True)
class Cost:
    """One run: CPU seconds, wall seconds, and the peak memory of its largest process in MB."""

    cpu: float
    wall: float
    memory: float


def measure(argv: Sequence[str], env: dict[str, str], cwd: Path) -> Cost:
    """Run a command to its end. Raises SystemExit with its output if it fails."""
    log = cwd / "output"
    os.sync()  # else one run pays for what another has written
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

    def quiet(self, *argv: str) -> None:
        measure([*MNG, *argv], self.env, self.root)
