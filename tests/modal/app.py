"""An app of the loopback Modal as the SDK shows it: what a test knows of its hosts without mng."""

from __future__ import annotations

from typing import Any

HOME = "/var/lib/mng"
WORK = "/work"


class App:
    """All that one test has at Modal; its name is the test's own."""

    def __init__(self, name: str) -> None:
        self.name = name

    def sandboxes(self) -> list[Any]:
        """The living ones."""
        import modal

        app = modal.App.lookup(self.name, create_if_missing=True)
        return list(modal.Sandbox.list(app_id=app.app_id))

    def hosts(self) -> list[str]:
        """The names of the living sandboxes that mng has made."""
        return sorted(box.get_tags().get("mng-host", "?") for box in self.sandboxes())

    def find(self, host: str) -> Any:
        """The living sandbox of that name, or None."""
        import modal

        try:
            return modal.Sandbox.from_name(self.name, host)
        except modal.exception.NotFoundError:
            return None

    def run(self, host: str, script: str, *, cwd: str = HOME) -> tuple[int, bytes] | None:
        """Status and output of a shell text in a sandbox; None if there is none, or it ended."""
        import modal

        box = self.find(host)
        if box is None:
            return None
        text = f'cd "$1" || exit; {script}'
        try:
            process = box.exec("sh", "-c", text, "sh", cwd, text=False)
            out = bytes(process.stdout.read())
            return int(process.wait()), out
        except modal.exception.Error:
            if self.find(host) is None:
                return None
            raise

    def read(self, volume: str, path: str) -> bytes:
        """A file of a volume, b"" if it is not there."""
        import modal

        try:
            return b"".join(modal.Volume.from_name(volume).read_file(path))
        except (FileNotFoundError, modal.exception.NotFoundError):
            return b""

    def close(self) -> None:
        """End every sandbox, and forget what they kept."""
        import modal

        for box in self.sandboxes():
            box.terminate()
        for name in (f"{self.name}-saves", f"{self.name}-said"):
            modal.Volume.objects.delete(name, allow_missing=True)
