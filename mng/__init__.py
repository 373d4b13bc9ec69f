"""Teams of coding agents on shared hosts, described in a file and converged by one command."""

__version__ = "0.1.0"
