"""Floor 0. What things are: values only.

Nothing here reads a clock, a file or a machine, and nothing here imports pydantic (0.1 s of
start-up that `list` and `message` don't need).
"""
