"""Floor 2. The imperative shell: threads, clocks, the order of effects.

It carries no decisions: those are in the plan that it is given. It never sees YAML.
"""
