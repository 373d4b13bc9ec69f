"""Floor 1. Machines: one file per provider, each an entry point, and how to reach them."""
