"""Two projects whose directories have one name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scenarios.stage import Stage, demo

pytestmark = pytest.mark.alike("whose a team is does not depend on its provider")


def test_projects_of_one_name_do_not_touch_each_other(stage: Stage) -> None:
    """Who was there first is told by its file, and each `down` ends its own."""
    places = [stage.root / side / "app" for side in ("left", "right")]
    for place in places:
        place.parent.mkdir()
        stage.make_repository(place)
        host = place.parent.name
        file = {"hosts": {host: {}}, "agents": {f"{host}-ada": demo(host=host)}}
        (place / "mng.yaml").write_text(json.dumps(file))
        stage.must("up", "--prune", cwd=place)
    assert sorted(stage.agents()) == ["left-ada", "right-ada"]

    refused = stage.mng("down", "app")
    assert (refused.status, f"mng down -f {places[0]}/mng.yaml" in refused.err) == (4, True)
    clash = {"hosts": {"left": {}}, "agents": {"eve": demo()}}
    (places[1] / "mng.yaml").write_text(json.dumps(clash))
    done = stage.mng("up", cwd=places[1])
    assert (done.status, f"team app is also used by {places[0]}/mng.yaml" in done.err) == (1, True)
    assert "left-ada" in stage.agents()

    (places[1] / "mng.yaml").unlink()
    stage.must("down", cwd=places[1])
    assert sorted(stage.agents()) == ["left-ada"]


def a_file(directory: Path, team: str) -> Path:
    """The file of a team with an agent on a host of its own."""
    directory.mkdir(exist_ok=True)
    wanted = {"name": team, "hosts": {team: {}}, "agents": {f"{team}-ada": demo(host=team)}}
    (directory / f"{team}.yaml").write_text(json.dumps(wanted))
    return directory / f"{team}.yaml"


def test_down_ends_the_one_team_that_was_brought_up_from_here(stage: Stage) -> None:
    """Also if its file lies below in this repository, but not in another one or elsewhere."""
    stage.must("up", "-f", a_file(stage.repo / "examples", "one"))

    above = stage.mng("down", cwd=stage.root)
    assert (above.status, "which team?" in above.err) == (2, True)
    assert stage.mng("down", cwd=stage.user).status == 2
    assert list(stage.agents()) == ["one-ada"]

    stage.must("down", cwd=stage.repo)
    assert stage.listed()["hosts"] == []


def test_down_lists_the_teams_if_two_were_brought_up_from_here(stage: Stage) -> None:
    """With what to type for each; nothing is ended."""
    files = [a_file(stage.repo / "examples", "one"), a_file(stage.repo, "two")]
    for file in files:
        stage.must("up", "-f", file)

    done = stage.mng("down", cwd=stage.repo)

    assert (done.status, "which of these teams: one, two?" in done.err) == (2, True)
    assert all(f"mng down -f {file}" in done.err for file in files)
    assert sorted(stage.agents()) == ["one-ada", "two-ada"]
