"""The provider `local`: a host is a directory under MNG_HOME, on this very machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from mng.errors import HostError, HostUnreachable, MissingProgram
from mng.hosts.process import ProcessTransport
from mng.hosts.provider import Foreign, Say
from mng.model.name import NAME, HostName
from mng.model.record import host_record, read_record
from mng.model.spec import HostSpec, Owner
from mng.model.transport import Machine
from mng.model.world import HostState, LiveHost

# What agents and scripts get of the user's environment. All else is given in the file by name:
# whatever lies in a shell, keys included, doesn't leak into every agent.
_PASSED = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV",
    "SSH_AUTH_SOCK", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY",
    "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip


# A host before its rename, and one after it; nothing else below `hosts` is ever removed.
_HALF = re.compile(r"\.(?:new|old)-([0-9]+)-[0-9a-f]{16}")


def mng_home() -> Path:
    """Where all that is local lies: MNG_HOME, else the platform's directory for user data."""
    import sys

    if given := os.environ.get("MNG_HOME"):
        return Path(given).absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "mng"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "mng"


def base_env() -> dict[str, str]:
    """The part of the user's environment that reaches a local host."""
    env = {name: os.environ[name] for name in _PASSED if name in os.environ}
    env |= {name: value for name, value in os.environ.items() if name.startswith(("LC_", "XDG_"))}
    return env


class Local:
    """Hosts on this machine. All calls are safe to repeat and to race."""

    def __init__(self, home: Path) -> None:
        self.hosts = home / "hosts"
        self.transport = ProcessTransport(base_env())

    def check(self) -> None:
        for program in ("tmux", "git"):
            if not shutil.which(program):
                raise MissingProgram(
                    f"{program} is not installed",
                    hint=f"apt install {program}   or   brew install {program}",
                )

    def find(self, names: Collection[str] = ()) -> Sequence[LiveHost | Foreign]:
        try:
            names = sorted(os.listdir(self.hosts))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise HostUnreachable(f"{self.hosts}: {error.strerror}") from error
        found = [self._find(HostName("local", name)) for name in names if NAME.fullmatch(name)]
        return [one for one in found if one is not None]

    def _find(self, name: HostName) -> LiveHost | Foreign | None:
        """A host that ended since it was listed is not there; one made since then is."""
        there = self._read(name)
        if not isinstance(there, Foreign):
            return there
        return self._read(name) if (self.hosts / name.name).exists() else None

    def _read(self, name: HostName) -> LiveHost | Foreign:
        home = self.hosts / name.name
        try:
            record = read_record((home / "host.json").read_text(), HostSpec)
            mark = (home / "id").read_text().strip()
            if mark:
                return LiveHost(name, record.owner, record.spec, mark, created=record.created)
            reason = f"{home / 'id'} is empty"
        except (FileNotFoundError, NotADirectoryError) as error:
            if not any((home / file).exists() for file in ("id", "host.json")):
                return Foreign(name)
            reason = f"no file {error.filename}"
        except OSError as error:
            reason = f"{error.strerror}: {home}"
        except ValueError as error:  # Damaged, or no text at all
            reason = f"{home}: {error}"
        return LiveHost(name, Owner(), HostSpec(), "", HostState.UNKNOWN, reason)

    def create(self, name: HostName, spec: HostSpec, owner: Owner, say: Say) -> LiveHost:
        """A directory with the marks in it appears at once, by a rename that only one can win."""
        mark, created = secrets.token_hex(8), int(time.time())
        new = self.hosts / f".new-{os.getpid()}-{mark}"
        try:
            self.tidy()
            new.mkdir(parents=True, mode=0o700)
            (new / "id").write_text(mark)
            text = host_record(name, mark, owner, spec, created)
            (new / "host.json").write_text(text)
            os.rename(new, self.hosts / name.name)
            return LiveHost(name, owner, spec, mark=mark, created=created)
        except OSError as error:
            shutil.rmtree(new, ignore_errors=True)
            there = self._read(name)
            if isinstance(there, LiveHost) and there.mark:
                return there
            raise HostError(f"can't make host {name}: {error}") from error

    def tidy(self) -> None:
        """Remove what a killed mng has left, before one rename or after the other."""
        for path in self.hosts.glob(".*-*-*"):
            ours = _HALF.fullmatch(path.name)
            if ours and not _alive(ours[1]):
                with contextlib.suppress(OSError, HostError):  # another mng may be at it, too
                    self._discard(path)

    def destroy(self, name: HostName, mark: str) -> None:
        """Removed under another name, so that no half of it is ever taken for a host."""
        home, old = self.hosts / name.name, self.hosts / f".old-{os.getpid()}-{mark}"
        self.tidy()
        there = self._read(name) if home.exists() else None
        if isinstance(there, LiveHost) and there.state is HostState.UNKNOWN:
            raise HostError(f"host {name} is unknown: {there.reason}")
        if isinstance(there, LiveHost) and there.mark == mark:
            with contextlib.suppress(FileNotFoundError), (home / "lock").open("ab") as lock:
                # The lock of close, seal and reopen: nobody opens the host between look and rename.
                fcntl.flock(lock, fcntl.LOCK_EX)
                if not (home / "sealed").exists():
                    raise HostError(f"host {name} was opened again", hint="run it again")
                os.rename(home, old)  # at once after the last look at what is in it
        self._discard(old)

    def _discard(self, home: Path) -> None:
        """A server ends with its last session, but not if a person opened one of their own."""
        if (home / "tmux").exists():
            argv = ["sh", "-c", 'cd "$1" && tmux -S tmux kill-server', "mng", str(home)]
            self.transport.run(argv, timeout=10)
        _remove(home)

    def reach(self, host: LiveHost) -> Machine:
        home = self.hosts / host.name.name
        work_dir = os.path.expanduser(host.spec.work_dir or home / "work")
        return Machine(self.transport, str(home), work_dir, host.mark, local=True)


def _remove(path: Path) -> None:
    """Also what is read-only, as Go's caches are. Raises HostError.

    By programs that follow no link, and that know no tree which is too deep.
    """
    said = b""
    for command in (["rm", "-rf"], ["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
        said = subprocess.run([*command, str(path)], capture_output=True, check=False).stderr
        if not os.path.lexists(path):
            return
    why = said.decode(errors="replace").strip().splitlines()
    raise HostError(f"can't remove {path}: {why[-1] if why else 'it is still there'}")


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        pass
    return True


def provider() -> Local:
    return Local(mng_home())
