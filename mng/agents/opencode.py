"""The kind `opencode`: OpenCode. Seen with 1.18.33. A plugin of mng's takes what is said."""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType

from mng.agents.kind import Launch
from mng.agents.program import SESSION, Program
from mng.model.spec import AgentSpec, MessageSpec

_PLUGIN = Path(__file__).with_name("plugins") / "opencode.js"
_PREPARE = SESSION + Path(__file__).with_name("scripts").joinpath("opencode.sh").read_text()
_NEW = 'rm -f "$MNG_AGENT_DIR/session"\n'
_RESUME = '[ -z "$session" ] || set -- --session "$session"\n'


class OpenCode(Program):
    name = "opencode"
    program = "opencode"
    package = "opencode-ai"
    login = ".local/share/opencode/auth.json"
    inbox = True
    proof = 10  # its first message takes it long
    credentials = (
        "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "OPENAI_API_KEY", "GEMINI_API_KEY",
        "OPENROUTER_API_KEY", "OPENCODE_API_KEY",
    )  # fmt: skip
    flags = MappingProxyType({
        "ask": ("ask", "ask"), "accept-edits": ("ask", "allow"), "bypass": ("allow", "allow"),
    })  # fmt: skip
    limits = (
        *Program.limits,
        (r"ProviderModelNotFound|ProviderAuth", "login: no such model for it"),
    )
    doings = MappingProxyType({
        "ready": "idle", "taken": "busy", "asked": "asks", "retry": "again", "error": "failed",
        "idle": "idle",
    })  # fmt: skip

    def launch(self, spec: AgentSpec, *, resume: bool) -> Launch:
        shell, edit = self.flags[spec.permissions]
        asks = {"bash": shell, "webfetch": shell, "external_directory": shell, "edit": edit}
        # Of a whole directory of plug-ins it would first install what they might need, from npm.
        config = {
            "permission": asks, "autoupdate": False, "plugin": ["file://{dir}/program/mng.js"],
        }  # fmt: skip
        model = dict(zip(spec.args, spec.args[1:], strict=False)).get("--model", "")
        return Launch(
            ("opencode", *spec.args),
            {"program/mng.js": _PLUGIN.read_bytes()},
            {
                "MNG_MODEL": model, "OPENCODE_CONFIG_CONTENT": json.dumps(config),
            },
            _PREPARE + (_RESUME if resume else _NEW),
        )  # fmt: skip

    def typed(self, message: MessageSpec) -> str:
        """Nothing is typed: a text goes to the model, and what is behind U+0001 to the composer."""
        return f"\x01{message.text}" if message.command else message.text

    def heard(self, typed: str) -> str:
        return typed


KIND = OpenCode()
