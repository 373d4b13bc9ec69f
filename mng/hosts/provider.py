"""A source of machines, and where to find those that are installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from mng.errors import UsageError
from mng.model.installed import Installed
from mng.model.name import HostName
from mng.model.spec import HostSpec, Owner
from mng.model.transport import Machine
from mng.model.world import LiveHost

# Ours are entry points too; looking up entry points costs 0.03 s, so only strangers pay it.
_OURS = {"local": "mng.hosts.local", "modal": "mng.hosts.modal"}
PROVIDERS = Installed("mng.providers", _OURS)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Foreign:
    """Something of that name that mng did not make."""

    name: HostName


class Provider(Protocol):
    """A source of machines. What it makes carries mng's marks from its first moment."""

    def check(self) -> None:
        """Raise MissingProgram for what this machine lacks to use the provider."""
        ...

    def find(self, names: Collection[str] = ()) -> Sequence[LiveHost | Foreign]:
        """All hosts there are. Raises HostUnreachable if that can't be found out.

        names: hosts that the command is about, for where a list may lag behind.
        """
        ...

    def create(self, name: HostName, spec: HostSpec, owner: Owner, say: Say) -> LiveHost:
        """Make a host, empty. Idempotent by name: the loser of a race gets the winner's."""
        ...

    def destroy(self, name: HostName, mark: str) -> None:
        """End a host that was sealed, and verify it. One that is gone, or is another's, is success.

        Raises HostError if it was opened since it was sealed.
        """
        ...

    def tidy(self) -> None:
        """Remove the halves of hosts that a killed mng has left. Nothing else, and never fails."""
        ...

    def reach(self, host: LiveHost) -> Machine:
        """How to talk to a host."""
        ...


class Keeper(Provider, Protocol):
    """A provider whose machines end by themselves, and keep what brings them back."""

    def create(
        self, name: HostName, spec: HostSpec, owner: Owner, say: Say, back: LiveHost | None = None
    ) -> LiveHost:
        """Make a host. back: an ended one, whose agents and what they installed come along."""
        ...

    def fetch(self, host: LiveHost, folder: Path) -> None:
        """What an ended host has kept, as files. Raises HostError if it is not whole.

        folder: where `kept.tar` goes, and the `base` that it is built on, if it is built on one.
        """
        ...

    def stop(self, name: HostName, mark: str, say: Say) -> None:
        """End a host that was sealed, and keep all that it has kept, and what was installed there.

        Raises HostError if it was opened since it was sealed.
        """
        ...


@cache
def find_provider(name: str) -> Provider:
    """The provider of that name. Raises UsageError if none is installed."""
    if name in _OURS:
        return cast(Provider, import_module(_OURS[name]).provider())
    if found := PROVIDERS.load(name):
        return cast(Callable[[], Provider], found)()
    names = ", ".join(PROVIDERS)
    raise UsageError(f"no provider {name!r} is installed", hint=f"the providers are {names}")


def provider_names() -> list[str]:
    """Those that are asked what there is, even if no file names them: Modal only by its users."""
    return sorted(_OURS) if has_modal_token() else ["local"]


def has_modal_token() -> bool:
    """Whether there is a token, right or wrong: where Modal's SDK looks for one."""
    config = os.environ.get("MODAL_CONFIG_PATH") or os.path.expanduser("~/.modal.toml")
    return bool(os.environ.get("MODAL_TOKEN_ID")) or os.path.exists(config)


@cache
def script(name: str) -> str:
    """The text of a script that makes or ends a host."""
    return (Path(__file__).with_name("scripts") / f"{name}.sh").read_text()
