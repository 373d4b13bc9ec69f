"""Work that outlives its host: shown, listed, brought back, and removed when it is old."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from .stage import Done, Stage, demo

pytestmark = pytest.mark.local_only("what was saved lies here, whatever host it came from")

# Two branches with a commit each, a stash, staged, unstaged, untracked and deleted files.
WORK = """
git switch -q -c side; echo side >side.txt; git add side.txt; git commit -q -m side
git switch -q main; echo main >main.txt; git add main.txt; git commit -q -m main
echo stashed >>file-0.txt; git stash -q
echo staged >file-1.txt; git add file-1.txt; echo more >>file-1.txt
echo changed >file-2.txt; rm file-3.txt; printf 'loose\\0\\377' >'loose file'; ln -s nowhere link
chmod +x file-4.txt
"""
STATUS = " M file-2.txt\n D file-3.txt\n M file-4.txt\n?? link\n"


@pytest.fixture
def at_work(stage: Stage) -> Path:
    """The file of a team whose agent has left all sorts of work."""
    for number in range(1, 5):
        (stage.repo / f"file-{number}.txt").write_text(f"the file {number}\n")
    stage.git("add", ".")
    stage.git("commit", "-q", "-m", "more files")
    file = stage.raised({"ada": demo(), "bob": demo()})
    stage.must("exec", "box", WORK)
    return file


def state_of(work: Path, stage: Stage) -> list[object]:
    """What `git status` says, every file with its content, every branch, the stash."""
    files = {
        str(path.relative_to(work)): path.readlink() if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(work.rglob("*"))
        if ".git" not in path.parts and not (path.is_dir() and not path.is_symlink())
    }  # fmt: skip
    asked = [
        ["status", "--porcelain"], ["diff", "--cached"], ["for-each-ref", "refs/heads"],
        ["stash", "list", "--format=%H"], ["symbolic-ref", "HEAD"],
    ]  # fmt: skip
    return [files, *(stage.git(*words, cwd=work) for words in asked)]


ENDS = {
    "down": lambda stage, file: stage.must("down", "-f", file),
    "destroy": lambda stage, file: stage.must("destroy", "box"),
    "the last agent": lambda stage, file: stage.must("destroy", "ada", "bob"),
    "--prune": lambda stage, file: stage.must(
        "up", "-f", stage.team({"eve": demo()}, hosts={"den": {"source": str(stage.repo)}}),
        "--prune",
    ),
    "--replace-host": lambda stage, file: stage.must(
        "up", "-f", stage.team({"ada": demo()}, host={"source": str(stage.repo), "setup": ":"}),
        "--replace-host", "box", "--prune", "--wait",
    ),
}  # fmt: skip


@pytest.mark.parametrize("end", ENDS)
def test_a_host_restored_after_its_end_is_as_it_was(stage: Stage, at_work: Path, end: str) -> None:
    """However it was ended: the same status, bytes, branches and stash."""
    before = state_of(stage.host_dir() / "work", stage)
    assert STATUS in str(before[1])

    ENDS[end](stage, at_work)
    stage.must("restore", "box", "--host", "again")

    assert state_of(stage.host_dir("again") / "work", stage) == before


def test_what_was_saved_is_listed_with_whose_it_was(stage: Stage, at_work: Path) -> None:
    """As a table, and as a document."""
    stage.must("down", "-f", at_work)

    (row,) = json.loads(stage.must("saved", "-o", "json").out)["saved"]
    table = stage.must("saved").out

    assert (row["agents"], row["branch"]) == (["ada", "bob"], "main")
    assert (row["commits"], row["dirty"]) == (2, 6)
    assert row["name"] in table
    assert "ada, bob   main +1    2         6" in table


def test_saved_work_becomes_a_branch(stage: Stage, at_work: Path) -> None:
    """With what was not committed on top; the user's own branches and files stay."""
    stage.must("down", "-f", at_work)
    before = stage.git("status", "--porcelain"), stage.git("rev-parse", "HEAD")

    done = stage.must("restore", "box", "--branch", "back")

    assert stage.git("show", "back:file-2.txt") == "changed\n"
    assert stage.git("log", "--format=%s", "back").splitlines()[1:] == [
        "main",
        "more files",
        "first",
    ]
    assert "/heads/side\n" in done.out
    assert (stage.git("status", "--porcelain"), stage.git("rev-parse", "HEAD")) == before


