"""usage: composer.py FILE [DEAF [AWAY]]

A program with a composer as agents have one: what is typed stands behind `>`, `[Pasted text]` in
the place of a paste of several lines, and Enter makes of it a line of JSON at the end of FILE, but
for the first DEAF times: then it is a new line, or nothing is on the screen for AWAY seconds.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
import tty

EMPTY, THERE = "^> *$", "^> "


def main(path: str, deaf: int = 0, away: float = 0) -> None:
    tty.setraw(0)
    draft: list[str] = []
    os.write(1, b"\x1b[?2004h\x1b[2J")
    data = b""
    while True:
        shown = "".join(draft)
        os.write(1, f"\x1b[4;1H  below\x1b[1;1H\x1b[2K\n\x1b[2K\x1b[1;1H> {shown}".encode())
        chunk = os.read(0, 1 << 16)
        if not chunk:
            return
        data += chunk
        if data.startswith(b"\x1b") and not data.endswith(b"\x1b[201~"):
            continue  # the rest of a paste is still to come
        for key in re.findall(r"(?s)\x1b\[200~.*?\x1b\[201~|.", data.decode()):
            if key == "\r" and deaf:
                deaf -= 1
                os.write(1, b"\x1b[2J" if away else b"")
                time.sleep(away)
                draft += [] if away else ["\r\n"]
            elif key == "\r":
                with open(path, "a") as out:
                    out.write(json.dumps("".join(draft).rstrip("\r\n")) + "\n")
                draft = []
            elif key == "\x7f":
                draft = draft[:-1]
            elif len(key) > 1:
                text = key.removeprefix("\x1b[200~").removesuffix("\x1b[201~")
                draft += ["[Pasted text]"] if "\n" in text else list(text)
            else:
                draft.append(key)
        data = b""


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
