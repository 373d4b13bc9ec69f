"""What a user does, and what becomes of it: real commands, real tmux, real git."""
