"""usage: sleeper.py [STATUS]   lives until it reads a line, then ends with STATUS."""

from __future__ import annotations

import sys

print("waits for a line", flush=True)
sys.stdin.readline()
sys.exit(int((*sys.argv[1:], "0")[0]))
