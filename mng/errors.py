"""The tree of errors. Each class knows its exit status; each error, what to type next."""

from __future__ import annotations

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def printable(text: str) -> str:
    """The text without what a terminal would obey: a host's words are not always its owner's."""
    return _CONTROL.sub("\ufffd", text)


class MngError(Exception):
    """Something the user can act on: what was found, and what to type next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(printable(message))
        self.hint = printable(hint)


class UsageError(MngError):
    """The command line asks for something that can't be asked."""

    exit_code = 2


class InvalidFile(MngError):
    """A file has faults; `report` is every one of them, ready to print."""

    exit_code = 2

    def __init__(self, message: str, *, report: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.report = report


class IsHeld(MngError):
    """Nothing was done, since it needs the user's word."""

    exit_code = 3


class NotFound(MngError):
    """No host, agent or team has that name, or more than one has."""

    exit_code = 4


class MissingProgram(MngError):
    """A program that mng needs is not on this machine."""


class HostError(MngError):
    """A host can't do what was asked of it."""


class HostUnreachable(HostError):
    """A host did not answer. It may be alive: unknown is not gone."""


class HostGone(HostError):
    """A host is not there any more, or another one has its name."""


class NotOurs(HostError):
    """Something has the right name but not mng's marks. It is never used and never killed."""


class AgentError(MngError):
    """An agent is not there, or not as the plan found it."""


class SetupFailed(HostError):
    """A host's own `setup` ended with a status other than 0."""


class SaveFailed(MngError):
    """Work could not be saved, so what holds it stays."""


class TimedOut(MngError):
    """The user's own `--timeout` has passed."""

    exit_code = 124


class CannotRun(MngError):
    """`exec` could not run the command at all."""

    exit_code = 125