def test_work_without_a_repository_comes_back_from_its_bundle(stage: Stage) -> None:
    """It is listed with its file."""
    stage.raised({"ada": demo()}, host={"source": None})
    stage.must("exec", "box", "echo kept >file; git add file; git commit -qm kept; echo x >>file")
    stage.must("destroy", "box")

    assert ".bundle" in stage.must("saved").out
    stage.must("restore", "box", "--host", "again")

    assert (
        stage.must("exec", "again", "cat file; git status --porcelain").out == "kept\nx\n M file\n"
    )


MISTAKES = {
    "unknown": (["restore", "nothing", "--branch", "b"], 4, "try: mng saved"),
    "as what": (["restore", "box"], 2, "--branch NAME   or   --host NEW"),
    "both": (["restore", "box", "--branch", "b", "--host", "h"], 2, "--branch NAME"),
    "branch there": (["restore", "box", "--branch", "main"], 2, "already exists"),
    "bad branch": (["restore", "box", "--branch", "a..b"], 2, "not a valid branch name"),
    "host there": (["restore", "box", "--host", "box"], 1, "host box.local exists"),
    "no host": (["restore", "box", "--host", "a@b"], 2, "is no host"),
    "no directory": (["saved", "--source", "nowhere"], 2, "no such directory"),
    "no age": (["gc", "--older-than", "old"], 2, "is no duration"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_the_next_command(stage: Stage, mistake: str) -> None:
    """And nothing is made or moved."""
    stage.raised({"ada": demo()})
    stage.must("exec", "box", "echo x >x")
    stage.must("destroy", "box")
    stage.raised({"ada": demo()})
    refs = stage.git("for-each-ref")
    words, status, says = MISTAKES[mistake]

    done = stage.mng(*words)

    assert (done.status, done.out) == (status, "")
    assert says in done.err
    assert stage.git("for-each-ref") == refs


def test_gc_shows_hosts_that_no_file_claims(stage: Stage) -> None:
    """With their age; none whose file is there, and none made by hand that is at work."""
    file = stage.raised({"ada": demo()})
    stage.must("create", "eve@den", "--new-host", "--type", "demo")
    none = stage.must("gc")
    file.rename(stage.root / "gone.yaml")
    stage.must("stop", "eve")

    done = stage.must("gc")

    assert "UNCLAIMED" not in none.all
    rows = [line.split() for line in done.out.splitlines()[1:3]]
    assert [(row[0], row[2]) for row in rows] == [("box.local", "auth"), ("den.local", "-")]
    assert rows[0][4] == str(file)
    assert "try: mng destroy box.local den.local" in done.err


def test_gc_proposes_to_destroy_no_host_of_a_team_that_has_its_file(stage: Stage) -> None:
    """With -f those of other teams are shown, too, with the command of whoever has their file."""
    file = stage.raised({"ada": demo()})
    other = stage.team({"bob": demo()}, file="other.yaml", name="other")

    done = stage.must("gc", "-f", other)

    assert done.out.splitlines()[0].split()[0] == "OTHERS"
    assert done.out.splitlines()[1].split()[:3] == ["box.local", "RUNNING", "auth"]
    assert f"mng: team auth has {file}\n  try: mng down auth\n" in done.err
    assert "destroy" not in done.err
    stage.must("down", "auth")  # as it is proposed
    assert stage.listed()["hosts"] == []


def test_gc_removes_what_is_old_after_asking(stage: Stage) -> None:
    """Without a terminal and --yes it is held: exit 3. What is young stays."""
    stage.raised({"ada": demo()})
    stage.must("exec", "box", "echo x >x")
    stage.must("destroy", "box")
    stage.git("update-ref", "refs/mng/saved/box/20250101T000000Z/HEAD", "HEAD")

    held = stage.mng("gc")
    done = stage.must("gc", "--yes")

    assert held.status == 3
    assert "box/20250101T000000Z" in held.out
    assert "try: mng gc --older-than 30d --yes" in held.err
    assert "removed 1 save older than 30d" in done.out
    assert all("20250101" not in ref for ref in stage.saved())
    assert stage.saved() != []


def test_diff_shows_what_the_host_has_that_the_source_has_not(stage: Stage) -> None:
    """Committed or not; not what only the source changed; nothing once it is merged."""
    stage.raised({"ada": demo()})
    stage.must("exec", "box", "echo a >a; git add a; git commit -qm a; echo b >b; rm file-0.txt")
    (stage.repo / "mine").write_text("mine\n")

    assert stage.must("diff", "ada", "--name-status").out == "A\ta\nA\tb\nD\tfile-0.txt\n"
    assert "+b\n" in stage.must("diff", "box", "--", "b").out
    (stage.repo / "a").write_text("a\n")
    (stage.repo / "b").write_text("mine\n")
    (stage.repo / "file-0.txt").unlink()
    assert "-mine\n+b\n" in stage.must("diff", "box").out
    assert stage.mng("diff", "box", "--quiet").status == 1
    assert stage.git("status", "--porcelain") == " D file-0.txt\n?? a\n?? b\n?? mine\n"


# Faults of the place that the work is saved to. `$1` is the repository, `$2` where archives go.
FAULTS = {
    "read-only": 'mount --bind "$1" "$1"; mount -o remount,ro,bind "$1"',
    "full": 'cp -a "$1" "$1.copy"; mount -t tmpfs -o size=1m tmpfs "$1"; cp -a "$1.copy/." "$1";'
    ' dd if=/dev/zero of="$1/.git/full" bs=4k 2>/dev/null || :',
    "gone": 'mv "$1" "$1.moved"',
}
ARCHIVE_FAULTS = {
    "read-only": 'mkdir -p "$2"; mount --bind "$2" "$2"; mount -o remount,ro,bind "$2"',
    "full": 'mkdir -p "$2"; mount -t tmpfs -o size=16k tmpfs "$2"; dd if=/dev/zero of="$2/full"'
    " bs=4k 2>/dev/null || :",
}


def in_a_fault(stage: Stage, fault: str, *words: object) -> Done:
    """mng, with a fault that only it and its children see."""
    script = f'set -e; {fault}; shift 2; cd /; exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", stage.repo, stage.home / "saved",
         sys.executable, "-m", "mng", *map(str, words)],
        cwd=stage.root, env=stage.env, capture_output=True, check=False,
    )  # fmt: skip
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in err, err
    return Done(done.returncode, out, err)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_source_that_takes_nothing_keeps_the_host(
    stage: Stage, at_work: Path, fault: str
) -> None:
    """Exit 1, one line that says why and what to type; the work lies where it lay."""
    before = state_of(stage.host_dir() / "work", stage)

    done = in_a_fault(stage, FAULTS[fault], "down", "auth")

    assert done.status == 1, done
    (line,) = [line for line in done.err.splitlines() if "can't be saved" in line]
    assert "host box.local stays" in line
    assert "--discard-work box" in done.err
    assert state_of(stage.host_dir() / "work", stage) == before


@pytest.mark.parametrize("fault", ARCHIVE_FAULTS)
def test_an_archive_that_takes_nothing_keeps_the_host(stage: Stage, fault: str) -> None:
    """The same for work that never had a repository."""
    stage.raised({"ada": demo()}, host={"source": None})
    stage.must("exec", "box", "dd if=/dev/urandom of=big bs=64k count=1 2>/dev/null")

    done = in_a_fault(stage, ARCHIVE_FAULTS[fault], "down", "auth")

    assert done.status == 1, done
    assert "can't be saved" in done.err
    assert (stage.host_dir() / "work" / "big").stat().st_size == 65536
