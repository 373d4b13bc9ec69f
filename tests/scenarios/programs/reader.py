"""usage: reader.py FILE [SECONDS [WORDS]]

Reads its terminal in raw mode with bracketed paste, and appends all that it reads to FILE.
Before that it says WORDS, looks away for SECONDS, and drops what was typed meanwhile.
"""

from __future__ import annotations

import os
import sys
import termios
import time
import tty

path, seconds, words = (*sys.argv[1:], "0", "")[:3]
if words:
    os.write(1, words.encode() + b"\r\n")
time.sleep(float(seconds))
tty.setraw(0, termios.TCSAFLUSH)
os.write(1, b"\x1b[?2004hready\r\n")
with open(path, "ab", buffering=0) as file:
    while data := os.read(0, 65536):
        file.write(data)
