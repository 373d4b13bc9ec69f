"""Several agents in one tree: each commits its own, and none takes along what others work on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, demo, program, runs

pytestmark = pytest.mark.local_only(
    "what an agent may do is looked at from within its process here"
)

REFUSED = [
    "git stash",
    "git stash push -- file-0.txt",
    "git stash drop",
    "git reset --hard",
    "git reset --hard HEAD",
    "git checkout -- .",
    "git checkout .",
    "git checkout HEAD -- .",
    "git checkout -f",
    "git checkout other",
    "git checkout -b mine",
    "git checkout --detach",
    "git switch other",
    "git switch -c mine",
    "git restore .",
    "git clean -f",
    "git clean -fdx",
    "git clean -fd .",
    "git add -A",
    "git add --all .",
    "git add .",
    "git add ./",
    'git add ":/"',
    "git add -u",
    "git commit -am sweep",
    "git -C . stash",
    "git -c core.pager=cat reset --hard",
    'cd sub && git reset --hard',
    'cd sub && git add ..',
    'git -C "$PWD/sub" clean -f ..',
    "git reset --har",
    "git clean --forc",
    "git clean -fd -e '*.log'",
    "git add --al",
    "git add --no-ignore-removal",
    "git commit --al -m sweep",
    "git commit -qam sweep",
    "git commit -m sweep .",
    "git commit -m sweep -- sub/..",
    "git add './*'",
    "git add '**'",
    "git add ':!own.txt'",
    "git add -- ':(exclude)own.txt'",
    "git add ':^own.txt' ':/!sub'",
    "git add ':(top)'",
    "git add nowhere/..",
    'git add "$PWD/sub/.."',
    "git checkout -- './*'",
    "git checkout -- ':!own.txt'",
    "git checkout HEAD -- sub/..",
    "git checkout HEAD ':!own.txt'",
    "git checkout -f main",
    "git checkout other --",
    "git checkout --detac",
    "git restore '**'",
    "git restore -s HEAD ':!own.txt'",
    "git restore --sourc HEAD ./",
    "git switch -f main",
    "git switch --discard main",
    "git read-tree --reset -u HEAD",
    "git read-tree -m -u HEAD",
    "git checkout-index -a -f",
    "git checkout-index -fa",
    "git -c alias.everything='add -A' everything",
    "git sweep",
    "git -C sub sweep-more -q",
]  # fmt: skip
ALLOWED = [
    "git status",
    "git stash list",
    "git add own.txt",
    "git add -A own.txt",
    "git commit -m mine -- own.txt",
    "git checkout -- file-0.txt",
    "git checkout main",
    "git reset -q",
    "git reset -q -- file-0.txt",
    "git clean -n",
    "git restore file-0.txt",
    "echo 1 >>own.txt && git add own.txt && git commit -m'Fix a parser' -- own.txt",
    "echo 2 >>own.txt && git commit -qmall own.txt",
    "echo 3 >>own.txt && git commit -m -a own.txt",
    "echo 4 >>own.txt && git commit --message --all -uall own.txt",
    "git commit -C HEAD -q --allow-empty",
    "git checkout -f file-0.txt",
    "git restore --source HEAD file-0.txt",
    "git clean -fe all sub",
    "mkdir -p sub && echo x >sub/x && git -C sub add .",
    "git add sub/../own.txt ':!sub'",
    "git read-tree HEAD",
    "git checkout-index -a -q; true",
    "git checkout-index -a -f --prefix=../copy/",
    "git mine && git shell && git round; true",
    "git log -1 --format='reset %s'",
    "git worktree add -q ../elsewhere -b apart && git -C ../elsewhere reset -q --hard",
    "git init -q ../mine && cd ../mine && git add . && git stash list",
]


def as_agent(stage: Stage, name: str, words: str) -> subprocess.CompletedProcess[str]:
    """Shell text with an agent's own environment, as one of its tools would run it."""
    pid = stage.agent(name)["pid"]
    raw = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    env = dict(entry.split("=", 1) for entry in raw if "=" in entry)
    return subprocess.run(
        ["sh", "-c", words],
        cwd=stage.host_dir() / "work",
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def state(stage: Stage) -> tuple[str, str, str]:
    """All that a refused command could have changed."""
    work = stage.host_dir() / "work"
    status = stage.git("status", "--porcelain", cwd=work)
    return status, stage.git("branch", "-v", "-a", cwd=work), (work / "bobs.txt").read_text()


def shared(stage: Stage, **host: object) -> None:
    """ada and bob in one tree, in which a bystander's file lies, changed and not committed."""
    spec = {"source": str(stage.repo), **host}
    agents = {"ada": runs(program("sleeper")), "bob": runs(program("sleeper"))}
    stage.must("up", "-f", stage.team(agents, host=spec))
    stage.must(
        "exec", "box", "git branch -f other; mkdir -p sub; echo x >sub/x; echo bob >bobs.txt"
    )
    stage.must("exec", "box", "echo changed >>file-0.txt; echo own >own.txt")


def test_the_guard_stops_what_would_take_others_work_along(stage: Stage) -> None:
    """The command fails, says what to use instead, and a bystander's files are as they were.

    However it is written: short, by an alias, or by another name of the whole tree.
    """
    shared(stage)
    stage.must("exec", "box", "git config alias.sweep 'commit -am \"all of it\"'")
    stage.must("exec", "box", "git config alias.sweep-more '-c core.pager=cat sweep'")
    before = state(stage)

    for words in REFUSED:
        done = as_agent(stage, "ada", words)

        assert (words, done.returncode, done.stdout) == (words, 1, "")
        assert "is refused here" in done.stderr, words
        assert "(bob)" in done.stderr
        assert "instead, " in done.stderr
        assert state(stage) == before, words


def test_the_guard_leaves_everything_else_alone(stage: Stage) -> None:
    """What touches one's own files, another tree, or nothing, is git's own affair."""
    shared(stage)
    stage.must("exec", "box", "git config alias.mine 'commit -q --allow-empty -m all'")
    stage.must("exec", "box", "git config alias.shell '!git status'; git config alias.round round")
    stage.must("exec", "box", "git checkout -- file-0.txt")

    for words in ALLOWED:
        done = as_agent(stage, "ada", words)
        assert (words, done.returncode, done.stderr) == (words, 0, done.stderr)
        assert "refused" not in done.stderr


def test_an_agent_that_is_alone_is_not_guarded(stage: Stage) -> None:
    """Once nobody else is alive, git is git."""
    shared(stage)
    assert as_agent(stage, "ada", "git add -A").returncode == 1

    stage.must("stop", "bob")

    assert as_agent(stage, "ada", "git add -A").returncode == 0


def test_the_user_is_not_guarded(stage: Stage) -> None:
    """`mng exec` runs what the user says."""
    shared(stage)

    stage.must("exec", "ada", "git add -A && git stash && git stash pop -q")


def test_twelve_agents_commit_at_once_and_each_its_own(stage: Stage) -> None:
    """12 commits, none with another's file, none lost, each with its agent's name."""
    names = [f"agent-{number}" for number in range(12)]
    stage.must("up", "-f", stage.team({name: runs(program("sleeper")) for name in names}))
    words = 'echo "$MNG_AGENT" >"$MNG_AGENT.txt"; mng-commit -m "from $MNG_AGENT" "$MNG_AGENT.txt"'
    environs = {name: stage.agent(name)["pid"] for name in names}
    commits = []
    for pid in environs.values():
        raw = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        env = dict(entry.split("=", 1) for entry in raw if "=" in entry)
        commits.append(
            subprocess.Popen(["sh", "-c", words], cwd=stage.host_dir() / "work", env=env)
        )

    assert [commit.wait(60) for commit in commits] == [0] * 12
    log = stage.must("exec", "box", "git log --format='%an|%cn|%s' --name-only -n 12").out
    found = sorted(log.replace("\n\n", "|").splitlines())
    assert found == sorted(f"{name}|{name}|from {name}|{name}.txt" for name in names)
    assert stage.must("exec", "box", "git status --porcelain").out == ""


def test_a_commit_takes_only_the_paths_that_it_is_given(stage: Stage) -> None:
    """Not what another agent staged, nor what else is changed; a deleted path is one, too."""
    shared(stage)
    stage.must("exec", "box", "git add bobs.txt; rm own.txt; echo new >'odd [n]ame.txt'")

    done = as_agent(stage, "ada", "rm file-0.txt; mng-commit -m mine 'odd [n]ame.txt' file-0.txt")

    assert (done.returncode, done.stderr) == (0, "")
    shown = stage.must("exec", "box", "git show --format=%s --name-status").out
    assert shown == "mine\n\nD\tfile-0.txt\nA\todd [n]ame.txt\n"
    assert stage.must("exec", "box", "git status --porcelain").out == "A  bobs.txt\n?? sub/\n"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("git rm -q file-0.txt; mng-commit -m x file-0.txt", "D\tfile-0.txt\n"),
        ("rm file-0.txt; git add file-0.txt; mng-commit -m x file-0.txt", "D\tfile-0.txt\n"),
        ("git mv file-0.txt b; mng-commit -m x file-0.txt b", "R100\tfile-0.txt\tb\n"),
        ("mv dir/x dir/y; mng-commit -m x dir", "R100\tdir/x\tdir/y\n"),
        ("rm dir/x; mng-commit -m x dir", "D\tdir/x\n"),
        ("git rm -qr dir; mng-commit -m x dir", "D\tdir/x\n"),
        ("git mv dir new; mng-commit -m x dir new", "R100\tdir/x\tnew/x\n"),
        ("ln -s nowhere link; mng-commit -m x link", "A\tlink\n"),
    ],
)
def test_what_is_removed_or_moved_is_committed_too(stage: Stage, words: str, shown: str) -> None:
    """However it went, and nothing of what another agent staged."""
    (stage.repo / "dir").mkdir()
    (stage.repo / "dir" / "x").write_text("the file in a directory\n")
    stage.git("add", "dir")
    stage.git("commit", "-q", "-m", "directory")
    stage.must("up", "-f", stage.team({"ada": runs(program("sleeper"))}))
    stage.must("exec", "box", "echo bob >bobs.txt; git add bobs.txt")

    done = as_agent(stage, "ada", words)

    assert (done.returncode, done.stderr) == (0, "")
    committed = stage.must("exec", "box", "git show -M --format= --name-status").out
    assert committed == shown
    assert stage.must("exec", "box", "git status --porcelain").out == "A  bobs.txt\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("mng-commit -m all .", "the whole tree"),
        ("cd sub && mng-commit -m all ..", "the whole tree"),
        ("mng-commit -m nothing", "usage: mng-commit"),
        ("mng-commit -m none nowhere.txt", "did not match any file"),
    ],
)
def test_a_commit_that_names_no_file_is_refused(stage: Stage, words: str, said: str) -> None:
    """One line that says why; nothing is committed."""
    shared(stage)

    done = as_agent(stage, "ada", words)

    assert done.returncode != 0
    assert said in done.stderr
    assert stage.must("exec", "box", "git log --format=%s").out == "first\n"


