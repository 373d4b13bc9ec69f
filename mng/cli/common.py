"""From the words on a command line to values: files, durations, worlds, names."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mng.agents.kind import KINDS
from mng.cli.live import providers
from mng.engine.fleet import Fleet
from mng.engine.run import Run
from mng.errors import NotFound, UsageError
from mng.hosts.local import mng_home
from mng.hosts.provider import PROVIDERS
from mng.model.action import Consent, Scope
from mng.model.name import HostName
from mng.model.spec import Desired
from mng.model.world import World
from mng.reconcile.intent import Intent

if TYPE_CHECKING:
    from mng.config.load import Loaded


def variables(given: Sequence[str] | None) -> dict[str, str]:
    """`NAME=VALUE` items as a mapping. Raises UsageError."""
    pairs = [item.partition("=") for item in given or ()]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise UsageError(f"{name!r} is not NAME=VALUE", hint="--var feature=login")
    return {name: value for name, _, value in pairs}


def load_files(
    files: Sequence[Path] | None, given: Sequence[str] | None, vars_file: Path | None, *,
    ending: bool = False,
) -> Loaded:  # fmt: skip
    """The file or files of a command, or the mng.yaml that is found. Raises InvalidFile.

    ending: what the file wants shall end, so that its sources need not be there any more.
    """
    # Imported here: pydantic and ruamel.yaml cost 0.15 s that commands without a file don't pay.
    from mng.config.load import discover, load

    paths = list(files or ())
    if not paths:
        found = discover(Path.cwd())
        if found is None:
            raise UsageError("no mng.yaml here or above", hint="mng init   or   -f FILE")
        paths = [found]
    known = {**_read_vars(vars_file), **variables(given)}
    return load(
        paths, variables=known, known_types=KINDS, known_providers=PROVIDERS, sources=not ending
    )


def _read_vars(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        data = YAML(typ="safe", pure=True).load(path.read_text())
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise UsageError(f"can't read {path}: {str(error).splitlines()[0]}") from error
    if not isinstance(data, dict):
        raise UsageError(f"{path} is no mapping of names to values")
    return {str(name): str(value) for name, value in data.items()}


def make_run(
    intent: Intent, scope: Scope, hosts: Collection[HostName] = (), *,
    ready_timeout: float = 120.0, seen: tuple[Fleet, World] | None = None,
) -> Run:  # fmt: skip
    """seen: what this very command has observed, so that it need not look twice."""
    return Run(
        intent,
        scope,
        providers(hosts),
        hosts,
        environ=os.environ,
        archive=mng_home() / "saved",
        ready_timeout=ready_timeout,
        seen=seen,
    )


def read_text(path: str) -> str:
    """A message from a file, or from stdin for `-`. Raises UsageError."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        return data.decode()
    except OSError as error:
        raise UsageError(f"can't read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text") from error


def check_text(text: str) -> str:
    """The text as it is typed. Raises UsageError for what a terminal would take for a key."""
    from mng.model.spec import forbidden, is_blank, normalise

    normal = normalise(text)
    if is_blank(normal):
        raise UsageError("the message is empty")
    if bad := forbidden(normal):
        raise UsageError(
            f"the message has the control character {bad}", hint="only newline and tab are text"
        )
    return normal


def check_named(consent: Consent, *places: World | Desired) -> None:
    """Raise NotFound for a consent to something that is in none of these places."""
    agents = {name.name for place in places for name in place.agents} | {"*"}
    hosts = {name.name for place in places for name in place.hosts} | {"*"}
    for option, names, there in (
        ("--recreate", consent.recreate, agents),
        ("--replace-host", consent.replace_host, hosts),
        ("--discard-work", consent.discard_work, hosts),
    ):
        if unknown := sorted(names - there):
            raise NotFound(f"{option}: nothing is named {unknown[0]!r}", hint="mng list")


def not_found(names: Iterable[str]) -> NotFound:
    return NotFound(f"not in the file: {', '.join(sorted(names))}", hint="mng config")
