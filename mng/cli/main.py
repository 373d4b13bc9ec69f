"""The command line: which commands there are, and what becomes of an error."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from mng import __version__
from mng.cli import declarative, imperative, query, reach
from mng.errors import InvalidFile, MngError

app = typer.Typer(
    name="mng",
    help="Teams of coding agents on shared hosts, from a file.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich costs 0.04 s
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

_TEAMS, _AGENTS, _FILES = "Teams, from a file", "Agents and hosts", "Files and set-up"


def _version(wanted: bool) -> None:
    if wanted:
        print(f"mng {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


app.command()(declarative.up)
app.command()(declarative.plan)
app.command()(declarative.down)
app.command()(imperative.create)
app.command("list")(query.list_)
app.command()(reach.connect)
app.command("exec", context_settings={"allow_interspersed_args": False})(reach.exec_)
app.command()(imperative.message)
app.command()(imperative.destroy)
app.command()(imperative.stop)
app.command()(imperative.start)
app.command()(reach.logs)
app.command()(reach.wait)
app.command()(reach.messages)
app.command()(declarative.export)
app.command()(declarative.validate)
app.command()(declarative.config)
app.command()(declarative.schema)
app.command()(declarative.init)
app.command()(query.doctor)


def main() -> None:
    """The entry point. A mistake is one line and a hint; a traceback only with MNG_VERBOSE=1."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        app(args=_arguments(sys.argv[1:]), standalone_mode=True)
    except InvalidFile as error:
        print(error.report or f"mng: {error}", file=sys.stderr)
        if error.report:
            print(f"mng: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except MngError as error:
        if os.environ.get("MNG_VERBOSE"):
            raise
        print(f"mng: {error}" + (f"\n  try: {error.hint}" if error.hint else ""), file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None


def _arguments(words: list[str]) -> list[str]:
    """`--recreate` alone means all; click knows no option whose value may be left out."""
    whole: list[str] = []
    for number, word in enumerate(words):
        if word == "--":
            return whole + words[number:]
        alone = number + 1 == len(words) or words[number + 1].startswith("-")
        whole.append("--recreate=*" if word == "--recreate" and alone else word)
    return whole
