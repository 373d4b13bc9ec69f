"""Two real Claude Codes on one shared host: the scenario that mng is for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.stage import Stage
from tests.tmux.waiting import eventually

from .rig import ARGS, QUIET, AgentStage

EXAMPLES = Path(__file__).parents[2] / "examples"
IMPL, TEST = "impl-agent", "test-agent"
TEST_OF = "import app_{0}, unittest\nclass T(unittest.TestCase):\n    def test(self):\n"


def tool(name: str, **arguments: str) -> str:
    return f"[[tool {name} {json.dumps(arguments)}]]"


def task(agent: str, number: int, work: Path) -> str:
    """One agent writes a module and leaves it staged for a while, the other tests that module."""
    if agent == IMPL:
        file, text = f"app_{number}.py", f"def answer():\n    return {number}\n"
        before = f"git add {file} && sleep 0.3"
    else:
        file = f"test_app_{number}.py"
        text = TEST_OF.format(number) + f"        assert app_{number}.answer() == {number}\n"
        before = f"until test -f app_{number}.py; do sleep 0.1; done"
    runs = f"{before}; python3 -B -m unittest -q {file[:-3]} && mng-commit -m '{agent}' {file}"
    write = tool("Write", file_path=str(work / file), content=text)
    return f"{agent}, do part {number}. {write} {tool('Bash', command=runs)}"


@pytest.mark.timeout(300)
def test_two_agents_build_and_test_in_one_tree(stage: AgentStage) -> None:
    """20 messages, some from a file, some said meanwhile: each once, and each its own commits."""
    work = stage.host_dir() / "work"
    texts = {agent: [task(agent, n, work) for n in range(10)] for agent in (IMPL, TEST)}

    def up(number: int) -> None:
        agents = {
            name: stage.real("claude", *said[:number], permissions="bypass", allow_unsafe=True)
            for name, said in texts.items()
        }
        stage.must("up", "-f", stage.team(agents), "--wait", timeout=200)

    up(2)
    up(6)
    for number in range(6, 10):
        running = [stage.start("message", name, said[number]) for name, said in texts.items()]
        ends = [one.communicate(timeout=60) for one in running]
        assert [one.returncode for one in running] == [0, 0], ends
    eventually(lambda: {one["state"] for one in stage.agents().values()} == {"WAITING"}, timeout=60)

    for name, said in texts.items():
        assert stage.must("messages", name).out.count("accepted") == 10
        turns = [one["turns"] for one in stage.requests() if one["turns"][0] == said[:1]]
        assert [text for turn in turns[-1] for text in turn] == said
    log = stage.git("log", "--format=/%an", "--name-only", "-20", "main", cwd=work)
    wanted = [[IMPL, f"app_{n}.py"] for n in range(10)]
    wanted += [[TEST, f"test_app_{n}.py"] for n in range(10)]
    assert sorted(commit.split() for commit in log.split("/")[1:]) == sorted(wanted)
    assert stage.git("status", "--porcelain", cwd=work) == ""


def heard_as_the_example_says(stage: Stage, requests: list[dict[str, Any]]) -> None:
    """Each agent's messages, each once and in order, and the ledger says so."""
    for name, begins in {
        IMPL: ["Implement JWT authentication for this", "Read your own diff"],
        TEST: ["Write integration tests for JWT authentication"],
    }.items():
        assert stage.must("messages", name).out.count("accepted") == len(begins)
        told = [one["turns"] for one in requests if one["turns"][0][0].startswith(begins[0])]
        assert [len(turn) for turn in told[-1]] == [1] * len(begins)
        assert all(t[0].startswith(b) for t, b in zip(told[-1], begins, strict=True))


def test_the_example_runs_with_the_real_program(stage: AgentStage) -> None:
    """Unchanged up to the machine, what its setup would fetch, and how quiet the programs are."""
    shutil.copytree(EXAMPLES, stage.root / "examples")
    here = {"provider": "local", "work_dir": None, "setup": None}
    quiet = {"args": ARGS["claude"], "env": QUIET}
    document = {"hosts": {"auth-host": here}, "agents": {IMPL: quiet, TEST: quiet}}
    (stage.root / "here.yaml").write_text(json.dumps(document))
    files = ("-f", stage.root / "examples" / "auth-host.yaml", "-f", stage.root / "here.yaml")

    stage.must("up", *files, "--wait")
    assert "nothing to do" in stage.must("up", *files).all
    heard_as_the_example_says(stage, stage.requests())
    stage.must("down", *files)

    assert stage.listed()["hosts"] == []
