"""A secret is in the agent's environment and nowhere else."""

from __future__ import annotations

import contextlib

import psutil
import pytest

from tests.tmux.files import files_with
from tests.tmux.waiting import eventually

from .stage import Stage, runs, watching

VALUE = "s3cr3t-$(id)-'\"-value"
SHELL = 'printf %s "$API_KEY" >"$SEEN"; echo ready; exec sleep 600'


def raised(stage: Stage, *options: str) -> str:
    """All that was printed, by an up of an agent that has the secret."""
    env = {"API_KEY": {"secret": "API_KEY"}, "SEEN": stage.notes("seen")}
    file = stage.team({"web": runs(["sh", "-c", SHELL], env=env)})
    secret = {"API_KEY": VALUE}
    plan = stage.must("plan", "-f", file, env=secret)
    up = stage.must("up", "-f", file, "-v", *options, env=secret)
    again = stage.must("up", "-f", file, "-o", "json", env=secret)
    eventually(lambda: stage.noted("seen") == VALUE.encode())
    return plan.all + up.all + again.all


def test_a_secret_reaches_its_agent(stage: Stage) -> None:
    """Byte for byte, whatever a shell would make of it."""
    raised(stage)

    assert stage.noted("seen") == VALUE.encode()


def test_a_secret_is_never_printed(stage: Stage) -> None:
    """Not in the plan, the events, the list, the logs, the export or the ledger."""
    printed = raised(stage, "-o", "json")
    for words in (("list", "-o", "json"), ("logs", "web"), ("export",), ("messages", "web")):
        printed += stage.must(*words).all
    assert "secret: API_KEY" in printed
    assert VALUE[:6] not in printed


def test_a_secret_is_in_no_file(stage: Stage) -> None:
    """Nothing under MNG_HOME holds it, and nothing in the home of its host."""
    raised(stage)

    assert stage.on_host(f"grep -rlF {VALUE[:6]} . || :") == ""
    assert files_with(stage.home, VALUE[:6]) == []


def test_a_secret_is_nowhere_in_tmux(stage: Stage) -> None:
    """No option, no environment, no buffer of the server."""
    raised(stage)

    held = ""
    for words in (
        ["show-options", "-g"], ["show-options", "-gw"], ["show-options", "-s"],
        ["show-options", "-t", "=web:"],
        ["show-options", "-p", "-t", "=web:"], ["show-environment", "-g"],
        ["show-environment", "-t", "=web"], ["list-buffers"],
        ["list-panes", "-a", "-F", "#{pane_start_command}"],
    ):  # fmt: skip
        held += stage.tmux(*words)
    assert "remain-on-exit" in held
    assert VALUE[:6] not in held


@pytest.mark.local_only("it looks at the processes of this machine")
def test_a_secret_is_on_no_command_line(stage: Stage) -> None:
    """Neither of tmux and git while it is handed over, nor of any process afterwards."""
    with watching(stage) as log:
        raised(stage)
        assert VALUE[:6] not in log.read_text()
    lines = []
    for process in stage.processes():
        with contextlib.suppress(psutil.Error):
            lines.append(" ".join(process.cmdline()))
    assert lines
    assert not [line for line in lines if VALUE[:6] in line]


@pytest.mark.local_only("it looks at the processes of this machine")
def test_a_secret_is_in_no_other_process(stage: Stage) -> None:
    """The tmux server never had it in its environment."""
    raised(stage)

    assert VALUE[:6] not in str(psutil.Process(stage.server()).environ())


def test_exec_passes_the_agents_secrets(stage: Stage) -> None:
    """A command in an agent's environment has its secrets too, and stdin as ever."""
    raised(stage)

    done = stage.must(
        "exec", "web", 'cat; printf %s "$API_KEY"', stdin=b"in|", env={"API_KEY": VALUE}
    )
    assert done.out == f"in|{VALUE}"


def test_a_secret_that_is_not_set_stops_all_before_anything_is_done(stage: Stage) -> None:
    """It is named; nothing is made."""
    env = {"API_KEY": {"secret": "API_KEY"}}
    done = stage.up(stage.team({"web": runs(["sleep", "600"], env=env)}))

    assert (done.status, "secret API_KEY" in done.err) == (2, True)
    assert not stage.home.exists()


@pytest.mark.local_only("it looks at the processes of this machine")
def test_the_users_other_variables_do_not_leak(stage: Stage) -> None:
    """What lies in a shell reaches no agent unasked."""
    stage.team({})
    file = stage.team({"web": runs(["sh", "-c", "env; exec sleep 600"])})
    stage.must("up", "-f", file, env={"OTHER_KEY": "unasked"})

    assert "unasked" not in stage.must("logs", "web").out
    assert "unasked" not in str(psutil.Process(stage.pid("web")).environ())
