#!/usr/bin/env python3
"""demo: a small agent that ships with mng, so that mng can be tried without any account.

usage: demo_tui.py [--busy SECONDS] [--slow-start SECONDS] [--resume] [--no-commit]

  --busy SECONDS        how long it works on a message (default 1.0)
  --slow-start SECONDS  sleep before the terminal is read; what was typed until then is lost
  --resume              show the old conversation first
  --no-commit           write notes/NAME.md, but leave it uncommitted

Self-contained, for any Python from 3.8: this file alone is sent to a host, where it is the process
of a tmux pane. It reads MNG_AGENT, MNG_HOST, MNG_TEAM, and MNG_AGENT_DIR for its records:
transcript.jsonl says what it was told, evidence the digest of each such text, and status.json,
only while it lives, what it is doing.
"""

from __future__ import annotations

import contextlib
import errno
import getopt
import json
import os
import re
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator

GIT_TIMEOUT = 30.0  # seconds, for the lock and for each git command; a hook may never end
TERMINAL_TIMEOUT = 2.0  # seconds for the terminal to say that it has drawn the composer
ESCAPE_TIMEOUT = 0.05  # seconds after which ESC is the key and not the start of a sequence
FOLD_BYTES, FOLD_LINES = 800, 4  # a paste of more than either is shown as a label
PASTE_BEGIN, PASTE_END = b"\x1b[200~", b"\x1b[201~"
TERMINAL_OK = b"\x1b[0n"  # the answer to ESC[5n
HELP = """Enter sends · Esc interrupts · Ctrl-U clears · Ctrl-C twice exits
/busy N works for N seconds · /ask opens a permission dialog, as does a line "please ask"
/exit ends with 0 · /fail ends with 3 · /crash dies of a signal"""

UNPRINTABLE = dict.fromkeys([*range(32), *range(127, 160)], "\ufffd")
UNPRINTABLE.update({9: "    ", 10: "\n", 13: "\n"})


def readable(data: bytes) -> str:
    """Bytes as text that can't steer a terminal."""
    return data.replace(b"\r\n", b"\n").decode("utf-8", "replace").translate(UNPRINTABLE)


def headline(message: bytes) -> str:
    """The first line of a message that says anything."""
    first = message.strip().replace(b"\r", b"\n").split(b"\n", 1)[0]
    return readable(first).rstrip() or "(blank)"


def label(data: bytes, number: int) -> str:
    """What stands on the screen for a long paste, "" for one that is shown as it is."""
    lines = data.count(b"\n")
    if len(data) <= FOLD_BYTES and lines < FOLD_LINES:
        return ""
    return f"[Pasted text #{number} +{lines} lines]"


