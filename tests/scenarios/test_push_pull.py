"""Work to a host and back while its agents live."""

from __future__ import annotations

import pytest

from tests.tmux.waiting import eventually

from .stage import Stage, demo

ME = "-c user.name=U -c user.email=u@example.invalid"  # a sandbox does not know who it is


def test_a_later_commit_is_pushed_and_an_agents_commit_is_pulled(stage: Stage) -> None:
    """Both say what they did, and the second time that there is nothing to do."""
    stage.raised({"ada": demo("A")})
    log = f"git -C {stage.work_dir()} log --format=%an"
    eventually(lambda: stage.on_host(log).startswith("ada"))
    (stage.repo / "new.txt").write_text("new\n")
    stage.git("add", "new.txt")
    stage.git("branch", "side")

    pulled = stage.must("pull", "ada")

    assert "mng/box/main  +1\n" in pulled.out
    assert "git merge mng/box/main" in pulled.out
    assert "up to date" in stage.must("pull", "box").out
    stage.git("merge", "-q", "mng/box/main")
    stage.git("commit", "-q", "-m", "new")
    assert "main  " in stage.must("push", "ada").out
    assert stage.on_host(f"cat {stage.work_dir()}/new.txt") == "new\n"
    assert stage.must("push", "box").out == f"{stage.at('box')}  up to date\n"


@pytest.mark.alike("what pull prints is the same for every provider")
def test_a_pull_of_what_the_user_has_offers_no_merge(stage: Stage) -> None:
    """The first one of a host on which nothing happened; and after a push of the user's own."""
    stage.git("branch", "side")
    stage.raised({"ada": demo()})

    first = stage.must("pull", "box").out
    (stage.repo / "new.txt").write_text("new\n")
    stage.git("add", "new.txt")
    stage.git("commit", "-q", "-m", "new")
    stage.must("push", "box")
    second = stage.must("pull", "box").out

    box = stage.at("box")
    said = f"{box}  nothing to merge: your branches have every commit\n"
    none = [f"{box}  mng/box/{name}  nothing new\n" for name in ("main", "side")]
    assert first == "".join(none) + said
    assert second == f"{box}  mng/box/main  +1\n" + said
    stage.must("exec", "box", "echo agent >>file-0.txt")
    third = stage.must("pull", "box").out
    assert "git cherry-pick -n refs/mng/box/work-tree" in third
    assert "git merge" not in third


def test_a_push_into_what_an_agent_changed_is_refused_with_the_file(stage: Stage) -> None:
    """Exit 3, one line for each file, and nothing has moved."""
    stage.raised({"ada": demo()})
    stage.must("exec", "box", "echo agent >>file-0.txt")
    (stage.repo / "file-0.txt").write_text("user\n")
    stage.git("commit", "-q", "-a", "-m", "users")

    done = stage.mng("push", "box")

    assert (done.status, done.out) == (3, "")
    assert "file-0.txt was changed on the host" in done.err
    assert "try: mng pull box" in done.err
    assert stage.must("exec", "box", "git log --format=%s").out == "first\n"


def test_a_host_without_a_source_has_nowhere_to_pull_to(stage: Stage) -> None:
    """One line, exit 2."""
    stage.raised({"ada": demo()}, host={"source": None})

    done = stage.mng("pull", "ada")

    assert (done.status, done.out) == (2, "")
    assert "nowhere to pull to" in done.err


@pytest.mark.alike("the source is on this machine, whatever the provider")
@pytest.mark.parametrize("words", ["pull", "push", "diff"])
def test_a_source_that_was_moved_away_is_told(stage: Stage, words: str) -> None:
    """With what helps: `mng down` could not save the work either."""
    stage.raised({"ada": demo()})
    stage.must("exec", "box", f"echo x >x; git add x; git {ME} commit -qm agents")
    moved = stage.repo.rename(stage.root / "moved")

    done = stage.mng(words, "box", cwd=moved)

    assert (done.status, done.out) == (2, "")
    assert f"its source '{stage.repo}' is not there" in done.err
    assert "bring it back to that place" in done.err
    assert "mng down" not in done.err
    argv = done.err.partition("or   mng ")[2].partition(" >box.bundle")[0].split()
    bundle = stage.mng_bytes(*argv, cwd=moved)
    (stage.root / "box.bundle").write_bytes(bundle.stdout)
    stage.git("fetch", "-q", str(stage.root / "box.bundle"), "main", cwd=moved)
    assert stage.git("log", "-1", "--format=%s", "FETCH_HEAD", cwd=moved) == "agents\n"
    stage.repo.symlink_to(moved)
    stage.must(words, "box", cwd=moved)


def test_what_goes_on_writing_keeps_its_host(stage: Stage) -> None:
    """A writer that outlives the agents is no reason to lose what it writes: exit 1, host stays."""
    file = stage.raised({"ada": demo()})
    loop = "i=0; while :; do i=$((i+1)); echo $i >f$i || exit; sleep .01; done"
    writer = stage.start("exec", "box", loop)
    eventually(lambda: stage.on_host(f"ls {stage.work_dir()}/f3 2>/dev/null || :"))

    done = stage.mng("down", "-f", file)
    writer.terminate()
    writer.wait(10)
    written = set(stage.on_host(f"cd {stage.work_dir()}; ls | grep '^f[0-9]'").split())
    stage.must("down", "-f", file)

    assert done.status == 1
    assert "something writes to" in done.err
    trees = [ref for ref in stage.saved() if ref.endswith("/work-tree")]
    kept = [set(stage.git("ls-tree", "--name-only", tree).split()) for tree in trees]
    assert written <= set().union(*kept)


def test_a_diff_is_the_hosts_wherever_the_callers_git_variables_point(stage: Stage) -> None:
    """As in a git hook, where GIT_DIR and GIT_INDEX_FILE are set."""
    stage.raised({"ada": demo()})
    stage.must("exec", "box", "echo agent >>file-0.txt")
    elsewhere = {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere", "GIT_WORK_TREE": "/nowhere"}

    done = stage.must("diff", "box", env=elsewhere)

    assert "+agent\n" in done.out


def test_a_diff_works_wherever_the_source_lies(stage: Stage) -> None:
    """A colon, quotes and a backslash in its path, and a colon in that of temporary files."""
    source, scratch = stage.root / 'a:b "c" \\d', stage.root / "t:m"
    stage.make_repository(source)
    scratch.mkdir()
    stage.raised({"ada": demo()}, host={"source": str(source)})
    stage.must("exec", "box", "echo agent >>file-0.txt")

    done = stage.must("diff", "box", cwd=source, env={"TMPDIR": str(scratch)})

    assert "+agent\n" in done.out
    assert list(scratch.iterdir()) == []
