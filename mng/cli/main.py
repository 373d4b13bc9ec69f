"""The command line: which commands there are, and what becomes of an error."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from typing import Annotated

import typer

from mng import __version__
from mng.errors import InvalidFile, MngError, UsageError

app = typer.Typer(
    name="mng",
    help="Teams of coding agents on shared hosts, from a file.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich costs 0.04 s
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


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


# In the order of `--help`; each as module and function.
_COMMANDS = {
    "up": ("declarative", "up"), "plan": ("declarative", "plan"), "down": ("declarative", "down"),
    "create": ("imperative", "create"), "list": ("query", "list_"), "connect": ("reach", "connect"),
    "exec": ("reach", "exec_"), "message": ("imperative", "message"),
    "destroy": ("imperative", "destroy"), "stop": ("imperative", "stop"),
    "start": ("imperative", "start"), "logs": ("reach", "logs"), "wait": ("reach", "wait"),
    "messages": ("reach", "messages"), "events": ("events", "events"),
    "push": ("work", "push"), "pull": ("work", "pull"),
    "diff": ("work", "diff"), "saved": ("saved", "saved"), "restore": ("saved", "restore"),
    "gc": ("saved", "gc"),
    "export": ("declarative", "export"),
    "validate": ("declarative", "validate"), "config": ("declarative", "config"),
    "schema": ("declarative", "schema"), "init": ("declarative", "init"),
    "doctor": ("doctor", "doctor"),
}  # fmt: skip


def _register(words: list[str]) -> None:
    """Import the one command that is called, all for help and completion: 0.1 s of imports."""
    called = words[0] if words and words[0] in _COMMANDS else None
    for name, (module, function) in _COMMANDS.items():
        if called in (None, name):
            # They leave what follows the name to the command that they run.
            settings = {"allow_interspersed_args": False} if name in ("exec", "diff") else {}
            command = getattr(import_module(f"mng.cli.{module}"), function)
            app.command(name, context_settings=settings)(command)


def main() -> None:
    """The entry point. A mistake is one line and a hint; a traceback only with MNG_VERBOSE=1."""
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        try:
            _run(sys.argv[1:])
        finally:
            sys.stdout.flush()  # what can't be written is a failure, and not one of Python's exit
    except BrokenPipeError:
        _drop(1)
        raise SystemExit(141) from None
    except OSError as error:
        if error.errno not in _FULL or os.environ.get("MNG_VERBOSE"):
            raise
        _drop(1)
        _complain(f"can't write{f' {error.filename}' if error.filename else ''}: {error.strerror}")
        raise SystemExit(1) from None


def _run(words: list[str]) -> None:
    _register(words)
    try:
        _check_here()
        app(args=_arguments(words), prog_name="mng")
    except InvalidFile as error:
        _complain(str(error), before=error.report)
        raise SystemExit(error.exit_code) from None
    except MngError as error:
        if os.environ.get("MNG_VERBOSE"):
            raise
        _complain(str(error) + (f"\n  try: {error.hint}" if error.hint else ""))
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def _open_streams() -> None:
    """A stream that the caller closed is /dev/null, else the next file would get its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def _drop(number: int) -> None:
    """What still stands in the stream's buffer has nowhere to go."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)


def _complain(words: str, *, before: str = "") -> None:
    try:
        print(f"{before}\n" * bool(before) + f"mng: {words}", file=sys.stderr)
    except OSError:  # stderr may be full as well; the exit status tells
        _drop(2)


def _check_here() -> None:
    try:
        os.getcwd()
    except OSError as error:
        raise UsageError(f"this directory: {error.strerror}", hint="cd to another one") from error


def _arguments(words: list[str]) -> list[str]:
    """`--recreate` alone means all; click knows no option whose value may be left out."""
    whole: list[str] = []
    for number, word in enumerate(words):
        if word == "--":
            return whole + words[number:]
        alone = number + 1 == len(words) or words[number + 1].startswith("-")
        whole.append("--recreate=*" if word == "--recreate" and alone else word)
    return whole