def test_the_demo_agents_commit_under_their_own_names(stage: Stage) -> None:
    """`git log` tells who did what."""
    stage.raised({"ada": demo("A"), "bob": demo("B")})

    def authors() -> set[str]:
        return set(stage.must("exec", "box", "git log --format=%an").out.split())

    eventually(lambda: {"ada", "bob"} <= authors())


def test_the_guard_can_be_turned_off(stage: Stage) -> None:
    """`shared_tree: {guard: false}`, at once and without touching anybody."""
    shared(stage)
    assert as_agent(stage, "ada", "git add -A").returncode == 1

    shared(stage, shared_tree={"guard": False})

    assert as_agent(stage, "ada", "git add -A").returncode == 0


def test_ignored_files_that_are_named_are_saved(stage: Stage) -> None:
    """`keep: [...]`: those and no others, as a commit of their own."""
    (stage.repo / ".gitignore").write_text("*.db\n*.log\n")
    stage.git("add", ".gitignore")
    stage.git("commit", "-q", "-m", "ignore")
    file = stage.raised({"ada": demo()}, host={"source": str(stage.repo), "keep": ["data", "x.db"]})
    stage.must("exec", "box", "mkdir data; echo 1 >data/a.db; echo 2 >x.db; echo 3 >y.log")

    stage.must("down", "-f", file)

    (kept,) = (ref for ref in stage.saved() if ref.endswith("/kept"))
    assert stage.git("ls-tree", "-r", "--name-only", kept).split() == ["data/a.db", "x.db"]
    assert stage.git("show", f"{kept}:data/a.db") == "1\n"
