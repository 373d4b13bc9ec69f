"""Whatever a caller has made of stdin, stdout and stderr: no traceback, and no silent failure."""

from __future__ import annotations

import subprocess
import sys

from .stage import Done, Stage, demo


def in_shell(stage: Stage, words: str) -> Done:
    """mng as a shell starts it, with its redirections."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m mng {words}', sys.executable],
        cwd=stage.repo, env=stage.env, stdin=subprocess.DEVNULL, capture_output=True, check=False,
    )  # fmt: skip
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    assert "Exception ignored" not in err, err
    return Done(done.returncode, out, err)


def test_closed_streams_are_dev_null(stage: Stage) -> None:
    """What would be written is dropped, what would be read is empty, and the status is right."""
    stage.raised({"ada": demo()})

    for words, status, says in (
        ("list >&-", 0, ""),
        ("list -o json >&- 2>&-", 0, ""),
        ("list 2>&-", 0, "ada"),
        ("list nobody 2>&-", 4, ""),
        ("list nobody <&- >&-", 4, "no agent or host named 'nobody'"),
        ("exec ada true <&-", 0, ""),
        ("exec ada cat <&- 2>&-", 0, ""),
        ("exec ada 'echo out; echo err >&2' <&- 2>&-", 0, "out\n"),
        ("message ada - <&-", 2, "the message is empty"),
        ("message ada hello <&- >&- 2>&-", 0, ""),
        ("connect ada <&-", 2, "connect needs a terminal"),
        ("logs ada <&- 2>&-", 0, "hello"),
    ):
        done = in_shell(stage, words)
        assert (words, done.status) == (words, status), done
        assert says in done.all, words
    assert stage.told("ada") == ["hello"]


def test_a_full_disk_behind_stdout_is_one_line(stage: Stage) -> None:
    """And exit 1: a script would go on with half of the output."""
    stage.raised({"ada": demo("A")}).rename(stage.repo / "mng.yaml")

    for words in (
        "list", "list -o json", "config", "plan", "logs ada", "messages ada -o yaml", "--help",
        "up -o json",
    ):  # fmt: skip
        done = in_shell(stage, f"{words} >/dev/full")

        assert (words, done.status, done.out) == (words, 1, "")
        assert done.err.endswith("mng: can't write: No space left on device\n"), words


def test_a_full_disk_behind_stderr_keeps_the_exit_status(stage: Stage) -> None:
    """The one line is lost, and nothing else."""
    assert in_shell(stage, "list nobody 2>/dev/full").status == 4
    assert in_shell(stage, "list nobody >/dev/full 2>/dev/full").status == 4
