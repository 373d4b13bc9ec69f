"""Floor 1. Decisions: what to do so that the world becomes what is desired.

Pure. Nothing here reads a clock, a file or a machine; give it values, get a plan.
"""
