"""What is typed: a terminal's bytes as keys and pastes."""

from __future__ import annotations

import re
from collections.abc import Iterator

PASTE_BEGIN, PASTE_END = b"\x1b[200~", b"\x1b[201~"


class Keys:
    """A terminal's bytes as ("text" | "key" | "sequence" | "paste", bytes), however reads cut them.

    Source: xterm control sequences, bracketed paste mode.
    """

    TOKEN = re.compile(
        rb"(?P<text>[^\x00-\x08\x0b-\x1f\x7f]+)"  # TAB and LF are text, only CR submits
        rb"|(?P<sequence>\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~]))"
        rb"|(?P<partial>\x1b(?:\[[0-?]*[ -/]*|O)?\Z)"
        rb"|(?P<key>[\x00-\x1f\x7f])"
    )

    def __init__(self) -> None:
        self.partial = b""
        self.pasted: bytearray | None = None

    @property
    def undecided(self) -> bool:
        """An ESC came last: a key, or a sequence whose rest is still to come."""
        return bool(self.partial) and self.pasted is None

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        data, self.partial = self.partial + data, b""
        while data:
            if self.pasted is not None:
                body, end, rest = data.partition(PASTE_END)
                if not end:  # the end may be cut in two: its length less one is looked at again
                    self.pasted += data[:-5]
                    self.partial = data[-5:]
                    return
                body, self.pasted, data = bytes(self.pasted + body), None, rest
                yield "paste", body
                continue
            token = self.TOKEN.match(data)
            assert token, "every byte begins a token"
            found, data = token.group(), data[token.end() :]
            if token.lastgroup == "partial":
                self.partial = found
            elif found == PASTE_BEGIN:
                self.pasted = bytearray()
            else:
                yield str(token.lastgroup), found

    def decide(self) -> Iterator[tuple[str, bytes]]:
        """Nothing followed in time, so what looked like a sequence is keys."""
        rest, self.partial = self.partial[1:], b""
        yield "key", b"\x1b"
        yield from self.feed(rest)
