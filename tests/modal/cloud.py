"""A stage whose hosts are sandboxes of the loopback Modal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from tests.modal_loopback.fixture import Loopback
from tests.scenarios.stage import Stage

from .app import WORK, App


class Cloud(Stage):
    """Real mng commands against an app of the loopback Modal that is this test's own."""

    provider = "modal"

    def __init__(self, root: Path, server: Loopback) -> None:
        super().__init__(root)
        self.modal, self.app, self.sky = server, root.name, App(root.name)
        self.env |= server.env | {"MNG_MODAL_APP": self.app}

    def cloud_team(self, agents: dict[str, Any], **options: Any) -> Path:
        """A file with these agents on `box.modal`, which works on the repository."""
        return self.team(agents, host={"source": str(self.repo), **options})

    def sandboxes(self) -> list[Any]:
        """The living sandboxes of this test."""
        return self.sky.sandboxes()

    def shell(self, host: str, text: str) -> str:
        """What a command on a host prints."""
        return self.must("exec", host, text).out

    def on_host(self, script: str, *, host: str = "box") -> str:
        found = self.sky.run(host, script)
        assert found is not None, f"host {host} is not there"
        assert found[0] == 0, found
        return found[1].decode("utf-8", "surrogateescape")

    def work_dir(self, host: str = "box") -> str:
        return WORK

    def is_there(self, host: str = "box") -> bool:
        return self.sky.find(host) is not None

    def heard(self, agent: str, host: str = "box") -> list[str]:
        """What a demo agent itself says that it was told, in order."""
        return self.told(agent, host=host)

    def running(self, words: str) -> bool:
        return words in self.on_host("ps -A -o args")

    def notes(self, name: str) -> str:
        return f"/{name}"

    def noted(self, name: str) -> bytes:
        text = self.on_host(f"cat /{name} 2>/dev/null || :")
        return text.encode("utf-8", "surrogateescape")

    def rpcs(self, *argv: object, **options: Any) -> list[dict[str, Any]]:
        """The requests that one command makes."""
        began = time.time()
        self.must(*argv, **options)
        return self.modal.rpcs(since=began)

    def close(self) -> None:
        self.sky.close()
        self.frozen.clear()
        super().close()
