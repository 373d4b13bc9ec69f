"""`python -m tests.bench`: what commands cost, beside bare Python, raw tmux and tmuxp, in one run.

No figure is asserted: absolute times depend on the machine, and the ratios are for a reader.
CPU and memory are the operating system's own accounting of the finished process and its children;
what the tmux servers spend is not in them.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .cloud import cloud
from .measure import MNG, Bench
from .work import work

PROGRAM = "printf '> '; exec cat"


def team(bench: Bench, name: str, agents: int, *, messages: bool) -> str:
    """A file with one local host and so many agents; its path."""
    lines = [f"name: {name}", f"hosts: {{h-{name}: {{provider: local}}}}", "agents:"]
    for number in range(agents):
        lines += [f"  {name}-{number}:", "    type: command", f'    command: "{PROGRAM}"']
        lines += [f"    message: Do thing {number}."] if messages else []
    path = bench.root / f"{name}.yaml"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def own_commands(bench: Bench) -> None:
    ten = team(bench, "ten", 10, messages=False)
    bench.quiet("up", "-f", ten)
    bench.row("mng list, 10 agents", [*MNG, "list"])
    bench.row("mng exec true", [*MNG, "exec", "h-ten", "true"])
    bench.row("mng message", [*MNG, "message", "ten-0", "hello"])
    bench.quiet("down", "-f", ten)
    hundred = team(bench, "hundred", 100, messages=True)
    bench.quiet("up", "-f", hundred)
    bench.row("mng up, nothing to do, 100 agents", [*MNG, "up", "-f", hundred])
    bench.quiet("down", "-f", hundred)
    fifty = team(bench, "fifty", 50, messages=True)
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
    parser.add_argument("--work", action="store_true", help="only work in and out, of a big tree")
    parser.add_argument("--modal", action="store_true", help="only many hosts on a loopback Modal")
    given = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="mng-bench-"))
    bench = Bench(root, given.runs)
    print(f"{'(medians)':<44} {'CPU s':>8} {'wall s':>8} {'MB':>8}")
    try:
        if given.work:
            work(bench)
            return
        if given.modal:
            cloud(bench)
            return
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
