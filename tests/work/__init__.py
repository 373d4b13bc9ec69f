"""Real git, real shells, and a host that is a directory."""
