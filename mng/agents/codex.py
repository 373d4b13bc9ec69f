"""The kind `codex`: OpenAI's Codex. Seen with 0.169.0."""

from __future__ import annotations

import json
import re
from types import MappingProxyType

from mng.agents.kind import Composer, Facts, Launch
from mng.agents.program import SESSION, Event, Program, shared, trusted
from mng.model.spec import AgentSpec

_EVENTS = {
    "SessionStart": "", "UserPromptSubmit": "took", "PermissionRequest": "", "PostToolUse": "",
    "Stop": "", "Interrupt": "",
}  # fmt: skip
_CONFIG = 'check_for_update_on_startup = false\\n[projects."%s"]\\ntrust_level = "trusted"'

_LOGIN = ".codex/auth.json"
# A key in its usual variable is not enough for it; a provider that names the variable is.
_PREPARE = (
    SESSION
    + 'mkdir -p "$CODEX_HOME"\n[ -e "$CODEX_HOME/config.toml" ] || '
    + trusted(_CONFIG)
    + ' >"$CODEX_HOME/config.toml"\n'
    + shared(_LOGIN, "$CODEX_HOME/auth.json", "OPENAI_API_KEY")
    + """\
if [ -n "${OPENAI_API_KEY:-}" ]; then
    url=${OPENAI_BASE_URL:-https://api.openai.com/v1}
    set -- -c model_provider=mng -c "model_providers.mng={name=\\"OpenAI\\", base_url=\\"$url\\",\
 env_key=\\"OPENAI_API_KEY\\", wire_api=\\"responses\\"}"
fi
"""
)
_NEW = 'rm -f "$MNG_AGENT_DIR/session"\n'
_RESUME = '[ -z "$session" ] || set -- "$@" resume "$session"\n'


def _failure(facts: Facts) -> str:
    """The last block above the composer, if it says that something went wrong."""
    blocks = [line for line in (facts.screen or "").splitlines() if re.match("[■•›✗]", line)]
    return blocks[-2] if len(blocks) > 1 and blocks[-2].startswith("■") else ""


class Codex(Program):
    name = "codex"
    program = "codex"
    package = "@openai/codex"
    login = _LOGIN
    credentials = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
    # Its history's glyph is dim, and a dialog that has the same one ends in other words.
    composer = Composer(
        empty="^› *$", there="^›( |$)", dialog="[Ee]nter (to |continue)|esc (to (cancel|go)|back)"
    )
    flags = MappingProxyType(
        {
            "ask": ("-a", "on-request", "-s", "read-only"),
            "accept-edits": ("-a", "on-request", "-s", "workspace-write"),
            "bypass": ("--dangerously-bypass-approvals-and-sandbox",),
        }
    )
    dialogs = (
        (r"Sign in with ChatGPT|Welcome to Codex", "login: it has none"),
        (r"Trust this folder|Do you trust|Folder access", "trust: it asks about this folder"),
        (r"Hooks need review", "trust: it asks about hooks"),
        (r"Would you like to", "permission: it asks"),
        (r"Press enter to (confirm|continue)", "a dialog is open"),
    )
    names = "@$"
    doings = MappingProxyType({
        "UserPromptSubmit": "busy", "PermissionRequest": "asks", "PostToolUse": "busy",
        "Stop": "idle", "Interrupt": "idle",
    })  # fmt: skip

    def doing(self, facts: Facts, event: Event) -> tuple[str, int | None]:
        """A turn that has failed fires no hook: it is told above the composer."""
        doing, since = super().doing(facts, event)
        return ("failed" if doing == "busy" and _failure(facts) else doing), since

    def limit(self, event: Event, facts: Facts) -> str:
        said = _failure(facts)
        return next((reason for words, reason in self.limits if re.search(words, said)), "")

    def launch(self, spec: AgentSpec, *, resume: bool) -> Launch:
        # Its daemon would outlive the agent, and its snapshot of a shell has the keys in it.
        always = ("--no-daemon", "--dangerously-bypass-hook-trust", "--disable", "shell_snapshot")
        return Launch(
            ("codex", *always, *self.flags[spec.permissions], *spec.args),
            self.files({"home/hooks.json": json.dumps({"hooks": self.hooks(_EVENTS)})}),
            {"CODEX_HOME": "{dir}/home"},
            _PREPARE + (_RESUME if resume else _NEW),
        )


KIND = Codex()
