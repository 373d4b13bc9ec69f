"""The kind `claude`: Claude Code. Seen with 2.1.197."""

from __future__ import annotations

import json
import re
import unicodedata
from types import MappingProxyType
from typing import Any

from mng.agents.kind import Composer, Facts, Launch
from mng.agents.program import SESSION, Event, Program, shared, trusted
from mng.model.spec import AgentSpec

_EVENTS = {
    "SessionStart": "", "UserPromptSubmit": "took", "PermissionRequest": "", "Stop": "told",
    "StopFailure": "told", "PostToolUse": "edited",
}  # fmt: skip

# What a person would be asked at a first start is settled in the agent's own configuration.
_CONFIG = '{"hasCompletedOnboarding":true,"theme":"dark",'
_CONFIG += '"projects":{"%s":{"hasTrustDialogAccepted":true}}}'
_LOGIN = ".claude/.credentials.json"
_PREPARE = (
    SESSION
    + 'mkdir -p "$CLAUDE_CONFIG_DIR"\n[ -e "$CLAUDE_CONFIG_DIR/.claude.json" ] || '
    + trusted(_CONFIG)
    + ' >"$CLAUDE_CONFIG_DIR/.claude.json"\n'
    + shared(
        _LOGIN, "$CLAUDE_CONFIG_DIR/.credentials.json",
        "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN",
    )
    + """\
settings=settings
# A key in its usual variable is asked about, and a part of it written down; a helper's is not.
if [ -n "${ANTHROPIC_API_KEY:-}" ]; then
    export MNG_API_KEY="$ANTHROPIC_API_KEY"
    unset ANTHROPIC_API_KEY
    settings=settings-key
fi
set -- --settings "$MNG_AGENT_DIR/program/$settings.json"
"""
)  # fmt: skip
# Its status file follows its hooks by up to a second or two.
_BEGINS = frozenset(["UserPromptSubmit", "PermissionRequest"])
_LAGS = 3.0  # seconds of quiet after which that file is right, whatever a hook has told
_ENDS = frozenset(["exit", "quit", ":q", ":q!", ":wq", ":wq!"])
# 2.1.332 looks for its commands behind blanks, and what has no width it takes out of a text before.
# An empty Braille cell is neither of these, and nothing is to be seen of it.
_CELL = "\u2800"
_NEW = """\
session=${MNG_AGENT_DIR##*/.}-0000-4000-8000-000000000000
echo "$session" >"$MNG_AGENT_DIR/session"
"""
_RESUME = """\
for file in "$CLAUDE_CONFIG_DIR"/projects/*/"$session".jsonl; do
    [ ! -f "$file" ] || again=1
done
"""
_BEGIN = 'if [ "${again:-}" = 1 ]; then set -- "$@" --resume "$session"; else '
_BEGIN += 'set -- "$@" --session-id "$session"; fi\n'


class Claude(Program):
    name = "claude"
    program = "claude"
    package = "@anthropic-ai/claude-code"
    login = _LOGIN
    credentials = (
        "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN",
        "ANTHROPIC_BASE_URL",
    )  # fmt: skip
    # Its composer's glyph has a no-break space behind it; those of its history and dialogs haven't.
    composer = Composer(empty="^❯\u00a0 *$", there="^❯\u00a0")
    flags = MappingProxyType(
        {
            "ask": ("--permission-mode", "default"),  # whatever the tree's own settings say
            "accept-edits": ("--permission-mode", "acceptEdits"),
            "bypass": ("--dangerously-skip-permissions",),
        }
    )
    dialogs = (
        (r"(?m)^ ?(Quick safety check|Do you trust the files)", "trust: it asks about this folder"),
        (r"Detected a custom API key", "login: it asks whether to use the API key"),
        (r"Select login method|Choose the text style|Please run /login", "login: it has none"),
        (r"Bypass Permissions mode", "trust: it asks about bypassing permissions"),
        (r"Do you want to proceed\?|Do you want to (make|create)", "permission: it asks"),
        (r"Enter to (confirm|select)", "a dialog is open"),
    )
    doings = MappingProxyType({"StopFailure": "failed"})
    retries = r"API error · Retrying.*|Retrying in .*"
    rests = ("home/sessions/{pid}.json", '"status": *"idle"')

    def launch(self, spec: AgentSpec, *, resume: bool) -> Launch:
        bypass = spec.permissions == "bypass"
        settings = {
            "hooks": self.hooks(_EVENTS), "skipDangerousModePermissionPrompt": bypass,
            "promptSuggestionEnabled": False,
            "disableDeepLinkRegistration": "disable",  # it would leave a file in the user's home
        }  # fmt: skip
        key = {**settings, "apiKeyHelper": 'printf %s "$MNG_API_KEY"'}
        files = {
            "program/settings.json": json.dumps(settings),
            "program/settings-key.json": json.dumps(key),
        }
        return Launch(
            ("claude", *self.flags[spec.permissions], *spec.args),
            self.files(files),
            {"CLAUDE_CONFIG_DIR": "{dir}/home", **({"IS_SANDBOX": "1"} if bypass else {})},
            _PREPARE + (_RESUME if resume else _NEW) + _BEGIN,
        )

    def plain(self, text: str) -> str:
        """One word ends it, even between blanks."""
        seen = "".join(c for c in text if unicodedata.category(c) != "Cf").strip()
        if seen in _ENDS:
            return f"{text}{_CELL}"
        return f"{_CELL}{text}" if re.match(r"/(?![^\s/]+/)|!", seen) else text

    def heard(self, typed: str) -> str:
        return unicodedata.normalize("NFC", typed.replace("\t", "    ")).rstrip()

    def doing(self, facts: Facts, event: Event) -> tuple[str, int | None]:
        """Its own status file decides, if this very process wrote it; a failure is an event."""
        own = _own(facts)
        since = int(own.get("statusUpdatedAt", 0) / 1000) or None
        match own.get("status"):
            case "waiting":
                return "asks", since
            case "busy":
                return "busy", since
            case "idle" if _has_begun(own, event, facts):
                return "busy", event.at
            case "idle":
                return self.doings.get(event.name, "idle"), since
            case _:
                return "", None

    def waits_for(self, event: Event, facts: Facts) -> str:
        what = str(_own(facts).get("waitingFor", ""))
        if what and "permission" not in what:
            return f"a dialog is open: {what}"
        return super().waits_for(event, facts)


def _has_begun(own: dict[str, Any], event: Event, facts: Facts) -> bool:
    """A turn goes on that the status does not tell of yet. Of one that Esc ends its screen alone
    tells, and no hook may follow a prompt that another hook has refused."""
    said = re.split(r"(?m)^❯ ", facts.screen or "")[-1]  # since the last text that it was given
    if re.search(r"⎿\s*Interrupted", said):
        return False
    then = int(own.get("statusUpdatedAt", 0) / 1000)  # an event's time is in whole seconds, too
    return event.name in _BEGINS and (event.at or 0) >= then and facts.quiet < _LAGS


def _own(facts: Facts) -> dict[str, Any]:
    """What it says of itself, if this very process has written it."""
    try:
        own = json.loads(facts.files.get(f"home/sessions/{facts.pid}.json", "{}"))
    except ValueError:
        return {}
    return own if isinstance(own, dict) else {}


KIND = Claude()
