"""Run as `python3 DIRECTORY/demo_tui`, which is a package no matter where it lies."""

import os
import sys
from importlib import import_module

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
import_module("demo_tui.app").main(sys.argv[1:])