def width(text: str) -> int:
    """The columns that a text takes. Where terminals differ, the larger number."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width  # 2 ms that plain text does not need

    wide = sum(char >= "\U0001f000" or east_asian_width(char) in "WF" for char in text)
    return len(text) + wide - sum(category(char) in ("Cf", "Me", "Mn") for char in text)


def wrap(text: str, columns: int) -> list[str]:
    """The rows of a text, none wider than `columns`."""
    rows = []
    for line in text.split("\n"):
        row, used = "", 0
        for char in line:
            wide = width(char)
            if used + wide > columns:
                rows.append(row)
                row, used = "", 0
            row, used = row + char, used + wide
        rows.append(row)
    return rows


class Options:
    """The command line and the environment. Raises ValueError or GetoptError for a wrong one."""

    def __init__(self, argv: list[str]) -> None:
        given, rest = getopt.getopt(argv, "", ["busy=", "slow-start=", "resume", "no-commit"])
        if rest:
            raise ValueError(f"no argument {rest[0]!r} is known")
        flags = dict(given)
        self.resume, self.commit = "--resume" in flags, "--no-commit" not in flags
        self.busy = float(flags.get("--busy", "1.0"))
        self.slow_start = float(flags.get("--slow-start", "0"))
        self.agent = os.environ.get("MNG_AGENT", "").replace("/", "-") or "demo"
        self.host = os.environ.get("MNG_HOST") or "local"
        self.team = os.environ.get("MNG_TEAM", "").strip("-")
        self.directory = os.environ.get("MNG_AGENT_DIR", "")


class Keys:
    """A terminal's bytes as ("text" | "key" | "sequence" | "paste", bytes), however reads cut them.

    Source: xterm control sequences, bracketed paste mode.
    """

    TOKEN = re.compile(
        rb"(?P<text>[^\x00-\x08\x0b-\x1f\x7f]+)"  # TAB and LF are text, only CR submits
        rb"|(?P<sequence>\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~]))"
        rb"|(?P<partial>\x1b(?:\[[0-?]*[ -/]*|O)?\Z)"
        rb"|(?P<key>[\x00-\x1f\x7f])"
    )

    def __init__(self) -> None:
        self.partial = b""
        self.pasted: bytearray | None = None

    @property
    def undecided(self) -> bool:
        """An ESC came last: a key, or a sequence whose rest is still to come."""
        return bool(self.partial) and self.pasted is None

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        data, self.partial = self.partial + data, b""
        while data:
            if self.pasted is not None:
                body, end, rest = data.partition(PASTE_END)
                if not end:  # the end may be cut in two: its length less one is looked at again
                    self.pasted += data[:-5]
                    self.partial = data[-5:]
                    return
                body, self.pasted, data = bytes(self.pasted + body), None, rest
                yield "paste", body
                continue
            token = self.TOKEN.match(data)
            assert token, "every byte begins a token"
            found, data = token.group(), data[token.end() :]
            if token.lastgroup == "partial":
                self.partial = found
            elif found == PASTE_BEGIN:
                self.pasted = bytearray()
            else:
                yield str(token.lastgroup), found

    def decide(self) -> Iterator[tuple[str, bytes]]:
        """Nothing followed in time, so what looked like a sequence is keys."""
        rest, self.partial = self.partial[1:], b""
        yield "key", b"\x1b"
        yield from self.feed(rest)


class Draft:
    """What stands in the composer: typed bytes, and long pastes whole behind their labels."""

    def __init__(self) -> None:
        self.pieces: list[tuple[str, bytes]] = []

    def insert(self, data: bytes, *, folded: str = "") -> None:
        if not folded and self.pieces and not self.pieces[-1][0]:
            data = self.pieces.pop()[1] + data
        self.pieces.append((folded, data))

    def paste(self, data: bytes) -> None:
        if data:
            number = 1 + sum(1 for folded, _ in self.pieces if folded)
            self.insert(data, folded=label(data, number))

    def backspace(self) -> None:
        folded, data = self.pieces.pop() if self.pieces else ("", b"")
        if not folded:
            kept = re.sub(rb"(?s)(?:[\xc0-\xff][\x80-\xbf]*|.)\Z", b"", data, count=1)
            self.pieces += [("", kept)] if kept else []

    def take(self) -> bytes:
        """The text, byte for byte; the draft is empty then."""
        text = b"".join(data for _, data in self.pieces)
        self.pieces = []
        return text

    def shown(self, most: int) -> str:
        """The draft as the composer shows it; of typed text only the last `most` bytes."""
        return "".join(folded or readable(data[-most:]) for folded, data in self.pieces)


class Screen:
    """A conversation that scrolls as any output does, and one block below it, drawn anew in place.

    Only the block is ever erased, so the terminal's scrollback keeps the conversation.
    """

    def __init__(self) -> None:
        self.fresh = ""  # said, but not yet drawn
        self.block: list[str] = []
        self.cursor = (0, 0)  # row and column within the block
        self.before = termios.tcgetattr(0)
        self.size = (80, 24)

    def enter(self) -> None:
        """Take the terminal. What was typed before is dropped, as real agent programs do."""
        tty.setraw(0, termios.TCSAFLUSH)
        write(b"\x1b[?2004h")
        self.measure()

    def leave(self) -> None:
        """Give the terminal back as it was, if it is still there."""
        with contextlib.suppress(OSError, termios.error):
            self.draw([""], (0, 0))
            write(b"\x1b[?2004l")
            termios.tcsetattr(0, termios.TCSAFLUSH, self.before)

    def measure(self) -> None:
        columns, rows = os.get_terminal_size(1)
        self.size = (max(columns, 8) if columns else 80, max(rows, 6) if rows else 24)

    def say(self, mark: str, text: str) -> None:
        self.fresh += f"{mark} {text}".replace("\n", "\r\n  ") + "\r\n"

    def draw(self, block: list[str], cursor: tuple[int, int]) -> None:
        if not self.fresh and block == self.block and cursor == self.cursor:
            return
        # A terminal that became narrower has wrapped the rows above the cursor: count them so.
        columns, (row, column) = self.size[0], self.cursor
        rows = sum(max(1, -(-width(line) // columns)) for line in self.block[:row])
        # Erased from column 1: from the very corner, tmux would copy the screen to its history.
        parts = ["\x1b[?25l", move("A", rows + column // columns), "\r\x1b[K\x1b[C\x1b[J\r"]
        parts += [self.fresh, "\x1b[?7l", "\r\n".join(block), "\x1b[?7h\r"]
        parts += [move("A", len(block) - 1 - cursor[0]), move("C", cursor[1]), "\x1b[?25h"]
        self.fresh, self.block, self.cursor = "", block, cursor
        write("".join(parts).encode("utf-8", "replace"))


def move(direction: str, cells: int) -> str:
    return f"\x1b[{cells}{direction}" if cells else ""  # 0 would move by one


def write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


class Records:
    """What others may know about this agent, as files. Every method may raise OSError."""

    def __init__(self, directory: str) -> None:
        if not directory:
            import tempfile  # 10 ms that an agent of mng does not need

            directory = tempfile.mkdtemp(prefix="mng-demo-")
        self.directory = os.path.abspath(directory)
        self.transcript = os.path.join(self.directory, "transcript.jsonl")
        self.evidence = os.path.join(self.directory, "evidence")
        self.status = os.path.join(self.directory, "status.json")
        self.draft = f"{self.status}.{os.getpid()}"
        self.state = ("", "", 0)
        self.since = 0.0

    def append(self, kind: str, text: bytes) -> None:
        """One line in one write: it is there entirely or, on a full disk, not at all."""
        import hashlib  # loads OpenSSL: not before the first message

        entry: dict[str, object] = {"type": kind, "text": text.decode("utf-8", "surrogateescape")}
        if kind == "user":
            entry["digest"] = hashlib.sha256(text).hexdigest()[:16]
        entry["at"] = time.time()
        self._line(self.transcript, json.dumps(entry))
        if kind == "user":
            self._line(self.evidence, str(entry["digest"]))

    def _line(self, path: str, text: str) -> None:
        line = text.encode() + b"\n"
        os.makedirs(self.directory, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            size = os.fstat(file).st_size
            if os.write(file, line) < len(line):
                os.ftruncate(file, size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        finally:
            os.close(file)

    def read(self) -> Iterator[tuple[str, bytes]]:
        """The last conversation. A line that a kill cut short is left out."""
        if not os.path.exists(self.transcript):
            return
        with open(self.transcript, encoding="utf-8", errors="replace") as file:
            for line in file.readlines()[-1000:]:
                with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                    entry = json.loads(line)
                    yield str(entry["type"]), entry["text"].encode("utf-8", "surrogateescape")

    def report(self, state: str, reason: str, queued: int) -> None:
        if (state, reason, queued) == self.state:
            return
        if (state, reason) != self.state[:2]:
            self.since = time.time()
        self.state = (state, reason, queued)
        entry = {"pid": os.getpid(), "state": state, "reason": reason, "since": self.since}
        os.makedirs(self.directory, exist_ok=True)
        with open(self.draft, "w", encoding="utf-8") as file:
            json.dump({**entry, "queued": queued}, file)
        os.replace(self.draft, self.status)

    def close(self) -> None:
        for path in (self.status, self.draft):
            with contextlib.suppress(OSError):
                os.unlink(path)


def take_note(agent: str, line: str, *, commit: bool) -> str:
    """Work as an agent does: change a file of the shared tree and commit it. Says what was done.

    Raises OSError if the file can't be written or git refuses or takes too long.
    """
    path = f"notes/{agent}.md"
    os.makedirs("notes", exist_ok=True)
    with open(path, "ab") as file:
        file.write(f"- {line}\n".encode("utf-8", "surrogateescape"))
    if commit and commit_only(path, agent, f"{agent}: {line[:60]}"):
        return f"noted in {path} and committed"
    return f"noted in {path}"


def commit_only(path: str, agent: str, subject: str) -> bool:
    """Commit one file of a tree that other agents change too. False where there is no repository.

    The lock is needed although git has its own: without it, agents that commit at the same time
    fail, or commit what another has just added.
    """
    import fcntl

    try:
        directory = git(agent, "rev-parse", "--git-dir").strip()
    except OSError as error:
        if "not a git repository" in str(error):
            return False
        raise
    lock_path = os.path.join(directory, b"mng-commit.lock")
    lock = os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        for _ in range(int(GIT_TIMEOUT / 0.05)):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            time.sleep(0.05)
        else:
            raise TimeoutError(f"{os.fsdecode(lock_path)} was held for {GIT_TIMEOUT:g} s")
        git(agent, "add", "-N", "--", path)
        git(agent, "commit", "-q", "--no-gpg-sign", "--only", "-m", subject, "--", path)
    finally:
        os.close(lock)
    return True


def git(agent: str, *argv: str) -> bytes:
    """What a git command prints. It may neither ask nor last; its hooks end with it."""
    import subprocess  # 10 ms that the first screen does not need

    env = {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_EDITOR": "true"}
    for role in ("AUTHOR", "COMMITTER"):
        env[f"GIT_{role}_NAME"], env[f"GIT_{role}_EMAIL"] = agent, f"{agent}@mng.invalid"
    command = [b"git", *(word.encode("utf-8", "surrogateescape") for word in argv)]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    child = subprocess.Popen(
        command, stdin=null, stdout=pipe, stderr=pipe, env=env, start_new_session=True
    )
    try:
        out, err = child.communicate(timeout=GIT_TIMEOUT)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGTERM)  # not SIGKILL, which would leave git's own locks
        child.wait(5)
        raise TimeoutError(f"git {argv[0]} took more than {GIT_TIMEOUT:g} s") from None
    if child.returncode:
        raise OSError(f"git {argv[0]}: {readable(err).strip() or child.returncode}")
    return out


class Turn:
    """One message, and how far the work on it is: asking, working, saving."""

    def __init__(self, message: bytes, seconds: float) -> None:
        command, line = message.strip(), headline(message)
        busy = re.fullmatch(rb"/busy ([0-9]{1,9}(?:\.[0-9]*)?)", command)
        self.message, self.line = message, line
        self.seconds = float(busy.group(1)) if busy else 0.0 if command == b"/ask" else seconds
        self.notes = not busy and command != b"/ask"
        asks = any(each.strip() == b"please ask" for each in message.splitlines())
        self.phase = "asking" if asks or command == b"/ask" else "working"
        self.ends = time.monotonic() + self.seconds
        self.result = ""


class Demo:
    """The agent: what it was told, what it does, and what its terminal shows."""

    def __init__(self, options: Options, screen: Screen, records: Records) -> None:
        self.options, self.screen, self.records = options, screen, records
        self.keys, self.draft = Keys(), Draft()
        self.queue: list[bytes] = []
        self.turn: Turn | None = None
        self.leaving = False  # Ctrl-C was the last key
        self.fault = ""
        self.ready_by: float | None = time.monotonic() + TERMINAL_TIMEOUT
        self.wake, self.waker = os.pipe()
        os.set_blocking(self.waker, False)
        signal.set_wakeup_fd(self.waker)
        for number in (signal.SIGWINCH, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # its number comes out of the pipe

    def run(self) -> None:
        """Live until told to end: SystemExit, or OSError if the terminal is gone."""
        self.greet()
        self.show()
        write(b"\x1b[5n")
        while True:
            ready, _, _ = select.select([0, self.wake], [], [], self.patience())
            if self.wake in ready:
                self.woken(os.read(self.wake, 512))
            if 0 in ready:
                data = os.read(0, 65536)
                if not data:
                    raise OSError(errno.EIO, "the terminal is gone")
                self.take(self.keys.feed(data))
            elif self.keys.undecided:
                self.take(self.keys.decide())
            self.advance()
            self.show()

    def patience(self) -> float | None:
        """Seconds until something is due by itself; None sleeps until something comes."""
        now, due = time.monotonic(), []
        if self.keys.undecided:
            due.append(ESCAPE_TIMEOUT)
        if self.ready_by is not None:
            due.append(self.ready_by - now)
        if self.turn and self.turn.phase == "working":
            due.append(self.turn.ends - now)
        return min(max(0.0, min(due)), 3600.0) if due else None  # macOS refuses years

    def woken(self, signals: bytes) -> None:
        for number in signals:
            if number == signal.SIGWINCH:
                self.screen.measure()
            elif number:  # 0 is the work that ended
                raise SystemExit(128 + number)

    def take(self, events: Iterator[tuple[str, bytes]]) -> None:
        for kind, data in events:
            interrupt = kind == "key" and data == b"\x03"
            self.leaving = self.leaving and interrupt
            if kind == "sequence":
                self.ready_by = None if data == TERMINAL_OK else self.ready_by
            elif self.turn and self.turn.phase == "asking" and not interrupt:
                if kind != "paste":  # it is dropped, as real agent programs do
                    self.answer(self.turn, data)
            elif kind == "paste":
                self.draft.paste(data)
            elif kind == "text" and data == b"?" and not self.draft.pieces:
                self.screen.say("●", HELP)
            elif kind == "text":
                self.draft.insert(data)
            else:
                self.press(data)

    def press(self, key: bytes) -> None:
        if key == b"\x03" and not self.leaving:
            self.leaving = True
            self.draft.take()
        elif key == b"\x03" or (key == b"\x04" and not self.draft.pieces):
            raise SystemExit(0)
        elif key == b"\r" and self.draft.pieces:
            self.submit(self.draft.take())
        elif key in (b"\x7f", b"\x08"):
            self.draft.backspace()
        elif key == b"\x15":
            self.draft.take()
        elif key == b"\x1b" and self.turn and self.turn.phase == "working":
            self.finish("interrupted")

    def answer(self, turn: Turn, data: bytes) -> None:
        """A key for the open dialog."""
        if data[:1] in (b"\r", b"1"):
            turn.phase, turn.ends = "working", time.monotonic() + turn.seconds
        elif data[:1] in (b"\x1b", b"2"):
            self.finish("refused: nothing was done")

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
            self.turn = Turn(self.queue.pop(0), self.options.busy)
            self.screen.say(">", label(self.turn.message, 1) or readable(self.turn.message))

    def advance(self) -> None:
        """Take the turn one phase on, if that is due."""
        turn = self.turn
        if turn and turn.result:
            self.finish(turn.result)
        elif turn and turn.phase == "working" and time.monotonic() >= turn.ends:
            if not turn.notes:
                self.finish("done")
                return
            import threading  # the composer goes on being read while git runs

            turn.phase = "saving"
            threading.Thread(target=self.save, args=(turn,), daemon=True).start()

    def save(self, turn: Turn) -> None:
        """In a thread of its own: work, leave the result, wake the loop."""
        try:
            turn.result = take_note(self.options.agent, turn.line, commit=self.options.commit)
        except Exception as error:  # whatever a broken tree brings is told, and is no crash
            turn.result = f"failed: {error}"
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

    def greet(self) -> None:
        team = f" · team {self.options.team}" if self.options.team else ""
        self.screen.say("demo ·", f"{self.options.agent}@{self.options.host}{team}")
        self.screen.say("", "a stand-in for a real agent: it notes in the tree what it is told\n")
        if self.options.resume:
            with contextlib.suppress(OSError):
                for kind, text in self.records.read():
                    mark = ">" if kind == "user" else "●"
                    self.screen.say(mark, label(text, 1) or readable(text))

    def show(self) -> None:
        """Bring the terminal, then status.json, up to date: who reads `idle` finds a composer."""
        turn = self.turn
        asking = turn is not None and turn.phase == "asking"
        if self.keys.pasted is None:
            self.screen.draw(*(self.dialog(turn.line) if turn and asking else self.composer()))
        if self.ready_by is not None and time.monotonic() < self.ready_by:
            return  # the terminal may not yet know that it has to bracket a paste
        self.ready_by = None
        state = "blocked" if asking else "busy" if turn else "idle"
        reason = f"permission: {turn.line[:200]}" if turn and asking else ""
        self.attempt(self.records.report, state, reason, len(self.queue))
        if self.screen.fresh:
            self.show()  # the report failed, and that was said

    def composer(self) -> tuple[list[str], tuple[int, int]]:
        columns, rows = self.screen.size
        rule = "─" * columns
        draft = wrap(self.draft.shown(columns * rows), columns - 3)[-(rows - 5) :]
        body = [(" " if at else ">") + " " + line for at, line in enumerate(draft)]
        hint = "esc to interrupt · working" if self.turn else "? for shortcuts"
        hint += f" · queued ({len(self.queue)})" if self.queue else ""
        hint = "ctrl-c again to exit" if self.leaving else hint
        return ["", rule, *body, rule, "  " + hint], (1 + len(body), width(body[-1]))

    def dialog(self, line: str) -> tuple[list[str], tuple[int, int]]:
        columns, rows = self.screen.size
        block = ["", "─" * columns, "  " + wrap(line, columns - 3)[0], "  Do you want to proceed?"]
        block += ["  \N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT} 1. Yes", "    2. No"]
        return [*block, "", "  Esc to cancel"][: rows - 1], (4, 2)


def main(argv: list[str]) -> None:
    """Live in this terminal. Raises SystemExit with the status, as every end does."""
    try:
        options = Options(argv)
        if not (os.isatty(0) and os.isatty(1)):
            raise ValueError("no terminal; it lives in one, as in a tmux pane")
        screen, records = Screen(), Records(options.directory)
    except (getopt.GetoptError, ValueError, OSError) as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(2)
    if options.slow_start > 0:
        time.sleep(options.slow_start)
        termios.tcflush(0, termios.TCIFLUSH)
    try:
        demo = Demo(options, screen, records)
        screen.enter()
        demo.run()
    except (OSError, termios.error):  # the terminal is gone: nobody is left to tell
        sys.exit(128 + signal.SIGHUP)
    finally:
        screen.leave()
        records.close()


if __name__ == "__main__":
    main(sys.argv[1:])
