"""usage: talker.py FILE

Takes messages as an agent does: raw mode, bracketed paste, Enter submits. Each message that is
submitted becomes one line of JSON at the end of FILE, whichever incarnation wrote the others.
"""

from __future__ import annotations

import json
import os
import sys
import tty

BEGIN, END = b"\x1b[200~", b"\x1b[201~"


def main(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    tty.setraw(0)
    os.write(1, b"\x1b[?2004hready\r\n")
    data, draft, pasting = b"", b"", False
    while chunk := os.read(0, 1 << 16):
        data += chunk
        while data:
            mark = END if pasting else BEGIN
            text, found, rest = data.partition(mark)
            if not found and not pasting and b"\r" not in data and b"\x1b" in data:
                break  # the rest of a mark is still to come
            if not pasting and b"\r" in text:
                line, _, data = data.partition(b"\r")
                words = (draft + line).decode("utf-8", "surrogateescape")
                os.write(out, json.dumps(words).encode() + b"\n")
                os.write(1, b"ok\r\n")
                draft = b""
            elif found:
                draft, data, pasting = draft + text, rest, not pasting
            else:
                keep = len(mark) - 1 if pasting else 0
                cut = max(0, len(data) - keep)
                draft, data = draft + data[:cut], data[cut:]
                break


main(sys.argv[1])
