"""The kind `command`: any program. It is ready when it has drawn and is quiet."""

from __future__ import annotations

import re

from mng.agents.kind import AgentKind, Facts, Launch, Sighting
from mng.errors import UsageError
from mng.model.spec import AgentSpec
from mng.model.world import AgentState

# Shell text that means the same without a shell, so that none stands between tmux and the program.
_PLAIN = re.compile(r"[\w./:@,+-][\w./:@,+= -]*", re.ASCII)
_BUILTINS = frozenset(
    [
        ".",
        ":",
        "alias",
        "bg",
        "break",
        "case",
        "cd",
        "command",
        "continue",
        "eval",
        "exec",
        "exit",
        "export",
        "fg",
        "for",
        "getopts",
        "hash",
        "if",
        "jobs",
        "local",
        "read",
        "readonly",
        "return",
        "set",
        "shift",
        "source",
        "times",
        "trap",
        "type",
        "ulimit",
        "umask",
        "unalias",
        "unset",
        "until",
        "wait",
        "while",
    ]
)


class Command(AgentKind):
    name = "command"
    settles = 0.5

    def launch(self, spec: AgentSpec, *, resume: bool) -> Launch:
        if isinstance(spec.command, tuple):
            return Launch((*spec.command, *spec.args))
        if spec.command is None:
            raise UsageError("an agent of type command needs a command", hint="command: PROGRAM")
        if _PLAIN.fullmatch(spec.command) and spec.command.split()[0] not in _BUILTINS:
            return Launch((*spec.command.split(), *spec.args))
        return Launch(("sh", "-c", spec.command, "sh", *spec.args))

    def looks(self, spec: AgentSpec) -> bool:
        return spec.ready is not None

    def patience(self, spec: AgentSpec) -> float | None:
        return 1.0 if spec.ready is None else None

    def sight(self, spec: AgentSpec, facts: Facts) -> Sighting:
        calm = facts.idle
        if spec.ready is not None:
            calm = facts.quiet  # it may be one that polls its terminal between two naps
            if facts.screen is None or not re.search(spec.ready, facts.screen, re.MULTILINE):
                return Sighting(AgentState.STARTING, f"{spec.ready!r} is not on its screen yet")
        elif not facts.drawn and not facts.reads:
            return Sighting(AgentState.STARTING, "has drawn nothing yet")
        if calm < self.settles:
            return Sighting(AgentState.RUNNING, "at work")
        return Sighting(
            AgentState.WAITING, "quiet" if facts.drawn else "reads its terminal", facts.since
        )


KIND = Command()
