"""The user's home: an agent leaves it as it was, and what is configured there applies."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.tmux.files import files_with
from tests.tmux.waiting import eventually

from .rig import KEY, AgentStage
from .test_states import BYPASS, PROGRAMS

# As a user may have them; OpenCode would rewrite the first, which is of an older form.
GREET = {"greet": {"template": "Hello from $ARGUMENTS"}}
CONFIGURED = {
    ".config/opencode/opencode.json": json.dumps({"theme": "nord", "command": GREET}),
    ".config/opencode/command/part.md": "Goodbye to $ARGUMENTS",
    ".opencode/command/meet.md": "How do you do, $ARGUMENTS",
    ".config/git/config": "[mine]\n\tname = theirs\n",
    ".local/share/mine": "theirs",
    ".claude/settings.json": "{}", ".claude.json": "{}", ".codex/config.toml": "",
    ".gemini/settings.json": "{}",
}  # fmt: skip
CACHES = ".cache"  # of which each user of a program has one, whatever agents there are


def listing(home: Path) -> dict[str, str]:
    """All that is there, and what it holds, but for the caches."""
    found = [path for path in home.rglob("*") if path.relative_to(home).parts[0] != CACHES]
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in found
    }


def configure(stage: AgentStage) -> None:
    for name, text in CONFIGURED.items():
        path = stage.user / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_users_home_is_as_it_was_and_no_file_has_a_key(stage: AgentStage, program: str) -> None:
    """A key comes from the user's environment by its name, and stays in the process."""
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY"):
        stage.env[name] = KEY
    configure(stage)
    before = listing(stage.user)
    stage.raised({"a": stage.real(program, "hello")})
    eventually(lambda: stage.heard() == ["hello"], timeout=60)
    stage.until_state("a", "WAITING")
    shown = stage.tmux("show-environment", "-g")
    stage.must("stop", "a")

    assert listing(stage.user) == before
    assert files_with(stage.root, KEY[-20:]) == []
    assert KEY[-20:] not in shown


def test_what_the_user_has_configured_applies_in_opencode(stage: AgentStage) -> None:
    """Its commands are those of each place that it reads, and what it runs finds its own files."""
    configure(stage)
    tells = "git config mine.name; cat ${XDG_DATA_HOME:-~/.local/share}/mine"
    tool = json.dumps({"command": f"{{ {tells}; }} >told", "description": "x"})
    stage.raised({"a": stage.real("opencode", f"go [[tool bash {tool}]]", **BYPASS)})
    for command in ("/greet one", "/part two", "/meet three"):
        stage.until_state("a", "WAITING")
        stage.must("message", "a", "--command", command)

    wanted = ["Hello from one", "Goodbye to two", "How do you do, three"]
    eventually(lambda: stage.heard()[1:] == wanted, timeout=60)
    assert (stage.host_dir() / "work" / "told").read_text() == "theirs\ntheirs"
