"""A host that ends otherwise than was meant, while it is being ended."""

from __future__ import annotations

import pytest

from tests.modal_loopback.fixture import Loopback
from tests.scenarios.stage import demo

from .cloud import Cloud
from .test_lifetimes import host, keep_now, kept, work


@pytest.mark.parametrize("every", ["1", "86400"], ids=["with a save", "without any"])
def test_a_host_that_modal_ends_under_down_is_not_said_to_be_saved(
    cloud: Cloud, loopback: Loopback, every: str
) -> None:
    """What it has kept comes home in the same command; if that is nothing, 1, and a word."""
    cloud.env["MNG_KEEP_EVERY"] = every
    file = cloud.cloud_team({"a": demo("one")})
    cloud.must("up", "-f", file, "--wait")
    work(cloud)
    if every == "1":
        keep_now(cloud)
    loopback.inject({"rpc": "TaskExecStart", "kind": "terminate", "after": 3, "seconds": 0})

    done = cloud.mng("down", "-f", file)

    assert "another mng" not in done.all
    if every == "1":
        assert (done.status, "as it kept its work: saved to" in done.err) == (0, True), done
        assert any(ref.endswith("work-tree") for ref in cloud.saved())
        assert kept(cloud) == []
    else:
        assert (done.status, "nothing of it was kept" in done.err) == (1, True), done


def test_a_stop_that_was_killed_is_finished_by_the_next(cloud: Cloud) -> None:
    """It does not open the host again for that."""
    file = cloud.cloud_team({"a": demo("one")})
    cloud.must("up", "-f", file, "--wait")
    work(cloud)
    home = "/var/lib/mng"
    cloud.on_host(f"echo token >{home}/closing")  # as a mng leaves it that is killed meanwhile

    done = cloud.must("stop", "box")

    assert "created" not in done.all
    assert (cloud.sandboxes(), host(cloud)["state"]) == ([], "STOPPED")
