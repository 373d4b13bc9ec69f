"""usage: reader.py FILE [SECONDS [WORDS [HOW]]]

Reads its terminal in raw mode with bracketed paste, and appends all that it reads to FILE.
Before that it says WORDS, looks away for SECONDS, and drops what was typed meanwhile.
HOW it looks away: it sleeps, naps often, computes, or waits for a child.
"""

from __future__ import annotations

import os
import subprocess
import sys
import termios
import time
import tty

path, seconds, words, how = [*sys.argv[1:], *("", "0", "", "sleeps")[len(sys.argv) - 1 :]]
if words:
    os.write(1, words.encode() + b"\r\n")
ends = time.monotonic() + float(seconds)
if how == "sleeps":
    time.sleep(float(seconds))
elif how == "child":
    subprocess.run(["sleep", seconds], check=True)
while time.monotonic() < ends:
    if how == "naps":
        time.sleep(0.05)
tty.setraw(0, termios.TCSAFLUSH)
os.write(1, b"\x1b[?2004hready\r\n")
with open(path, "ab", buffering=0) as file:
    while data := os.read(0, 65536):
        file.write(data)
