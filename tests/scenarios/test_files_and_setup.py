"""Files and set-up: faults, validate, config, schema, init, doctor, missing programs."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
from pathlib import Path

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, demo, runs

pytestmark = pytest.mark.local_only("what is looked at is the file and this machine")

FAULTY = """\
name: Auth Team
hosts:
  box:
    source: .
    tiemout: 8h
agents:
  ada:
    host: bx
    type: demo
    message: Build {{ feature }}
  bob:
    type: demo
    protect: perhaps
    after: {eve: ready}
"""
FAULTS = {  # line: what the fault's words name, and what was meant
    1: ("'Auth Team'", ""),
    5: ("'tiemout'", "did you mean 'timeout'?"),
    8: ("'bx'", "did you mean 'box'?"),
    10: ("'feature'", ""),
    13: ("must be true or false", ""),
    14: ("'eve'", ""),
}


def faulty(stage: Stage) -> Path:
    path = stage.repo / "bad.yaml"
    path.write_text(FAULTY)
    return path


def test_every_fault_of_a_file_is_told_in_one_run(stage: Stage) -> None:
    """Six faults are six diagnostics, each with place, line, caret and what may be meant."""
    done = stage.up(faulty(stage))

    fault = r"^.*bad\.yaml:(\d+):(\d+): (.*)\n +\1 \| (.*)\n +\| ( *)\^$"
    found = re.findall(fault, done.err, re.MULTILINE)
    assert [int(line) for line, *_ in found] == list(FAULTS)
    for line, column, words, source, blanks in found:
        named, meant = FAULTS[int(line)]
        assert named in words
        assert meant in words
        assert source == FAULTY.splitlines()[int(line) - 1]
        assert len(blanks) == int(column) - 1


@pytest.mark.parametrize("command", ["up", "plan", "down", "validate", "config"])
def test_a_faulty_file_changes_nothing(stage: Stage, command: str) -> None:
    """Exit 2, nothing on stdout, no server, not even MNG_HOME."""
    done = stage.mng(command, "-f", faulty(stage))

    assert (done.status, done.out, "6 faults in" in done.err) == (2, "", True)
    assert not stage.home.exists()
    assert stage.processes() == []


def test_a_faulty_file_leaves_what_is_up(stage: Stage) -> None:
    """A slip in the editor ends no agent."""
    stage.raised({"ada": demo()})
    pid = stage.pid("ada")

    assert stage.up(faulty(stage)).status == 2
    assert stage.pid("ada") == pid


def test_a_setup_that_fails_names_the_command_that_shows_its_output(stage: Stage) -> None:
    """The hint can be typed as it stands."""
    setup = "for n in 1 2 3; do echo line $n; done; exit 3"
    file = stage.team({"ada": demo()}, host={"source": str(stage.repo), "setup": setup})

    done = stage.up(file)
    hint = next(line for line in done.err.splitlines() if "try: mng exec" in line)
    said = stage.must(*shlex.split(hint)[2:]).out
    assert (done.status, said) == (1, "line 1\nline 2\nline 3\n")


def test_a_setup_that_has_failed_is_told_by_list_and_plan(stage: Stage) -> None:
    """That it did, with which status, and which command shows why; until one is well."""
    host = {"source": str(stage.repo), "setup": "echo line 1; exit 3"}
    file = stage.team({"ada": demo()}, host=host)
    assert stage.up(file).status == 1

    listed, plan = stage.mng("list"), stage.must("plan", "-f", file).out
    (told,) = stage.listed()["hosts"]
    words, _, command = told["reason"].partition(": ")
    assert (told["state"], words) == ("CREATING", "setup ended with status 3")
    assert stage.must(*shlex.split(command)[1:]).out == "line 1\n"
    assert f"mng: host box.local: {told['reason']}" in listed.err
    assert f"unfinished: {told['reason']}" in plan
    stage.must("up", "-f", stage.team({"ada": demo()}, host={**host, "setup": "true"}))
    assert stage.listed()["hosts"][0]["reason"] == ""


def test_one_is_no_plural(stage: Stage) -> None:
    """`1 commits` is told by no command."""
    file = stage.raised({"ada": demo()})
    stage.must("exec", "ada", "echo x >x.txt && git add x.txt && git commit -qm x && echo y >y.txt")

    said = stage.must("validate", "-f", file).all + stage.must("down", "-f", file).all
    assert ": 1 host, 1 agent, no fault\n" in said
    assert "to end: 1 host, 1 agent" in said
    assert "1 commit and 1 file saved to" in said


def test_validate_says_that_there_is_no_fault(stage: Stage) -> None:
    """And makes nothing."""
    done = stage.must("validate", "-f", stage.team({"ada": demo()}))

    assert "no fault" in done.out
    assert not stage.home.exists()


def test_config_is_a_file_that_means_the_same(stage: Stage) -> None:
    """What `config` prints can be brought up in the file's place."""
    file = stage.team({"ada": demo("Build {{ what }}")}, vars={"what": "it"})
    stage.must("up", "-f", file)
    resolved = stage.must("config", "-f", file).out
    file.write_text(resolved)

    assert "Build it" in resolved
    assert stage.mng("plan", "-f", file, "--check").status == 0


