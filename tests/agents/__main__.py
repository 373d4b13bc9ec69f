"""python -m tests.agents repeat [N] | newest

repeat: to each program N (20) texts of one line while the machine is loaded; each once, in order.
newest: all tests with the newest versions of the programs, and which versions those are.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.tmux.waiting import eventually

from .rig import ARGS, HERE, AgentStage, installed, loopback_alone


def _burn() -> None:
    while True:
        pass


def repeat(number: int) -> None:
    load = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(os.cpu_count() or 1)]
    for one in load:
        one.start()
    for program in ARGS:
        root = Path(tempfile.mkdtemp(prefix="mng-"))
        with loopback_alone():
            stage = AgentStage(root, installed())
            try:
                texts = [f"this is number {n}" for n in range(number)]
                more = ("--ready-timeout", "2m")
                stage.must("up", "-f", stage.team({"a": stage.real(program, texts[0])}), *more)
                for text in texts[1:]:
                    stage.must("message", "a", text, *more)
                eventually(lambda: len(stage.heard()) >= number, timeout=120)  # noqa: B023
                ledger = stage.must("messages", "a").out
                same = stage.heard() == texts
                print(f"{program}: {'all once, in order' if same else stage.heard()}", end="")
                print(f", {ledger.count('accepted')} of {number} accepted")
            finally:
                stage.close()
                shutil.rmtree(root, ignore_errors=True)


def newest() -> int:
    pins = json.loads((HERE / "package.json").read_text())
    now = {}
    for package, pinned in pins["dependencies"].items():
        said = subprocess.run(["npm", "view", package, "version"], capture_output=True, text=True)
        now[package] = said.stdout.strip() or pinned
        print(f"{package}: {pinned} -> {now[package]}")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "package.json"
        file.write_text(json.dumps({**pins, "dependencies": now}))
        env = {**os.environ, "MNG_TEST_PROGRAMS": str(file)}
        argv = [sys.executable, "-m", "pytest", "-n", "2", str(HERE)]
        return subprocess.run(argv, env=env).returncode


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["repeat", *given]:
            repeat(int(given[0]) if given else 20)
        case ["newest"]:
            sys.exit(newest())
        case _:
            sys.exit(__doc__)
