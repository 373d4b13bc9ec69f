"""A mistake is one clear line with the right exit status, and nothing is done."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from tests.scenarios.stage import Stage, demo, runs

pytestmark = pytest.mark.local_only("a mistake is found before any host is asked")


@pytest.mark.parametrize(
    ("argv", "env", "says"),
    [
        (["--env", "A B=c"], {}, "--env: 'A B' is not a variable's name"),
        (["--env", "1A=c"], {}, "--env: '1A' is not a variable's name"),
        (["--type", "demo", "--env", "KEY"], {"KEY": "\udcff"}, "secret KEY is not UTF-8 text"),
        (["--env", "A=\udcff"], {}, "is not UTF-8 text"),
        (["--command", "echo \udcff"], {}, "is not UTF-8 text"),
        (["--", "echo", "\udcff"], {}, "is not UTF-8 text"),
    ],
)
def test_what_an_agent_cannot_be_given_is_refused(
    stage: Stage, argv: list[str], env: dict[str, str], says: str
) -> None:
    """Before anything is made."""
    done = stage.mng("create", "ada", *argv, env=env)

    assert (done.status, says in done.err, stage.agents()) == (2, True, {})


@pytest.mark.parametrize("id_", ["a.b", "A", "", "x" * 61, "0123456789abcdef.1"])
def test_a_message_id_is_checked(stage: Stage, id_: str) -> None:
    """A dot marks the digest of a text, which no id may look like."""
    stage.must("create", "ada", "--type", "demo")

    assert stage.mng("message", "ada", "hi", "--id", id_).status == 2
    assert stage.told("ada", host="local") == []


def test_a_number_of_lines_is_none_below_zero(stage: Stage) -> None:
    """-1 is told as a mistake, and 0 lines are none."""
    stage.must("create", "ada", "--type", "demo")

    assert stage.mng("logs", "ada", "-n", "-1").status == 2
    assert stage.must("logs", "ada", "-n", "0").out == ""


@pytest.mark.parametrize("option", ["--recreate", "--replace-host", "--discard-work"])
def test_consent_to_what_is_not_there_is_an_error(stage: Stage, option: str) -> None:
    """A misspelt name is told, not passed over."""
    file = stage.team({"ada": demo()})

    done = stage.up(file, option, "bxo")
    assert (done.status, f"{option}: nothing is named 'bxo'" in done.err) == (4, True)
    assert stage.agents() == {}


def test_a_directory_that_is_gone_is_one_line(stage: Stage) -> None:
    """Whatever is asked for."""
    code = "import os; os.mkdir('x'); os.chdir('x'); os.rmdir('../x'); import mng.__main__"
    argv = [sys.executable, "-c", code, "list"]
    done = subprocess.run(argv, cwd=stage.root, env=stage.env, capture_output=True, text=True)

    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "this directory" in done.stderr


@pytest.mark.parametrize("missing", ["date", "tr", "awk", "sed"])
def test_a_host_without_a_program_is_unknown(stage: Stage, missing: str) -> None:
    """Its reason names the program."""
    stage.must("create", "ada", "--type", "demo")
    tools = stage.root / "tools"
    tools.mkdir()
    for directory in stage.env["PATH"].split(":"):
        for name in os.listdir(directory) if os.path.isdir(directory) else ():
            if name != missing and not (tools / name).is_symlink():
                (tools / name).symlink_to(f"{directory}/{name}")

    done = stage.mng("list", env={"PATH": str(tools)})
    assert done.status in (0, 1)
    assert done.status == 0 or missing in done.out


def test_a_misspelt_provider_is_told(stage: Stage) -> None:
    """With what is nearest; those of the language are none that is misspelt."""
    file = stage.team({"ada": demo()}, host={"provider": "lcoal"})

    done = stage.mng("validate", "-f", file)
    assert (done.status, "did you mean 'local'?" in done.err) == (2, True)
    modal = stage.team({"ada": demo()}, host={"provider": "modal"})
    assert stage.mng("validate", "-f", modal).status == 0


def test_a_message_file_that_is_a_pipe_is_told(stage: Stage) -> None:
    """mng waits for nobody to write into it."""
    os.mkfifo(stage.root / "pipe")
    file = stage.team({"ada": demo({"file": "pipe"})})

    done = stage.mng("validate", "-f", file, timeout=20)
    assert (done.status, "'pipe' is no file" in done.err) == (2, True)


def test_down_works_though_the_source_is_gone(stage: Stage) -> None:
    """What is in its way is the work that can't be saved, and no fault of the file."""
    source = stage.root / "folder"
    stage.make_repository(source)
    file = stage.raised({"ada": demo()}, host={"source": str(source)})
    shutil.rmtree(source)

    done = stage.mng("down", "-f", file)
    assert (done.status, "--discard-work box" in done.err) == (1, True)
    stage.must("down", "-f", file, "--discard-work", "box")
    assert stage.listed()["hosts"] == []


def test_export_drops_no_agent(stage: Stage) -> None:
    """Two of one name are more than a file can say."""
    for host in ("one", "two"):
        stage.must("create", f"ada@{host}", "--new-host", "--type", "demo")

    done = stage.mng("export")
    assert (done.status, "ada@one, ada@two" in done.err, done.out) == (1, True, "")


def test_a_line_that_a_terminal_would_cut_is_held(stage: Stage) -> None:
    """A program that reads lines gets at most 4095 bytes of one, so nothing is typed."""
    stage.raised({"ada": runs("cat")})

    done = stage.mng("message", "ada", "x" * 5000)
    assert (done.status, "4095 bytes" in done.err) == (3, True)
    stage.must("message", "ada", "short")
    assert stage.must("logs", "ada").out.split() == ["short", "short"]


@pytest.mark.parametrize("name", ["saved", "source"])
def test_a_host_is_not_named_like_a_place_of_refs(stage: Stage, name: str) -> None:
    """What `pull` brings of it would take the place of what was saved."""
    hosts = {name: {"source": str(stage.repo)}}

    done = stage.up(stage.team({"ada": demo()}, hosts=hosts))

    assert (done.status, f"no host can be named '{name}'" in done.err) == (2, True)
    assert not (stage.home / "hosts").exists()
