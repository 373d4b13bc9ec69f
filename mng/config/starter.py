"""The file that `mng init` writes."""

from __future__ import annotations

_STARTER = """\
# What `mng up` makes so. `mng plan` shows what it would do; `mng validate` checks this file.
name: {name}

hosts:
  {name}:
    provider: local             # local | modal
    source: .                   # what the agents work on: a git repository or a folder
    # setup: pip install -r requirements.txt    # once per host, before any agent

  # there:                      # a sandbox in the cloud
  #   provider: modal
  #   source: .
  #   timeout: 8h
  #   modal:
  #     image: {{python: "3.12", apt: [git, tmux]}}
  #     cpu: 2
  #     memory: 4GiB
  #     secrets: [anthropic]    # names of Modal secrets

agents:
  first:
    host: {name}
    type: demo                  # answers what it is told; needs nothing installed
    message: Hello from the file.

  # lead:
  #   host: {name}
  #   type: claude              # Claude Code
  #   args: [--model, opus]
  #   after: {{first: ready}}     # started | ready | idle | done
  #   messages:                 # new ones go to the end; `mng up` sends what is new
  #     - Read the README and list what is unclear.
  #     - text: Write it down in NOTES.md.
  #       when: idle
"""


def starter(name: str) -> str:
    """A short file to begin with, valid as it is. name: the team, and its host."""
    return _STARTER.format(name=f'"{name}"' if name in ("true", "false", "null") else name)
