"""What every test relies on."""

from __future__ import annotations

import signal

# Whoever starts the tests in the background has Ctrl-C ignored, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
