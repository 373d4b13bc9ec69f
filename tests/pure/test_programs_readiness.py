"""When a real agent program is taken for ready, by what was seen of it."""

from __future__ import annotations

import pytest

from mng.agents.kind import Facts, find_kind
from mng.model.spec import AgentSpec
from mng.model.world import AgentState

COMPOSER = "\n >   Type your message or @path/to/file\n workspace (/directory)\n /work\n"


@pytest.mark.parametrize(
    ("event", "quiet", "state"),
    [
        ("", 1.2, AgentState.STARTING),
        ("SessionStart", 0.4, AgentState.STARTING),
        ("SessionStart", 1.2, AgentState.WAITING),
        ("AfterAgent", 0.0, AgentState.WAITING),
        ("", 20.0, AgentState.WAITING),
    ],
)
def test_gemini_is_ready_when_its_composer_listens(
    event: str, quiet: float, state: AgentState
) -> None:
    """When it resumes it draws its composer, tells of its start, and takes the composer away once
    more: a text that was pasted in between was lost."""
    files = {"event": f"1 {event}\n{{}}"} if event else {}
    facts = Facts(1, True, False, quiet, quiet, 1, COMPOSER, COMPOSER, files)

    assert find_kind("gemini").sight(AgentSpec(type="gemini"), facts).state is state
