"""Floor 1. Programs in tmux: what each kind needs, and the scripts that are all that knows tmux.

Nothing here decides what shall be; it tells what is and does one thing at a time.
"""
