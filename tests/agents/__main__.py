"""python -m tests.agents first [PROGRAM...] | repeat [N] | newest

first: to each program (all) each text as the first message of an agent: is it heard as it was said,
and does the ledger say so? It takes a quarter of an hour.
repeat: to each program N (20) texts of one line while the machine is loaded; each once, in order.
newest: all tests with the newest versions of the programs, and which versions those are.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.tmux.waiting import eventually

from .rig import ARGS, HERE, AgentStage, installed, loopback_alone
from .texts import MADE, TEXTS, say_first


@contextlib.contextmanager
def alone() -> Iterator[AgentStage]:
    root = Path(tempfile.mkdtemp(prefix="mng-"))
    with loopback_alone():
        stage = AgentStage(root, installed())
        try:
            yield stage
        finally:
            stage.close()
            shutil.rmtree(root, ignore_errors=True)


def first(programs: list[str]) -> int:
    """How many of the texts were not heard as they were said, or not said to be."""
    wrong = 0
    for program in programs:
        with alone() as stage:
            words, heard = say_first(stage, program, TEXTS, timeout=600)
        left = Counter(heard)
        for cell, text in TEXTS.items():
            made = MADE[program](text)
            word = words[cell] if left[made] else f"{words[cell]}, and not heard so"
            left[made] -= 1
            wrong += word != "accepted"
            if word != "accepted":
                print(f"{program}: {cell}: {word}")
        more = [text for text in left.elements() if text]
        print(f"{program}: {len(words)} texts, heard besides: {[text[:200] for text in more]}")
    return wrong


def _burn() -> None:
    while True:
        pass


def repeat(number: int) -> None:
    load = [multiprocessing.Process(target=_burn, daemon=True) for _ in range(os.cpu_count() or 1)]
    for one in load:
        one.start()
    for program in ARGS:
        with alone() as stage:
            texts = [f"this is number {n}" for n in range(number)]
            more = ("--ready-timeout", "2m")
            stage.must("up", "-f", stage.team({"a": stage.real(program, texts[0])}), *more)
            for text in texts[1:]:
                stage.must("message", "a", text, *more)
            eventually(lambda: len(stage.heard()) >= number, timeout=120)
            ledger = stage.must("messages", "a").out
            same = stage.heard() == texts
            print(f"{program}: {'all once, in order' if same else stage.heard()}", end="")
            print(f", {ledger.count('accepted')} of {number} accepted")


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
        argv = [sys.executable, "-m", "pytest", "-v", "-n", "2", str(HERE)]
        return subprocess.run(argv, env=env).returncode


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["first", *given]:
            sys.exit(first(given or list(ARGS)))
        case ["repeat", *given]:
            repeat(int(given[0]) if given else 20)
        case ["newest"]:
            sys.exit(newest())
        case _:
            sys.exit(__doc__)
