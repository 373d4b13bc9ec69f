"""What the steps of one plan share."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from mng.engine.fleet import Fleet
from mng.engine.watch import Watch
from mng.model.name import AgentName, HostName
from mng.model.transport import Machine

PARALLEL = 8  # effects at once; waiting is not counted


class Context:
    """Machines, watches, and which incarnations this plan has started.

    ready_timeout: seconds that an agent gets to become ready. stop: set when the user wants to end.
    archive: where work is saved that has no source repository.
    """

    def __init__(
        self, fleet: Fleet, environ: Mapping[str, str], archive: Path, *, ready_timeout: float
    ) -> None:
        self.fleet, self.environ, self.archive = fleet, environ, archive
        self.ready_timeout = ready_timeout
        self.stop = threading.Event()
        self.incarnations: dict[AgentName, str] = {}
        self._watches: dict[HostName, Watch] = {}
        self._slots = threading.BoundedSemaphore(PARALLEL)
        self._lock = threading.Lock()

    def machine(self, name: HostName) -> Machine:
        return self.fleet.machine(name)

    def watch(self, name: HostName) -> Watch:
        """The one watch of a host. A host that was replaced since gets a new one."""
        host, machine = self.fleet.host(name), self.fleet.machine(name)
        with self._lock:
            watch = self._watches.get(name)
            if watch is None or watch.mark != host.mark:
                watch = self._watches[name] = Watch(host, machine, self.stop)
            return watch

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Bounds how many effects run at once."""
        with self._slots:
            yield

    def now(self) -> datetime:
        from datetime import UTC

        return datetime.now(UTC)
