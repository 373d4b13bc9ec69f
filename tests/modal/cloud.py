"""A stage whose hosts are sandboxes of the loopback Modal."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from tests.modal_loopback.fixture import Loopback
from tests.scenarios.stage import Stage

HOME = "/var/lib/mng"


class Cloud(Stage):
    """Real mng commands against an app of the loopback Modal that is this test's own."""

    def __init__(self, root: Path, server: Loopback) -> None:
        super().__init__(root)
        self.modal, self.app = server, root.name
        self.env |= server.env | {"MNG_MODAL_APP": self.app}

    def cloud_team(self, agents: dict[str, Any], **options: Any) -> Path:
        """A file with these agents on `box.modal`, which works on the repository."""
        host = {"provider": "modal", "source": str(self.repo), **options}
        return self.team(agents, host=host)

    def sandboxes(self) -> list[Any]:
        """The living sandboxes of this test."""
        import modal

        app = modal.App.lookup(self.app, create_if_missing=True)
        return list(modal.Sandbox.list(app_id=app.app_id))

    def shell(self, host: str, text: str) -> str:
        """What a command on a host prints."""
        return self.must("exec", host, text).out

    def heard(self, agent: str, host: str = "box") -> list[str]:
        """What a demo agent itself says that it was told, in order."""
        path = f"{HOME}/agents/{agent}/transcript.jsonl"
        lines = self.shell(host, f"cat {path} 2>/dev/null || :").splitlines()
        entries = [json.loads(line) for line in lines]
        return [entry["text"] for entry in entries if entry["type"] == "user"]

    def rpcs(self, *argv: object) -> list[dict[str, Any]]:
        """The requests that one command makes."""
        began = time.time()
        self.must(*argv)
        return self.modal.rpcs(since=began)

    def close(self) -> None:
        for box in self.sandboxes():
            box.terminate()
        super().close()
