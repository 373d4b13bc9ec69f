"""The agent: what it was told, what it does, and what its terminal shows."""

from __future__ import annotations

import contextlib
import getopt
import os
import re
import select
import signal
import sys
import termios
import time
from collections.abc import Callable, Iterator

from .keys import Keys
from .records import Records
from .screen import Screen, folded, width, wrap, write
from .work import Turn

TERMINAL_TIMEOUT = 2.0  # seconds for the terminal to say that it has drawn the composer
ESCAPE_TIMEOUT = 0.05  # seconds after which ESC is the key and not the start of a sequence
TERMINAL_OK = b"\x1b[0n"  # the answer to ESC[5n
HELP = """Enter sends · Esc interrupts · Ctrl-U clears · Ctrl-C twice exits
/busy N works for N seconds · /ask opens a permission dialog, as does a line "please ask"
/exit ends with 0 · /fail ends with 3 · /crash dies of a signal"""


class Demo:
    """One conversation in one terminal."""

    def __init__(self, flags: dict[str, str], screen: Screen, records: Records) -> None:
        self.screen, self.records = screen, records
        self.busy, self.commit = float(flags["--busy"]), "--no-commit" not in flags
        self.agent = os.environ.get("MNG_AGENT", "").replace("/", "-") or "demo"
        self.keys, self.draft = Keys(), b""
        self.queue: list[bytes] = []
        self.turn: Turn | None = None
        self.leaving = False  # Ctrl-C was the last key
        self.fault = ""
        self.ready_by = time.monotonic() + TERMINAL_TIMEOUT
        self.wake, self.waker = os.pipe()
        os.set_blocking(self.waker, False)
        signal.set_wakeup_fd(self.waker)
        signal.signal(signal.SIGWINCH, lambda *_: None)  # the pipe tells
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda number, _: sys.exit(128 + number))

    @property
    def asking(self) -> bool:
        return self.turn is not None and self.turn.phase == "asking"

    def run(self) -> None:
        """Live until told to end: SystemExit, or OSError if the terminal is gone."""
        self.show()
        write(b"\x1b[5n")
        while True:
            ready, _, _ = select.select([0, self.wake], [], [], self.patience())
            if self.wake in ready:  # the work ended, or the window changed
                os.read(self.wake, 512)
            if 0 in ready:
                data = os.read(0, 65536)
                if not data:
                    raise OSError("the terminal is gone")
                self.take(self.keys.feed(data))
            elif self.keys.undecided:
                self.take(self.keys.decide())
            self.advance()
            self.show()

    def patience(self) -> float | None:
        """Seconds until something is due by itself; None sleeps until something comes."""
        due = [ESCAPE_TIMEOUT] if self.keys.undecided else []
        if self.ready_by:
            due.append(self.ready_by - time.monotonic())
        if self.turn and self.turn.phase == "working":
            due.append(self.turn.ends - time.monotonic())
        return min(max(0.0, min(due)), 3600.0) if due else None  # macOS refuses years

    def take(self, events: Iterator[tuple[str, bytes]]) -> None:
        for kind, data in events:
            interrupt = kind == "key" and data == b"\x03"
            self.leaving = self.leaving and interrupt
            if kind == "sequence":
                self.ready_by = 0.0 if data == TERMINAL_OK else self.ready_by
            elif self.turn and self.asking and not interrupt:
                if kind == "paste":  # it is dropped, as real agent programs do
                    continue
                if data[:1] in (b"\r", b"1"):
                    self.turn.work()
                elif data[:1] in (b"\x1b", b"2"):
                    self.finish("refused: nothing was done")
            elif kind == "text" and data == b"?" and not self.draft:
                self.screen.say("●", HELP)
            elif kind == "key":
                self.press(data)
            else:
                self.draft += data

    def press(self, key: bytes) -> None:
        if key == b"\x03" and not self.leaving:
            self.leaving, self.draft = True, b""
        elif key == b"\x03" or (key == b"\x04" and not self.draft):
            raise SystemExit(0)
        elif key == b"\r" and self.draft:
            message, self.draft = self.draft, b""
            self.submit(message)
        elif key in (b"\x7f", b"\x08"):  # one character, whatever its bytes
            self.draft = re.sub(rb"(?s)(?:[\xc0-\xff][\x80-\xbf]*|.)\Z", b"", self.draft, count=1)
        elif key == b"\x15":
            self.draft = b""
        elif key == b"\x1b" and self.turn and self.turn.phase == "working":
            self.finish("interrupted")

    def submit(self, message: bytes) -> None:
        """Accept a message: from here on it is in the transcript, once.

        The state changes first, so that who reads the transcript never finds the agent still idle.
        """
        self.queue.append(message)
        self.begin()
        self.show()
        self.attempt(self.records.append, "user", message)
        command = message.strip()
        if command in (b"/exit", b"/fail"):
            raise SystemExit(3 if command == b"/fail" else 0)
        if command == b"/crash":
            import resource

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # no core file into the shared tree
            os.kill(os.getpid(), signal.SIGSEGV)

    def begin(self) -> None:
        if self.queue and not self.turn:
            self.turn = Turn(self.queue.pop(0), self.busy)
            self.told("user", self.turn.message)

    def told(self, kind: str, text: bytes) -> None:
        self.screen.say(">" if kind == "user" else "●", folded(text))

    def advance(self) -> None:
        """Take the turn one phase on, if that is due."""
        turn = self.turn
        if turn and turn.result:
            self.finish(turn.result)
        elif turn and turn.phase == "working" and time.monotonic() >= turn.ends:
            import threading  # the composer goes on being read while git runs

            turn.phase = "saving"
            threading.Thread(target=self.save, args=(turn,), daemon=True).start()

    def save(self, turn: Turn) -> None:
        """In a thread of its own: leave the result, wake the loop."""
        turn.save(self.agent, commit=self.commit)
        os.write(self.waker, b"\0")

    def finish(self, result: str) -> None:
        self.screen.say("●", result)
        self.attempt(self.records.append, "assistant", result.encode("utf-8", "surrogateescape"))
        self.turn = None
        self.begin()

    def attempt(self, record: Callable[..., None], *values: object) -> None:
        """Keep a record. A full disk is said, once, and the conversation goes on."""
        try:
            record(*values)
        except OSError as error:
            if self.fault != str(error):
                self.screen.say("!", str(error))
            self.fault = str(error)

    def greet(self, *, resume: bool) -> None:
        host, team = (
            os.environ.get("MNG_HOST") or "local",
            os.environ.get("MNG_TEAM", "").strip("-"),
        )
        self.screen.say("demo ·", f"{self.agent}@{host}" + (f" · team {team}" if team else ""))
        self.screen.say("", "a stand-in for a real agent: it notes in the tree what it is told\n")
        if resume:
            with contextlib.suppress(OSError):
                for kind, text in self.records.read():
                    self.told(kind, text)

    def show(self) -> None:
        """Bring the terminal, then status.json, up to date: who reads `idle` finds a composer."""
        line = self.turn.line if self.turn and self.asking else ""
        if self.keys.pasted is None:
            self.screen.measure()
            self.screen.draw(*(self.dialog(line) if self.asking else self.composer()))
        if time.monotonic() < self.ready_by:
            return  # the terminal may not yet know that it has to bracket a paste
        self.ready_by = 0.0
        state = "blocked" if self.asking else "busy" if self.turn else "idle"
        reason = f"permission: {line[:200]}" if self.asking else ""
        self.attempt(self.records.report, state, reason, len(self.queue))
        self.attempt(self.records.mark_draft, bool(self.draft))
        if self.screen.fresh:
            self.show()  # the report failed, and that was said

    def composer(self) -> tuple[list[str], tuple[int, int]]:
        columns, rows = self.screen.size
        rule = "─" * columns
        draft = wrap(folded(self.draft)[-columns * rows :], columns - 3)[-(rows - 5) :]
        body = [(" " if at else ">") + " " + line for at, line in enumerate(draft)]
        hint = "esc to interrupt · working" if self.turn else "? for shortcuts"
        hint += f" · queued ({len(self.queue)})" if self.queue else ""
        hint = "ctrl-c again to exit" if self.leaving else hint
        return ["", rule, *body, rule, "  " + hint], (1 + len(body), width(body[-1]))

    def dialog(self, line: str) -> tuple[list[str], tuple[int, int]]:
        columns, rows = self.screen.size
        block = ["", "─" * columns, "  " + wrap(line, columns - 3)[0], "  Do you want to proceed?"]
        block += ["  ❯ 1. Yes", "    2. No", "", "  Esc to cancel"]
        return block[: rows - 1], (4, 2)


def main(argv: list[str]) -> None:
    """Live in this terminal. Raises SystemExit with the status, as every end does."""
    try:
        given, rest = getopt.getopt(argv, "", ["busy=", "slow-start=", "resume", "no-commit"])
        flags = {"--busy": "1", "--slow-start": "0", **dict(given)}
        if rest:
            raise ValueError(f"no argument {rest[0]!r} is known")
        if not (os.isatty(0) and os.isatty(1)):
            raise ValueError("no terminal; it lives in one, as in a tmux pane")
        screen, records = Screen(), Records(os.environ.get("MNG_AGENT_DIR", ""))
        demo = Demo(flags, screen, records)
        time.sleep(float(flags["--slow-start"]))
    except (getopt.GetoptError, ValueError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(2)
    try:
        screen.enter()
        demo.greet(resume="--resume" in flags)
        demo.run()
    except (OSError, termios.error):  # the terminal is gone: nobody is left to tell
        sys.exit(128 + signal.SIGHUP)
    finally:
        screen.leave()
        records.close()
