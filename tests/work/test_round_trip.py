"""In, an agent's edits, out: whatever the files are, byte for byte."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mng.work.inward import bring_in
from mng.work.save import save

from .test_restore import NAME, git_modes, what_git_says
from .workbench import HOST, NOW, a_machine, quiet, run, work_of

# A step: what is done, to which path, with which bytes.
Step: TypeAlias = tuple[str, bytes, bytes]

_LETTERS = st.sampled_from([*"ab -:*?'\"\\#%$~\n\t", "\u00e9", "\u0301", "\U0001f9ea", "\udcff"])
_NAMES = (
    st.text(_LETTERS, min_size=1, max_size=4)
    .map(os.fsencode)
    .filter(lambda name: name not in (b".", b".."))
)
_PATHS = st.lists(st.lists(_NAMES, min_size=1, max_size=3).map(b"/".join), min_size=3, max_size=6)
_CONTENTS = st.binary(max_size=40) | st.sampled_from([b"x" * 70000, b"a\r\nb\n", b"\n" * 9])
_ACTS = st.sampled_from(
    ["write", "write", "write", "program", "link", "remove", "add", "commit", "branch", "stash"]
)


@st.composite
def steps(draw: st.DrawFn) -> tuple[list[Step], list[Step]]:
    """What the user did before, and what an agent does after."""
    path = st.sampled_from(draw(_PATHS))
    many = st.lists(st.tuples(_ACTS, path, _CONTENTS), max_size=12)
    return draw(many), draw(many)


def take(root: Path, steps: list[Step]) -> None:
    for number, (act, name, content) in enumerate(steps):
        path = os.path.join(os.fsencode(root), name)
        match act:
            case "write" | "program" | "link":
                _make_way(os.fsencode(root), name)
                if act == "link":
                    os.symlink(content.replace(b"\0", b"0")[:200] or b"nowhere", path)
                    continue
                with open(path, "wb") as file:
                    file.write(content)
                os.chmod(path, 0o755 if act == "program" else 0o644)
            case "remove":
                _remove(path)
            case "add":
                _git(root, "add", "-A", "--", os.fsdecode(b":(literal)" + name), may_fail=True)
            case "commit":
                _git(root, "add", "-A")
                _git(root, "commit", "-q", "--allow-empty", "-m", f"commit {number}")
            case "branch":
                _git(root, "switch", "-q", "-c", f"branch-{root.name}-{number}", may_fail=True)
            case "stash":
                _git(root, "stash", "-q", "-u", may_fail=True)


def _git(root: Path, *args: str, may_fail: bool = False) -> None:
    if may_fail:
        run(root, "sh", "-c", '"$@" 2>/dev/null || :', "sh", "git", *args)
    else:
        run(root, "git", *args)


def _remove(path: bytes) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def _make_way(root: bytes, name: bytes) -> None:
    """Whatever is in the place of a directory on the way, or of the file itself, goes."""
    at = root
    *above, _ = name.split(b"/")
    for part in above:
        at = os.path.join(at, part)
        if os.path.islink(at) or not os.path.isdir(at):
            _remove(at)
            os.mkdir(at)
    _remove(os.path.join(root, name))


@settings(
    max_examples=40, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(steps())
def test_what_goes_in_and_what_comes_out_is_what_lay_there(
    done: tuple[list[Step], list[Step]],
) -> None:
    """Any names, bytes, links, modes, branches, stash entries, staged or not, deleted or not."""
    before, after = done
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        source = base / "source"
        source.mkdir()
        run(source, "git", "init", "-q", "-b", "main")
        take(source, before)
        machine = a_machine(base / "home", local=len(after) % 2 == 0)
        bring_in(machine, str(source), say=quiet)
        work = work_of(machine)
        assert git_modes(work) == git_modes(source)

        take(work, after)
        saved = save(machine, HOST, str(source), base / "archive", now=NOW, say=quiet)
        if not saved.refs:
            assert git_modes(work) == git_modes(source)
            return
        second = a_machine(base / "second", local=False)
        bring_in(second, str(source), restored=NAME, say=quiet)

        assert git_modes(work_of(second)) == git_modes(work)
        assert what_git_says(work_of(second)) == what_git_says(work)
