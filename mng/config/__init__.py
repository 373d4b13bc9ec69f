"""Floor 1. YAML text -> Desired: read, merge, render, check, resolve.

The only package that knows YAML, templates and pydantic. It reads the files it is given, the
message files they name and the environment; it never writes, observes a host or decides anything.
"""
