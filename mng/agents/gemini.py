"""The kind `gemini`: Google's Gemini CLI. Seen with 0.61.0."""

from __future__ import annotations

import json
import re
from types import MappingProxyType

from mng.agents.kind import Composer, Launch
from mng.agents.program import SESSION, Event, Program, in_one_line, shared
from mng.model.spec import AgentSpec

_EVENTS = {"SessionStart": "", "BeforeAgent": "took '--- Content from referenced files ---'",
           "AfterAgent": "", "Notification": "", "AfterTool": "edited"}  # fmt: skip
_LOGIN = ".gemini/oauth_creds.json"
_PREPARE = (
    SESSION
    + 'own="$GEMINI_CLI_HOME/.gemini"\nmkdir -p "$own"\n'
    + shared(_LOGIN, "$own/oauth_creds.json", "GEMINI_API_KEY")
    + """\
how=gemini-api-key
[ -n "${GEMINI_API_KEY:-}" ] || [ ! -e "$own/oauth_creds.json" ] || how=oauth-personal
sed "s/\\"HOW\\"/\\"$how\\"/" "$MNG_AGENT_DIR/program/settings.json" >"$own/settings.json"
set -- --skip-trust
"""
)
_TOOLS = {"exec": "Shell", "edit": "Edit", "mcp": "MCP", "info": "Fetch"}
_NEW = """\
session=${MNG_AGENT_DIR##*/.}-0000-4000-8000-000000000000
echo "$session" >"$MNG_AGENT_DIR/session"
"""
# Each life begins a new head in the file. One in which nothing was said would hide all before it.
_BEGIN = r"""
for file in "$own"/tmp/*/chats/session-*-"${session%%-*}"*; do
    [ -f "$file" ] || continue
    again=1
    awk '/^{"sessionId":/ { held = ""; said = 0 }
        /^{"id":/ { printf "%s", held; held = ""; said = 1 }
        said { print; next }
        { held = held $0 "\n" }' "$file" >"$file.part"
    if [ -s "$file.part" ]; then mv "$file.part" "$file"; else rm -f "$file.part"; fi
done
if [ "${again:-}" = 1 ]; then set -- "$@" --resume "$session"
else set -- "$@" --session-id "${session:-${MNG_AGENT_DIR##*/.}-0000-4000-8000-000000000000}"; fi
"""


class Gemini(Program):
    name = "gemini"
    program = "gemini"
    package = "@google/gemini-cli"
    login = _LOGIN
    queues = False  # it joins what it has queued to one message
    named = MappingProxyType({"name": "mng"})  # else it shows the whole command at each turn
    enter_delay = 0.5  # Enter within its paste window is swallowed
    credentials = ("GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL")
    # The line above the folder's name is there with the composer, and a dialog hides both.
    composer = Composer(
        empty="^ [>!*] +Type your message", there="^ workspace [(]/directory[)]", dialog="^╰─"
    )
    flags = MappingProxyType(
        {
            "ask": ("--approval-mode", "default"),
            "accept-edits": ("--approval-mode", "auto_edit"),
            "bypass": ("--approval-mode", "yolo"),
        }
    )
    dialogs = (
        (r"Do you trust", "trust: it asks about this folder"),
        (r"How would you like to authenticate|Enter Gemini API Key", "login: it has none"),
        (r"Allow execution|Apply this change\\?", "permission: it asks"),
    )
    working = r"\(esc to cancel"
    # It resumes behind a composer that is there already, and takes that away for a moment: what is
    # pasted meanwhile is lost.
    opening = "SessionStart"
    doings = MappingProxyType({
        "SessionStart": "idle", "BeforeAgent": "busy", "AfterTool": "busy", "AfterAgent": "idle",
        "Notification": "asks",
    })  # fmt: skip

    def launch(self, spec: AgentSpec, *, resume: bool) -> Launch:
        settings = {
            "security": {"auth": {"selectedType": "HOW"}},
            "general": {"disableAutoUpdate": True, "enableAutoUpdate": False},
            "hooks": self.hooks(_EVENTS),
        }
        return Launch(
            ("gemini", *self.flags[spec.permissions], *spec.args),
            self.files({"program/settings.json": json.dumps(settings)}),
            {"GEMINI_CLI_HOME": "{dir}/home"},
            _PREPARE + ("" if resume else _NEW) + _BEGIN,
        )

    def asked(self, event: Event) -> str:
        details = event.payload.get("details") or {}
        tool = _TOOLS.get(str(details.get("type")), "a tool")
        keys = ("command", "fileName", "toolName", "prompt")
        return in_one_line(tool, {key: details[key] for key in keys if key in details})

    def plain(self, text: str) -> str:
        """It looks for a command behind blanks, too, but not behind a joiner without width."""
        return f"\u2060{text}" if re.match(r"\s*(/(?![^\s/]+/)|!)", text) else text


KIND = Gemini()
