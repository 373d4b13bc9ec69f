"""Two projects whose directories have one name."""

from __future__ import annotations

import json

import pytest

from tests.scenarios.stage import Stage, demo

pytestmark = pytest.mark.local_only("whose a team is does not depend on its provider")


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
