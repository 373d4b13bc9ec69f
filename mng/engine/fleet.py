"""The machines within reach of one command."""

from __future__ import annotations

import threading
from typing import cast

from mng.errors import HostGone
from mng.hosts.provider import Keeper, Provider, find_provider
from mng.model.name import HostName
from mng.model.transport import Machine
from mng.model.world import LiveHost


class Fleet:
    """Every host that was found or made, and how to reach it. Safe to use from several threads.

    took: seconds of the last look at all of them.
    """

    took = 0.0

    def __init__(self) -> None:
        self._hosts: dict[HostName, LiveHost] = {}
        self._machines: dict[HostName, Machine] = {}
        self._lock = threading.Lock()

    def provider(self, name: str) -> Provider:
        return find_provider(name)

    def add(self, host: LiveHost) -> Machine:
        machine = self.provider(host.name.provider).reach(host)
        with self._lock:
            self._hosts[host.name], self._machines[host.name] = host, machine
        return machine

    def keeper(self, name: str) -> Keeper:
        return cast(Keeper, find_provider(name))

    def keep(self, host: LiveHost) -> None:
        """Know of a host that has ended."""
        with self._lock:
            self._hosts[host.name] = host
            self._machines.pop(host.name, None)

    def host(self, name: HostName) -> LiveHost:
        with self._lock:
            return self._hosts[name]

    def mark(self, name: HostName) -> str:
        """Which host of that name is known of, "" if none."""
        with self._lock:
            return self._hosts[name].mark if name in self._hosts else ""

    def machine(self, name: HostName) -> Machine:
        with self._lock:
            host = self._hosts[name]
            if host.ended:
                raise HostGone(f"host {name}: {host.reason}", hint=f"mng start {name}")
            return self._machines[name]
