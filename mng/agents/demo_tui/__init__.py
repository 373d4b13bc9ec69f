"""demo: a small agent that ships with mng, so that mng can be tried without any account.

usage: python3 demo_tui [--busy SECONDS] [--slow-start SECONDS] [--resume] [--no-commit]

  --busy SECONDS        how long it works on a message (default 1.0)
  --slow-start SECONDS  sleep before the terminal is read; what was typed until then is lost
  --resume              show the old conversation first
  --no-commit           write notes/NAME.md, but leave it uncommitted

Self-contained, for any Python from 3.8: this directory alone is sent to a host, where it is the
process of a tmux pane. It reads MNG_AGENT, MNG_HOST, MNG_TEAM, and MNG_AGENT_DIR for its records:
transcript.jsonl says what it was told, evidence the digest of each such text, and, only while it
lives, status.json what it is doing and draft that its composer holds text.
"""
