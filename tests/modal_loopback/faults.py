"""Faults that tests inject: a file of rules, read anew whenever it changes.

The file is a JSON list of objects. `rpc` is a glob over RPC names, `kind` one of those below,
`after` the number of matching calls that pass first (0), `times` how many are hit then (1; null
for all); `seconds`, `at`, `status`, `message` and `chunks` belong to single kinds.

latency          the answer waits `seconds`
unavailable      UNAVAILABLE before anything is done
lost             it is done, then UNAVAILABLE instead of the answer
status           the gRPC `status` with `message`, before anything is done
exhausted        RESOURCE_EXHAUSTED with a retry policy of `seconds`
unauthenticated  as if the token were wrong
short_token      tokens in the answer are good for `seconds` only
stale            SandboxList*: the world as it was `seconds` ago, or `at` a time of the clock
terminate        the sandbox it speaks of is killed `seconds` after the call began
cut              the connection breaks after `chunks` messages of the answer, or `seconds`
"""

import fnmatch
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

KINDS = {"latency", "unavailable", "lost", "status", "exhausted", "unauthenticated"}
KINDS |= {"short_token", "stale", "terminate", "cut"}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the file."""

    rpc: str
    kind: str
    after: int = 0
    times: int | None = 1
    seconds: float = 0.0
    at: float | None = None
    status: str = "INTERNAL"
    message: str = "a fault was injected"
    chunks: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault is of kind {self.kind!r}")


@dataclass
class Faults:
    """The rules of a file and how often each one matched; unchanged rules keep their count."""

    path: Path | None = None
    _stamp: tuple[int, int, int] = (0, 0, 0)
    _rules: list[Rule] = field(default_factory=list)
    _matches: dict[tuple[int, Rule], int] = field(default_factory=dict)

    def hit(self, rpc: str) -> dict[str, Rule]:
        """The rules that this call of `rpc` meets, by kind; the first of a kind wins."""
        self._read()
        found: dict[str, Rule] = {}
        for rule in self._counted(rpc):
            found.setdefault(rule.kind, rule)
        return found

    def _counted(self, rpc: str) -> Iterator[Rule]:
        for place, rule in enumerate(self._rules):
            if fnmatch.fnmatchcase(rpc, rule.rpc):
                seen = self._matches.get((place, rule), 0)
                self._matches[place, rule] = seen + 1
                if rule.after <= seen and (rule.times is None or seen < rule.after + rule.times):
                    yield rule

    def _read(self) -> None:
        if self.path is None:
            return
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            self._rules = []
            return
        stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        if stamp != self._stamp:
            text = self.path.read_text()
            self._rules = [Rule(**fields) for fields in json.loads(text)] if text.strip() else []
            kept = set(enumerate(self._rules))
            self._matches = {key: n for key, n in self._matches.items() if key in kept}
            self._stamp = stamp
