"""The command that tells what changes."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from mng.cli.live import the_world
from mng.cli.manner import EventsAs
from mng.cli.options import NoColor, Output
from mng.cli.table import Paint
from mng.cli.view import PlainView, View
from mng.cli.view_json import JsonView
from mng.model.world import World
from mng.reconcile.changes import changes

_INTERVAL = 0.5  # seconds between two looks


def events(
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as it changes.")] = False,
    output: EventsAs = Output.TABLE,
    no_color: NoColor = False,
) -> None:
    """What is live, and with -f what changes: states, messages, files that two agents change."""
    plain = PlainView(Paint(sys.stdout, never=no_color), out=sys.stdout)
    view: View = JsonView() if output is Output.JSON else plain
    before = World()
    while True:
        _, after = the_world()
        for name, why in after.silent.items():
            if before.silent.get(name) != why:
                print(f"mng: provider {name} can't be asked: {why}", file=sys.stderr)
        for change in changes(before, after):
            view.show(change)
        if not follow:
            return
        before = after
        time.sleep(_INTERVAL)
