"""Each mistake is one line and the next thing to type, and nothing is touched."""

from __future__ import annotations

import subprocess

import pytest

from .stage import Stage, demo

# What is typed while ada of team auth is up on box; the status; what is said.
MISTAKES: dict[str, tuple[list[str], int, str]] = {
    "--recreate of nothing": (["up", "-f", "FILE", "--recreate", "eve"], 4, "--recreate eve"),
    "--replace-host of nothing": (["plan", "-f", "FILE", "--replace-host", "x"], 4, "x: nothing"),
    "--discard-work of nothing": (["down", "-f", "FILE", "--discard-work", "x"], 4, "x: nothing"),
    "destroy --discard-work": (["destroy", "ada", "--discard-work", "ada"], 4, "ada: nothing"),
    "an id with a dot": (["message", "ada", "hi", "--id", "a.b"], 2, "'a.b' is not an id"),
    "a bad variable": (["create", "b@box", "--type", "demo", "--env", "A-B=1"], 2, "'A-B=1'"),
    "an empty variable": (["create", "b@box", "--type", "demo", "--env", "=1"], 2, "'=1'"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_changes_nothing(stage: Stage, mistake: str) -> None:
    """One line, a hint, the right status."""
    file = stage.raised({"ada": demo()})
    pid = stage.pid("ada")
    words, status, says = MISTAKES[mistake]

    done = stage.mng(*[str(file) if word == "FILE" else word for word in words])

    assert (done.status, done.out) == (status, ""), done
    assert says in done.err.splitlines()[0]
    assert "try: " in done.err
    assert {name: stage.pid(name) for name in stage.agents()} == {"ada": pid}


def test_a_name_in_the_file_is_the_team_wherever_the_file_lies(stage: Stage) -> None:
    """A second file of the same name goes on with the first one's agents."""
    stage.raised({"ada": demo()})
    other = stage.team({"ada": demo()}, file="elsewhere.yaml")

    assert stage.up(other).status == 0
    assert "nothing to do" in stage.must("plan", "-f", other).out


def test_a_directory_that_is_gone_is_said_to_be_gone(stage: Stage) -> None:
    """No traceback for a shell that stands nowhere."""
    gone = stage.root / "gone"
    gone.mkdir()
    script = 'rmdir "$PWD"; exec python3 -m mng list'
    done = subprocess.run(
        ["sh", "-c", script], cwd=gone, env=stage.env, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "mng: the current directory is gone\n  try: cd\n"


def test_two_agents_of_one_name_can_not_be_exported(stage: Stage) -> None:
    """A file names each once: no file is better than one that drops an agent."""
    for host in ("one", "two"):
        stage.must("create", f"ada@{host}", "--new-host", "--type", "demo")

    done = stage.mng("export", "--", "-")

    assert (done.status, done.out) == (2, "")
    assert "two agents are named ada" in done.err
