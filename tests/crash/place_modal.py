"""A place whose hosts are sandboxes of the loopback Modal."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from tests.modal.app import HOME, WORK, App
from tests.modal_loopback.fixture import Loopback
from tests.tmux.waiting import whole_lines

from .place import HERE, LEFT, Place

SAID = "/said"  # where agents note what they are told: on a volume, which outlives their host
TALKER = (HERE / "talker.py").read_text()
# A script of mng's is `sh -c TEXT mng ...`; the first process of a host lives as long as it does.
SCRIPTS = """
import os
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        words = open(f"/proc/{pid}/cmdline").read().split(chr(0))
    except OSError:
        continue
    if words[:2] == ["sh", "-c"] and words[3:4] == ["mng"] and "# boot" not in words[2][:6]:
        print(pid)
"""


class ModalPlace(Place):
    """Real commands in an app of their own."""

    provider = "modal"

    def __init__(self, server: Loopback, root: Path) -> None:
        super().__init__(root)
        self.app = App(root.name)
        self.env |= server.env | {"MNG_MODAL_APP": root.name}

    def talker(self, name: str) -> list[str]:
        return ["python3", "-S", "-E", "-c", TALKER, f"{SAID}/{name}"]

    def host(self, **more: object) -> dict[str, object]:
        volumes = {SAID: f"{self.app.name}-said"}
        return super().host(provider="modal", modal={"volumes": volumes}, **more)

    def heard(self, agent: str) -> list[str]:
        found = self.app.run("box", f"cat {SAID}/{agent}")
        text = found[1] if found else self.app.read(f"{self.app.name}-said", agent)
        return [str(json.loads(line)) for line in whole_lines(text.decode())]

    def tmux(self, *argv: str) -> list[str]:
        found = self.app.run("box", f"tmux -u -S tmux {shlex.join(argv)} 2>/dev/null")
        return found[1].decode().splitlines() if found else []

    def on_host(self, script: str) -> str | None:
        found = self.app.run("box", script, cwd=WORK)
        return found[1].decode() if found else None

    def hosts(self) -> list[str]:
        return self.app.hosts()

    def left(self) -> list[str]:
        names = " -o ".join(f"-name {shlex.quote(pattern)}" for pattern in LEFT)
        find = rf"find {HOME} -path {HOME}/locks -prune -o \( {names} \) -print"
        found = self.app.run("box", find)
        halves = found[1].decode().splitlines() if found else []
        return halves + self.tmux("list-buffers", "-F", "#{buffer_name}")

    def settled(self) -> bool:
        found = self.app.run("box", f"python3 -S -E -c {shlex.quote(SCRIPTS)}")
        return found is None or not found[1]

    def close(self) -> None:
        self.app.close()
        super().close()