def test_config_explains_which_line_set_a_value(stage: Stage) -> None:
    """Of several files, the one that won."""
    one, two = stage.repo / "one.yaml", stage.repo / "two.yaml"
    one.write_text("name: t\nagents:\n  ada:\n    type: claude\n")
    two.write_text("agents:\n  ada:\n    type: demo\n")

    done = stage.must("config", "-f", one, "-f", two, "--explain", "agents.ada.type")
    assert "demo" in done.out
    assert "two.yaml:3" in done.out


def test_a_later_file_overrides_an_earlier_one(stage: Stage) -> None:
    """Mapping by mapping; up takes both."""
    one, two = stage.repo / "one.yaml", stage.repo / "two.yaml"
    one.write_text("name: t\nagents:\n  ada: {type: claude, message: Hello}\n")
    two.write_text('agents:\n  ada: {type: demo, args: [--busy, "0"]}\n')
    stage.must("up", "-f", one, "-f", two)

    assert stage.told("ada", host="local") == ["Hello"]


def test_schema_is_the_one_that_ships(stage: Stage) -> None:
    """`mng schema` prints what is committed."""
    committed = Path(__file__).parents[2] / "schemas" / "mng.schema.json"

    assert json.loads(stage.must("schema").out) == json.loads(committed.read_text())


def test_init_writes_a_file_that_comes_up(stage: Stage) -> None:
    """From nothing to a running team in two commands."""
    stage.must("init")
    stage.must("up")

    assert stage.told("first", host="repo") == ["Hello from the file."]


def test_init_overwrites_nothing(stage: Stage) -> None:
    """A mng.yaml that is there is the user's."""
    (stage.repo / "mng.yaml").write_text("name: mine\n")

    done = stage.mng("init")
    assert (done.status, "mng init --force" in done.err) == (2, True)
    assert (stage.repo / "mng.yaml").read_text() == "name: mine\n"


def test_the_file_is_found_from_a_directory_below(stage: Stage) -> None:
    """mng.yaml here, or the nearest above."""
    stage.must("init")
    below = stage.repo / "a" / "b"
    below.mkdir(parents=True)

    assert "agent first@repo" in stage.must("plan", cwd=below).out


def test_no_file_at_all_is_one_clear_line(stage: Stage) -> None:
    """It says how to make one."""
    done = stage.mng("up")

    assert (done.status, "no mng.yaml here or above" in done.err) == (2, True)
    assert "mng init" in done.err


def test_doctor_finds_what_is_there(stage: Stage) -> None:
    """All is well: 0."""
    out = stage.must("doctor").out

    assert re.search(r"^ok +tmux \d", out, re.M)
    assert re.search(r"^ok +git \d", out, re.M)


# What each program can be given: its variables, and where its own login lies.
CREDENTIALS = {
    "claude": (
        ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        ".claude/.credentials.json",
    ),
    "codex": (("OPENAI_API_KEY",), ".codex/auth.json"),
    "gemini": (("GEMINI_API_KEY",), ".gemini/oauth_creds.json"),
    "opencode": (
        ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY"),
        ".local/share/opencode/auth.json",
    ),
}
SECRET = "sk-dummy-0123456789"


def told_of(stage: Stage, env: dict[str, str]) -> dict[str, str]:
    """What `mng doctor` says of each agent program; and it never shows a value."""
    done = stage.must("doctor", env=env)
    assert SECRET not in done.all
    lines = [re.match(r"(ok|-) +(\w+): (.*)", line) for line in done.out.splitlines()]
    return {line[2]: f"{line[1]} {line[3]}" for line in lines if line and line[2] in CREDENTIALS}


def test_doctor_tells_which_credentials_are_there(stage: Stage) -> None:
    """By the names of the variables, or where a program's own login lies; an address is none."""
    directory = stage.root / "programs"
    directory.mkdir()
    for program in CREDENTIALS:
        (directory / program).write_text("#!/bin/sh\n")
        (directory / program).chmod(0o755)
    env = {"PATH": f"{directory}:{stage.env['PATH']}", "ANTHROPIC_BASE_URL": f"http://{SECRET}"}

    for program, said in told_of(stage, env).items():
        variables, login = CREDENTIALS[program]
        assert said.startswith("- ")
        assert all(name in said for name in (*variables, f"no ~/{login}"))
    for name in ("ANTHROPIC_API_KEY", "CLAUDE_CODE_OAUTH_TOKEN", "OPENAI_API_KEY"):
        told = told_of(stage, {**env, name: SECRET})
        has = {program for program, said in told.items() if said.startswith("ok ")}
        assert has == {program for program, (names, _) in CREDENTIALS.items() if name in names}
        assert all(name in told[program] for program in has)
    for program, (_, login) in CREDENTIALS.items():
        (stage.user / login).parent.mkdir(parents=True)
        (stage.user / login).write_text(SECRET)
        assert f"~/{login}" in told_of(stage, env)[program]
        assert told_of(stage, env)[program].startswith("ok ")


