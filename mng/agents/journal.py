"""An agent's journal, and the evidence that its program leaves: how far its messages came."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from mng.agents.kind import QUEUES, AgentKind
from mng.agents.remote import ledger_of
from mng.model.world import Sent, SentState

_FRESH = 3  # seconds for which a text may stand in a composer behind its Enter


class Journal:
    """An agent's journal, read to its end. What survives a dead tmux server."""

    def __init__(self, lines: list[str]) -> None:
        self.incarnation = self.stopped = self.exited = ""
        self.status: int | None = None
        self.signal: int | None = None
        self.last = 0
        self.sent: dict[str, Sent] = {}
        self.origins: dict[str, str] = {}
        self.begun: dict[str, tuple[str, int]] = {}  # key -> digest, evidence seen before
        self.provable: set[str] = set()  # the keys of what evidence was awaited for
        self.behind: set[str] = set()  # the keys of what was said to a busy agent
        self.times: dict[str, int] = {}
        self.damage = ""  # the first line that mng has never written so
        for line in lines:
            time, *words = line.split(" ")
            try:
                self.last = int(time)
                self._read(words[0], words[1:])
            except (ValueError, IndexError):
                self.damage = self.damage or line

    def _read(self, word: str, args: list[str]) -> None:
        match word, args:
            case "started", [incarnation, _, *carried]:
                self.incarnation, self.stopped, self.exited = incarnation, "", ""
                self.sent = {entry.key: entry for entry in ledger_of(" ".join(carried))}
            case "begun", [key, origin, digest, before, *more]:
                self.origins[key], self.begun[key] = origin, (digest, int(before))
                # Of a command there is none, and an mng of before did not tell.
                if more[1:] not in ([], ["0"]):
                    self.provable.add(key)
                if more[1:] == [str(QUEUES)]:
                    self.behind.add(key)
                else:
                    self.behind.discard(key)
                self._entry(key, SentState.BEGUN)
            case "unbegun", [key]:
                self.sent.pop(key, None)
            case "swallowed", [_]:
                pass  # a dialog was open; whether it was taken all the same, evidence tells
            case (("submitted" | "accepted" | "recorded"), [key]):
                self._entry(key, SentState(word))
            case "exit", [incarnation, status, signal]:
                self.exited = incarnation
                self.status = number(status.strip("-"))
                self.signal = number(signal.strip("-"))
            case "stopped", [incarnation]:
                self.stopped = incarnation
            case _ if word != "ended":
                raise ValueError(word)

    def _entry(self, key: str, state: SentState) -> None:
        self.sent.pop(key, None)
        self.sent[key] = Sent(key, state, self.origins.get(key, "file"))
        self.times[key] = self.last

    def entered(self, now: int) -> bool:
        """Enter was pressed on a message just now, and nothing has proved yet that it was taken."""
        return any(
            entry.state is SentState.SUBMITTED and now - self.times.get(entry.key, 0) < _FRESH
            for entry in self.sent.values()
        )

    def queued(self, sent: Sent) -> bool:
        """It was said to a busy agent, whose program has not taken it yet while it is at work."""
        return sent.state is SentState.SUBMITTED and sent.key in self.behind

    def proven(self, sent: Iterable[Sent], evidence: list[str]) -> Iterator[Sent]:
        """The ledger, with what the agent has taken only after its deliverer had left."""
        for entry in sent:
            doubt = entry.state in (SentState.SUBMITTED, SentState.UNCERTAIN)
            late = doubt and self._taken(entry.key, evidence)
            yield dataclasses.replace(entry, state=SentState.ACCEPTED) if late else entry

    def settled(self, sent: Iterable[Sent], evidence: list[str], kind: AgentKind) -> Iterator[Sent]:
        """The ledger of a process that has ended: of what was begun or submitted, evidence decides.

        What it had queued ended with it. What a person said by hand is never dropped.
        """
        for entry in self.proven(sent, evidence):
            state = entry.state
            begun = state is SentState.BEGUN
            if begun and self._taken(entry.key, evidence):
                state = SentState.ACCEPTED
            elif begun and kind.proof and entry.origin == "file":
                continue  # never said, so that it is to be sent
            elif begun or (state is SentState.SUBMITTED and entry.key in self.provable):
                state = SentState.UNCERTAIN
            yield dataclasses.replace(entry, state=state)

    def _taken(self, key: str, evidence: list[str]) -> bool:
        digest, before = self.begun.get(key, ("", 0))
        return evidence.count(digest) > before


def number(text: str) -> int | None:
    return int(text) if text else None
