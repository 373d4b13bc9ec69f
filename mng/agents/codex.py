"""The kind `codex`: OpenAI's Codex. Seen with 0.169.0."""

from __future__ import annotations

import json
from types import MappingProxyType

from mng.agents.kind import Composer, Launch
from mng.agents.program import SESSION, Program, shared, trusted
from mng.model.spec import AgentSpec

_EVENTS = {
    "SessionStart": "", "UserPromptSubmit": "took", "PermissionRequest": "", "PostToolUse": "",
    "Stop": "", "Interrupt": "",
}  # fmt: skip
_CONFIG = 'check_for_update_on_startup = false\\n[projects."%s"]\\ntrust_level = "trusted"'

# A key in its usual variable is not enough for it; a provider that names the variable is.
_PREPARE = (
    SESSION
    + 'mkdir -p "$CODEX_HOME"\n[ -e "$CODEX_HOME/config.toml" ] || '
    + trusted(_CONFIG)
    + ' >"$CODEX_HOME/config.toml"\n'
    + shared(".codex/auth.json", "$CODEX_HOME/auth.json", "OPENAI_API_KEY")
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


class Codex(Program):
    name = "codex"
    program = "codex"
    package = "@openai/codex"
    credentials = ("OPENAI_API_KEY", "OPENAI_BASE_URL")
    # Its history's glyph is dim, and a dialog that has the same one ends in other words.
    composer = Composer(empty="^› *$", there="^›( |$)", dialog="Press enter to|esc to (cancel|go)")
    flags = MappingProxyType(
        {
            "ask": ("-a", "on-request", "-s", "read-only"),
            "accept-edits": ("-a", "on-request", "-s", "workspace-write"),
            "bypass": ("--dangerously-bypass-approvals-and-sandbox",),
        }
    )
    dialogs = (
        (r"Sign in with ChatGPT|Welcome to Codex", "login: it has none"),
        (r"Trust this folder|Do you trust", "trust: it asks about this folder"),
        (r"Hooks need review", "trust: it asks about hooks"),
        (r"Would you like to", "permission: it asks"),
        (r"Press enter to (confirm|continue)", "a dialog is open"),
    )
    doings = MappingProxyType({
        "UserPromptSubmit": "busy", "PermissionRequest": "asks", "PostToolUse": "busy",
        "Stop": "idle", "Interrupt": "idle",
    })  # fmt: skip

    def launch(self, spec: AgentSpec, *, resume: bool) -> Launch:
        # Its daemon would outlive the agent.
        always = ("--no-daemon", "--dangerously-bypass-hook-trust")
        return Launch(
            ("codex", *always, *self.flags[spec.permissions], *spec.args),
            self.files({"home/hooks.json": json.dumps({"hooks": self.hooks(_EVENTS)})}),
            {"CODEX_HOME": "{dir}/home"},
            _PREPARE + (_RESUME if resume else _NEW),
        )


KIND = Codex()
