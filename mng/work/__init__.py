"""Floor 1. The repository: in to a host, its setup, and out again before the host goes.

Everything on a host happens in POSIX shell scripts (`scripts/*.sh`) that travel over the host's
transport; trees and objects travel as streams, never as command lines. Nothing here knows what an
agent or a provider is, and nothing here moves the user's branches, index or files.
"""
