"""And if it dies there? Real commands, killed; then run again."""
