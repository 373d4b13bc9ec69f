"""What a person sees on a terminal: the plain lines, and below them what is going on just now."""

from __future__ import annotations

import sys
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from mng.cli.table import Paint
from mng.cli.view import PlainView
from mng.model.action import AwaitAgent, SendMessage
from mng.model.event import Event, Failed, Finished, Planned, Progress, Started
from mng.reconcile.builder import thing_of


class RichView(PlainView):
    """Ended steps scroll up as lines; running ones stay at the bottom, each with its last words."""

    def __init__(self, paint: Paint, *, verbose: bool = False, out: TextIO | None = None) -> None:
        super().__init__(paint, verbose=verbose, out=out or sys.stderr)
        self.console = Console(file=self.out, no_color=not paint.on, highlight=False)
        self.running: dict[int, tuple[str, str]] = {}
        self.live: Live | None = None

    def show(self, event: Event) -> None:
        match event:
            case Started(step):
                doing = "waits for" if isinstance(step.action, AwaitAgent) else step.because
                said = isinstance(step.action, SendMessage)
                words = thing_of(step) if said else f"{doing} {thing_of(step)}"
                self.running[step.number] = (words, "")
            case Progress(step, words) if step.number in self.running:
                self.running[step.number] = (self.running[step.number][0], words)
            case Finished(step) | Failed(step):
                self.running.pop(step.number, None)
            case _:
                pass
        for line in self.lines(event):
            self.console.print(Text.from_ansi(line), soft_wrap=True)
        if not isinstance(event, Planned):
            self._draw()

    def _draw(self) -> None:
        if not self.running:
            self.close()
            return
        if self.live is None:
            self.live = Live(console=self.console, transient=True, refresh_per_second=8)
            self.live.start()
        table = Table.grid(padding=(0, 1))
        for words, last in list(self.running.values())[:8]:
            table.add_row(Spinner("dots"), words, Text(last, style="dim", overflow="ellipsis"))
        if len(self.running) > 8:
            table.add_row("", f"and {len(self.running) - 8} more", "")
        self.live.update(table)

    def close(self) -> None:
        if self.live is not None:
            self.live.stop()
            self.live = None
