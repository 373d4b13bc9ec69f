"""Work in and out of a host, beside plain git: 10,000 files and 200 MB of history."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .measure import MNG, Bench

FILES, COMMITS, BIG = 10_000, 200, 1_000_000


def a_big_repository(path: Path) -> None:
    """Many small files, and a history of big ones that nothing can compress."""
    path.mkdir()
    lines = ["reset refs/heads/main\n"]
    small = "".join(
        f"M 644 inline d{n % 100}/file-{n}.txt\ndata 40\n{f'the text of file number {n}':<39}\n\n"
        for n in range(FILES)
    )
    _git(path, "init", "-q", "-b", "main")
    importing = subprocess.Popen(
        ["git", "-c", "core.compression=0", "fast-import", "--quiet"], cwd=path,
        stdin=subprocess.PIPE,
    )  # fmt: skip
    assert importing.stdin is not None
    out = importing.stdin
    out.write(lines[0].encode())
    for number in range(COMMITS):
        out.write(b"commit refs/heads/main\ncommitter B <b@mng.invalid> 0 +0000\ndata 1\nc\n")
        out.write(small.encode() if number == 0 else b"")
        out.write(b"M 644 inline big\ndata %d\n" % BIG + os.urandom(BIG) + b"\n")
    out.close()
    if importing.wait():
        raise SystemExit("git fast-import failed")
    _git(path, "reset", "-q", "--hard")
    _git(path, "config", "user.name", "bench")
    _git(path, "config", "user.email", "bench@mng.invalid")


def _git(path: Path, *argv: str) -> None:
    subprocess.run(["git", *argv], cwd=path, check=True)


def work(bench: Bench) -> None:
    repo, clone = bench.root / "big", bench.root / "clone"
    print("(making the repository)", flush=True)
    a_big_repository(repo)
    plain = f"git clone -q --no-hardlinks {repo} {clone} && git -C {clone} status >/dev/null"
    create = [*MNG, "create", "a@h", "--new-host", "--source", str(repo), "--", "sh", "-c", "cat"]
    bench.row(
        "git clone --no-hardlinks, git status", ["sh", "-c", plain],
        after=lambda: shutil.rmtree(clone),
    )  # fmt: skip
    bench.row("mng create --new-host", create, after=lambda: bench.quiet("destroy", "h"))
    bench.quiet(*create[len(MNG) :])
    bundle = ["git", "-C", str(repo), "bundle", "create", "-q", str(bench.root / "b"), "--all"]
    bench.row("git bundle create --all", bundle)
    _git(repo, "clone", "-q", str(repo), str(clone))
    bench.row("git fetch, nothing new", ["git", "-C", str(clone), "fetch", "-q"])
    bench.row("mng push, nothing new", [*MNG, "push", "h"])
    bench.row("mng pull, nothing new", [*MNG, "pull", "h"])

    def commit(where: str) -> None:
        _git(Path(where), "config", "user.name", "bench")
        _git(Path(where), "config", "user.email", "bench@mng.invalid")
        text = "date +%N >d0/file-0.txt; git commit -qam more"
        subprocess.run(["sh", "-c", text], cwd=where, env=bench.env, check=True)

    on_host = str(bench.root / "home" / "hosts" / "h" / "work")
    for name, where, command in (
        ("git fetch, one commit", str(repo), ["git", "-C", str(clone), "fetch", "-q"]),
        ("mng push, one commit", str(repo), [*MNG, "push", "h"]),
        ("mng pull, one commit", on_host, [*MNG, "pull", "h"]),
    ):
        commit(where)
        bench.row(name, command, runs=1)
    commit(on_host)
    bench.row("mng destroy, one commit to save", [*MNG, "destroy", "h"], runs=1)
