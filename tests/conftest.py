"""What every test relies on."""

from __future__ import annotations

import signal

from tests.modal_loopback.fixture import loopback, modal_server

__all__ = ["loopback", "modal_server"]

# Whoever starts the tests in the background has Ctrl-C ignored, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
