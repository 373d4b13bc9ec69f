"""How a command that changes something talks, and the options that say so."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from mng.cli.live import seconds
from mng.cli.options import NoColor, Output, Progress, ProgressAs, Timeout, Verbose
from mng.cli.table import Paint
from mng.cli.view import PlainView, View
from mng.cli.view_json import JsonView
from mng.errors import UsageError
from mng.model.event import Event, Finished, Planned, Result


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command talks. timeout: seconds for the whole command, None for no end."""

    progress: Progress = Progress.AUTO
    json: bool = False
    verbose: bool = False
    no_color: bool = False
    timeout: float | None = None
    wait: bool = False

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
    return Manner(progress, output is Output.JSON, verbose, no_color, ends)


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
