"""What the README says to type after a host is gone brings its work back."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .stage import Stage, demo

pytestmark = pytest.mark.local_only("what was saved lies here, whatever host it came from")

README = Path(__file__).parents[2] / "README.md"
WORK = "git commit -q --allow-empty -m work && echo draft >draft.txt"


def blocks() -> list[str]:
    """The shell texts of the chapter."""
    chapter = README.read_text().split("\n## What was saved\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", chapter, re.DOTALL)


def types(stage: Stage, text: str, cwd: Path) -> str:
    done = subprocess.run(
        ["sh", "-ec", text], cwd=cwd, env=stage.env, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_saved_work_is_brought_back(stage: Stage) -> None:
    """As a new host, as a branch; then it may go."""
    file = stage.raised({"ada": demo()}, hosts={"auth-host": {"source": str(stage.repo)}})
    stage.must("exec", "ada", WORK)
    stage.must("down", "-f", file)
    said = []
    for line in blocks()[0].replace("90d", "0s --yes").splitlines():
        words = line.partition("#")[0].split()[1:]
        said.append(stage.must(*words).out)

    assert "auth-host/2" in said[0]
    assert (stage.host_dir("again") / "work" / "draft.txt").read_text() == "draft\n"
    assert stage.git("show", "rescued:draft.txt") == "draft\n"
    assert stage.saved("auth-host") == []


def test_saved_work_is_looked_at_and_brought_back_with_git(stage: Stage) -> None:
    """Commits by a merge, files by a checkout."""
    file = stage.raised({"ada": demo()})
    stage.must("exec", "ada", WORK)
    stage.must("down", "-f", file)
    saved = stage.saved()[0].removesuffix("/HEAD")

    said = types(stage, re.sub(r"saved=\S+", f"saved={saved}", blocks()[1]), stage.repo)

    assert " work\n" in said
    assert stage.git("log", "-1", "--format=%s") == "work\n"
    assert (stage.repo / "draft.txt").read_text() == "draft\n"


def test_work_without_a_repository_comes_back_from_its_bundle(stage: Stage) -> None:
    """It lies under MNG_HOME/saved, and git clones it."""
    file = stage.raised({"ada": demo()}, host={"source": None})
    stage.must("exec", "ada", WORK)
    stage.must("down", "-f", file)
    (bundle,) = (stage.home / "saved" / "box").glob("*.bundle")

    types(stage, blocks()[2].replace("20261124T023155Z.bundle", str(bundle)), stage.root)
    assert (stage.root / "work" / "draft.txt").read_text() == "draft\n"


def test_several_files_stand_in_one_variable(stage: Stage) -> None:
    """As directories do in PATH; later ones override."""
    first = stage.team({"ada": demo("A")})
    second = stage.team({"ada": {"restart": "always"}}, file="more.yaml")

    said = stage.must("config", env={"MNG_FILE": f"{first}:{second}"}).out
    assert ("always" in said, "A" in said) == (True, True)
