"""The options that several commands share, each with its MNG_ variable."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mng.cli.complete import agent_names, any_names


class Output(StrEnum):
    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


TABLES = {Output.TABLE, Output.WIDE}  # for a person; all others are documents


class Progress(StrEnum):
    AUTO = "auto"
    TTY = "tty"
    PLAIN = "plain"
    JSON = "json"
    QUIET = "quiet"


Files = Annotated[
    list[Path] | None,
    typer.Option(
        "-f", "--file", envvar="MNG_FILE", help="The file; repeated, later ones override."
    ),
]
Vars = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", envvar="MNG_VAR", help="Set a variable."),
]
VarsFile = Annotated[
    Path | None,
    typer.Option("--vars-file", envvar="MNG_VARS_FILE", help="A YAML file of variables."),
]
OutputAs = Annotated[
    Output, typer.Option("-o", "--output", envvar="MNG_OUTPUT", help="How to print the result.")
]
ProgressAs = Annotated[
    Progress, typer.Option("--progress", envvar="MNG_PROGRESS", help="How to show what is done.")
]
Timeout = Annotated[
    str | None,
    typer.Option(
        "--timeout", metavar="DURATION", envvar="MNG_TIMEOUT", help="Give up after 90s, 20m, 8h."
    ),
]
ReadyTimeout = Annotated[
    str,
    typer.Option(
        "--ready-timeout", metavar="DURATION", envvar="MNG_READY_TIMEOUT",
        help="How long a started agent gets to become ready.",
    ),
]  # fmt: skip
NoColor = Annotated[
    bool, typer.Option("--no-color", envvar="MNG_NO_COLOR", help="No colour, anywhere.")
]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", envvar="MNG_VERBOSE", help="Every step, and tracebacks.")
]
Agent = Annotated[str, typer.Argument(metavar="AGENT", autocompletion=agent_names)]
Agents = Annotated[list[str], typer.Argument(metavar="AGENT...", autocompletion=agent_names)]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", autocompletion=any_names)]
Thing = Annotated[str, typer.Argument(metavar="AGENT|HOST", autocompletion=any_names)]
Things = Annotated[list[str], typer.Argument(metavar="AGENT|HOST...", autocompletion=any_names)]
