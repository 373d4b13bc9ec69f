"""Names and addresses: `HOST.PROVIDER`, `AGENT@HOST`, `AGENT@HOST.PROVIDER`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mng.errors import UsageError

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
NAME_RULE = "a-z, 0-9 and -, at most 40 characters, not starting with -"

MESSAGE_ID = re.compile("[a-z0-9][a-z0-9-]{0,59}")
MESSAGE_ID_RULE = "a-z, 0-9 and -, at most 60 characters"
ENV_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def check_name(text: str) -> str:
    """The name itself. Raises UsageError if it is none."""
    if NAME.fullmatch(text):
        return text
    raise UsageError(f"{text!r} is not a name", hint=f"a name is {NAME_RULE}")


RESERVED = ("saved", "source")  # what a host has is brought to refs/mng/HOST, where these lie, too


def check_host_name(name: str) -> None:
    """Raise UsageError for a name that no host may have."""
    if name in RESERVED:
        raise UsageError(
            f"no host can be named {name!r}: refs/mng/{name} is taken", hint="another name"
        )


@dataclass(frozen=True, slots=True, order=True)
class HostName:
    """A host's identity: its provider and its name there."""

    provider: str
    name: str

    def __str__(self) -> str:
        return f"{self.name}.{self.provider}"


@dataclass(frozen=True, slots=True, order=True)
class AgentName:
    """An agent's identity: its host and its name there."""

    host: HostName
    name: str

    def __str__(self) -> str:
        return f"{self.name}@{self.host.name}"


@dataclass(frozen=True, slots=True)
class Address:
    """What a user typed to name something; the parts left out are None."""

    name: str
    host: str | None = None
    provider: str | None = None

    def __str__(self) -> str:
        at = f"@{self.host}" if self.host else ""
        return f"{self.name}{at}" + (f".{self.provider}" if self.provider else "")


def parse_address(text: str) -> Address:
    """`NAME`, `HOST.PROVIDER`, `AGENT@HOST` or `AGENT@HOST.PROVIDER`. Raises UsageError.

    `NAME.PROVIDER` names a host: an agent's provider is only ever written behind its host.
    """
    name, at, rest = text.partition("@")
    if not at:
        name, dot, provider = text.partition(".")
        return Address(check_name(name), None, check_name(provider) if dot else None)
    host, dot, provider = rest.partition(".")
    return Address(check_name(name), check_name(host), check_name(provider) if dot else None)