def path_without(stage: Stage, missing: str) -> str:
    """A PATH on which all is but one program."""
    directory = stage.root / "some"
    directory.mkdir()
    for program in ("tmux", "git", "sh", "python3", "cat", "tar", "date", "flock", "ps"):
        found = shutil.which(program)
        if program != missing and found:
            os.symlink(found, directory / program)
    return str(directory)


@pytest.mark.parametrize("missing", ["tmux", "git"])
def test_doctor_names_the_package_that_is_missing(stage: Stage, missing: str) -> None:
    """And the command that installs it; exit 1."""
    done = stage.mng("doctor", env={"PATH": path_without(stage, missing)})

    (line,) = [line for line in done.out.splitlines() if line.startswith("BAD")]
    assert (done.status, missing in line, f"apt install {missing}" in line) == (1, True, True)


@pytest.mark.parametrize("missing", ["tmux", "git"])
@pytest.mark.parametrize("words", [("up", "-f", "team.yaml"), ("create", "ada", "--type", "demo")],
                         ids=["up", "create"])  # fmt: skip
def test_a_missing_program_is_one_clear_line(
    stage: Stage, missing: str, words: tuple[str, ...]
) -> None:
    """What is missing and the package; nothing is begun."""
    stage.team({"ada": demo()})
    done = stage.mng(*words, cwd=stage.root, env={"PATH": path_without(stage, missing)})

    said = [line for line in done.err.splitlines() if line.startswith(("mng:", "  try:"))]
    assert said == [
        f"mng: {missing} is not installed",
        f"  try: apt install {missing}   or   brew install {missing}",
    ]
    assert (done.status, stage.home.exists()) == (1, False)


def test_a_mistake_of_use_is_no_traceback(stage: Stage) -> None:
    """An unknown option, command or type is told in a line or two, with exit 2."""
    stage.team({"ada": {"type": "demmo"}})
    for words in (("up", "--nope"), ("nope",), ("validate", "-f", stage.root / "team.yaml")):
        assert stage.mng(*words).status == 2


@pytest.mark.parametrize("name", ["a#Scope", "b#(touch pwned)", "c #{pid} %H", "d;e'f"])
def test_a_path_is_no_format_of_tmux(stage: Stage, name: str) -> None:
    """Whatever a source's directory is called, the agent starts in it, and nothing is run."""
    sub = stage.repo / name
    sub.mkdir()
    (sub / "x").write_text("x")

    stage.must("up", "-f", stage.team({"ada": demo()}, host={"source": str(sub)}))

    cwd = os.readlink(f"/proc/{stage.agent('ada')['pid']}/cwd")
    assert cwd == str(stage.host_dir() / "work" / name)
    assert not list(stage.root.rglob("pwned"))


def test_an_agent_may_be_called_like_a_shell(stage: Stage) -> None:
    """A window's name is never taken for a session's."""
    stage.raised({"sh": demo("one"), "ada": demo("two"), "mng": demo("three")})

    told = {name: stage.told(name) for name in ("sh", "ada", "mng")}
    assert told == {"sh": ["one"], "ada": ["two"], "mng": ["three"]}
    stage.must("destroy", "sh")
    assert set(stage.agents()) == {"ada", "mng"}


def test_what_a_user_keeps_among_the_hosts_stays(stage: Stage) -> None:
    """Only halves of hosts, under the names that mng gives them, are removed."""
    notes = stage.home / "hosts" / ".my-own-notes"
    notes.mkdir(parents=True)
    (notes / "precious").write_text("x")
    half = stage.home / "hosts" / f".old-999999999-{'a' * 16}"
    half.mkdir()

    stage.raised({"ada": demo()})

    assert (notes / "precious").exists()
    assert not half.exists()


def test_files_get_the_modes_that_the_user_gives_them(stage: Stage) -> None:
    """An agent, a command and a setup have the user's mask; what mng keeps is the user's alone."""
    before = os.umask(0o027)
    try:
        host = {"source": str(stage.repo), "setup": "umask >>masks"}
        stage.raised({"a": runs("umask >>masks; exec sleep 600")}, host=host)
        stage.must("exec", "a", "umask >>masks")
    finally:
        os.umask(before)

    masks = stage.host_dir() / "work" / "masks"
    eventually(lambda: masks.read_text().split() == ["0027"] * 3)
    assert stat.S_IMODE(stage.host_dir().stat().st_mode) == 0o700
