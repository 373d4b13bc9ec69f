"""What others may know about this agent, as files."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator


class Records:
    """transcript.jsonl, evidence, status.json, draft. All but `close` may raise OSError."""

    def __init__(self, directory: str) -> None:
        if not directory:
            import tempfile  # 10 ms that an agent of mng does not need

            directory = tempfile.mkdtemp(prefix="mng-demo-")
        os.makedirs(directory, exist_ok=True)
        self.transcript = os.path.join(directory, "transcript.jsonl")
        self.evidence = os.path.join(directory, "evidence")
        self.status = os.path.join(directory, "status.json")
        self.new_status = f"{self.status}.{os.getpid()}"
        self.draft = os.path.join(directory, "draft")
        self.drafted = False
        self.state = ("", "", 0)
        self.since = 0.0

    def append(self, kind: str, text: bytes) -> None:
        """One line, in one write. What was told leaves its digest as evidence, too."""
        entry = {"type": kind, "text": text.decode("utf-8", "surrogateescape"), "at": time.time()}
        if kind == "user":
            import hashlib  # loads OpenSSL: not before the first message

            entry["digest"] = hashlib.sha256(text).hexdigest()[:16]
        add_line(self.transcript, json.dumps(entry))
        if kind == "user":
            add_line(self.evidence, str(entry["digest"]))

    def read(self) -> Iterator[tuple[str, bytes]]:
        """The last conversation. A line that a kill cut short is left out."""
        with open(self.transcript, encoding="utf-8", errors="replace") as file:
            for line in file.readlines()[-1000:]:
                with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                    entry = json.loads(line)
                    yield str(entry["type"]), entry["text"].encode("utf-8", "surrogateescape")

    def report(self, state: str, reason: str, queued: int) -> None:
        """Bring status.json up to date. since: when state or reason last changed."""
        if (state, reason, queued) == self.state:
            return
        if (state, reason) != self.state[:2]:
            self.since = time.time()
        self.state = (state, reason, queued)
        entry = {"pid": os.getpid(), "state": state, "reason": reason, "since": self.since}
        with open(self.new_status, "w", encoding="utf-8") as file:
            json.dump({**entry, "queued": queued}, file)
        os.replace(self.new_status, self.status)

    def mark_draft(self, there: bool) -> None:
        """Tell whether the composer holds text, which nobody else may send with theirs."""
        if there == self.drafted:
            return
        self.drafted = there
        if there:
            with open(self.draft, "w", encoding="utf-8") as file:
                file.write(str(os.getpid()))
        else:
            os.unlink(self.draft)

    def close(self) -> None:
        for path in (self.status, self.new_status, self.draft):
            with contextlib.suppress(OSError):
                os.unlink(path)


def add_line(path: str, text: str) -> None:
    with open(path, "ab", buffering=0) as file:
        file.write(text.encode() + b"\n")
