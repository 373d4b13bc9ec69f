"""A file, and what mng says of it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest

from mng.config.load import Loaded, load
from mng.errors import InvalidFile
from mng.model.name import AgentName, HostName
from mng.model.spec import WantedAgent, WantedHost

ONE_AGENT = "agents:\n  lead:\n"


class Files:
    """YAML files in an empty directory that is no repository."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, text: str | bytes, name: str = "team.yaml") -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, str):
            text = textwrap.dedent(text).encode()
        path.write_bytes(text)
        return path

    def load(
        self,
        *texts: str | bytes,
        environ: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
        known_types: tuple[str, ...] = (),
        known_providers: tuple[str, ...] | None = None,
    ) -> Loaded:
        names = ["team.yaml", *(f"over{number}.yaml" for number in range(1, len(texts)))]
        return load(
            [self.write(text, name) for text, name in zip(texts, names, strict=True)],
            environ=environ or {},
            variables=variables,
            known_types=known_types,
            known_providers=known_providers,
        )

    def agent(self, *texts: str | bytes, environ: Mapping[str, str] | None = None) -> WantedAgent:
        """The only agent of a file."""
        (agent,) = self.load(*texts, environ=environ).desired.agents.values()
        return agent

    def host(self, *texts: str | bytes, environ: Mapping[str, str] | None = None) -> WantedHost:
        """The only host of a file."""
        (host,) = self.load(*texts, environ=environ).desired.hosts.values()
        return host

    def says(
        self,
        *texts: str | bytes,
        environ: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> list[str]:
        """The texts of an agent's messages."""
        loaded = self.load(*texts, environ=environ, variables=variables)
        (agent,) = loaded.desired.agents.values()
        return [message.text for message in agent.messages]

    def report(self, *texts: str | bytes, environ: Mapping[str, str] | None = None) -> str:
        """What is printed of files that have faults."""
        with pytest.raises(InvalidFile) as caught:
            self.load(*texts, environ=environ)
        return caught.value.report

    def faults(self, *texts: str | bytes, environ: Mapping[str, str] | None = None) -> list[str]:
        """The first line of each fault, without the directory."""
        lines = self.report(*texts, environ=environ).split("\n")
        heads = [line for line in lines if line.startswith(str(self.directory))]
        return [line.removeprefix(f"{self.directory}/") for line in heads]


def host_name(name: str, provider: str = "local") -> HostName:
    return HostName(provider, name)


def agent_name(name: str, host: str = "local", provider: str = "local") -> AgentName:
    return AgentName(HostName(provider, host), name)
