"""How a command that changes something talks, and the options that say so."""

from __future__ import annotations

import inspect
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from mng.cli.live import seconds
from mng.cli.options import NoColor, Output, Progress, ProgressAs, Timeout, Verbose
from mng.cli.table import Paint
from mng.cli.view import PlainView, View
from mng.cli.view_json import JsonView
from mng.errors import TimedOut, UsageError
from mng.model.event import Event, Finished, Planned, Result


class Deadline:
    """When a command's time is over: so many seconds after it began.

    Until its first change may begin, it ends then at once, whatever it is looking at.
    """

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self._at - time.monotonic())

    def begin(self) -> None:
        """Something may change from now on, which has to come to its end."""
        self._timer.cancel()

    def _end(self) -> None:
        # Not by an exception: the look waits for hosts in threads of its own, and in the SDK's.
        words = "mng: --timeout has passed before anything was begun; run it again"
        print(words, file=sys.stderr, flush=True)
        os._exit(TimedOut.exit_code)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command talks. deadline: for the whole command, None for no end."""

    progress: Progress = Progress.AUTO
    json: bool = False
    verbose: bool = False
    no_color: bool = False
    deadline: Deadline | None = None
    wait: bool = False

    def begin(self) -> None:
        """Something may change from now on."""
        if self.deadline:
            self.deadline.begin()

    def view(self) -> View:
        if self.json or self.progress is Progress.JSON:
            return JsonView()
        paint = Paint(sys.stderr, never=self.no_color)
        terminal = self.progress is Progress.AUTO and sys.stderr.isatty()
        if self.progress is Progress.TTY or terminal:
            from mng.cli.view_rich import RichView

            return RichView(paint, verbose=self.verbose)
        if self.progress is Progress.QUIET:
            return Quiet(paint)
        return PlainView(paint, verbose=self.verbose)


class Quiet(PlainView):
    """Failures alone."""

    def lines(self, event: Event) -> list[str]:
        lines = super().lines(event)
        held = isinstance(event, Finished) and event.outcome.result is Result.HELD
        return lines if held or not isinstance(event, Planned | Finished) else []


def _events_only(output: Output) -> Output:
    if output in (Output.YAML, Output.NAME):
        hint = "-o json prints an event a line; list, plan and messages know yaml and name"
        raise UsageError(f"this command has no output as {output}", hint=hint)
    return output


EventsAs = Annotated[
    Output,
    typer.Option(
        "-o", "--output", metavar="table|json", envvar="MNG_OUTPUT", callback=_events_only,
        help="json: an event a line.",
    ),
]  # fmt: skip


def _manner(
    timeout: Timeout = None, output: EventsAs = Output.TABLE,
    progress: ProgressAs = Progress.AUTO, verbose: Verbose = False, no_color: NoColor = False,
) -> Manner:  # fmt: skip
    ends = seconds(timeout, "--timeout")
    deadline = None if ends is None else Deadline(ends)
    return Manner(progress, output is Output.JSON, verbose, no_color, deadline)


def changing(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of every command that changes something; it gets them as its `manner`."""
    shared = inspect.signature(_manner, eval_str=True).parameters

    def whole(**given: object) -> None:
        how = {name: given.pop(name) for name in shared}
        command(**given, manner=_manner(**how))  # type: ignore[arg-type]

    own = inspect.signature(command, eval_str=True).parameters
    both = [one for one in own.values() if one.name != "manner"] + list(shared.values())
    # typer reads options from the signature.
    whole.__signature__ = inspect.Signature(both)  # type: ignore[attr-defined]
    whole.__annotations__ = {one.name: one.annotation for one in both}
    whole.__name__, whole.__doc__ = command.__name__, command.__doc__
    return whole
