"""Modal's SDK: loaded when it is first needed, under deadlines of ours, its errors as ours."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from mng.errors import HostError, HostGone, HostUnreachable

T = TypeVar("T")

CONTACT = 8.0  # seconds for what only asks
_CONNECT = 3.0  # seconds for a connection
_THROTTLED = "20"  # seconds that the SDK may wait for its rate limit; its own default has no end
_PAUSES = (0.2, 1.0)  # seconds before a look that broke is made anew
_TOKEN = "modal setup   or   export MODAL_TOKEN_ID=... MODAL_TOKEN_SECRET=..."

# What only its user can make, by its name; one that is told by its id is no mistake of a file.
_MISSING = re.compile(
    r"^(Secret|Volume|Environment) ['\"]?(?!(?:st|vo|en)-)([\w.-]+)['\"]? (?:.* )?not found"
)
_KEYS = {
    "anthropic": "ANTHROPIC_API_KEY=...",
    "gemini": "GEMINI_API_KEY=...",
    "openai": "OPENAI_API_KEY=...",
}


def sdk() -> ModuleType:
    """The module `modal`: 0.9 s that only those pay who have something to ask it."""
    os.environ.setdefault("MODAL_MAX_THROTTLE_WAIT", _THROTTLED)
    os.environ.setdefault("MODAL_LOGLEVEL", "ERROR")
    # What it leaves behind of a request that was given up is no news for the user.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL + 1)
    import modal

    return modal


def ask(work: Coroutine[Any, Any, T], *, timeout: float | None = CONTACT) -> T:
    """Run what awaits the SDK. timeout: seconds; None waits for ever.

    Raises HostUnreachable, HostGone, HostError.
    """
    with translated(timeout):
        return asyncio.run(asyncio.wait_for(work, timeout))


async def contact() -> None:
    """Raise HostUnreachable within a moment where no connection to Modal can be made: the SDK
    itself would try for a minute, and a laptop without a net would wait at each command."""
    urls = [urlsplit(url) for url in sdk().config.config.get("server_url").split(",")]
    for number, url in enumerate(urls, 1):
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            made = asyncio.open_connection(url.hostname, port)
            _, writer = await asyncio.wait_for(made, _CONNECT)
        except OSError as error:  # TimeoutError is one
            if number == len(urls):
                why = error.strerror or "no connection was made"
                raise HostUnreachable(f"Modal can't be reached: {why}", hint=_LATER) from error
        else:
            writer.close()
            return


async def together(*works: Awaitable[Any]) -> list[Any]:
    """All results. The first error is raised once all have ended, so that none is left behind."""
    results = await asyncio.gather(*works, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


async def again(look: Callable[[], Awaitable[T]]) -> T:
    """What a look finds. One that breaks is made anew, for the SDK itself repeats no stream."""
    from grpclib.exceptions import StreamTerminatedError

    errors = sdk().exception
    broken = (
        errors.ServiceError, errors.ConnectionError, errors.InternalError,
        errors.ResourceExhaustedError, StreamTerminatedError, ConnectionError,
    )  # fmt: skip
    for pause in _PAUSES:
        try:
            return await look()
        except broken:
            await asyncio.sleep(pause)
    return await look()


@contextmanager
def translated(timeout: float | None = None) -> Iterator[None]:
    """The SDK's errors as ours: one line, and the next command."""
    errors = sdk().exception
    from grpclib.exceptions import StreamTerminatedError  # which the SDK lets through

    try:
        yield
    except TimeoutError as error:
        within = f" within {timeout:g} s" if timeout else ""
        raise HostUnreachable(f"Modal did not answer{within}", hint=_LATER) from error
    except errors.AuthError as error:
        missing = "Token missing" in str(error)
        what = "no token for Modal" if missing else f"Modal refused the token: {_line(error)}"
        raise HostUnreachable(f"{what}; try: {_TOKEN}", hint=_TOKEN) from error
    except errors.PermissionDeniedError as error:
        raise HostError(f"Modal forbids it: {_line(error)}", hint="modal profile list") from error
    except errors.ResourceExhaustedError as error:
        raise HostUnreachable(f"Modal's limit is reached: {_line(error)}", hint=_LATER) from error
    except (errors.NotFoundError, errors.SandboxTerminatedError) as error:
        if lacks := _MISSING.search(_line(error)):
            what, name = lacks[1].lower(), lacks[2]
            hint = f"modal {what} create {name}"
            if what == "secret":
                hint = f"{hint} {_KEYS.get(name.removesuffix('-secret'), 'KEY=VALUE')}"
            raise HostError(f"Modal has no {what} {name!r}", hint=hint) from error
        raise HostGone(f"not there: {_line(error)}", hint="mng list") from error
    except (errors.SandboxTimeoutError, errors.ConflictError) as error:
        raise HostGone(f"it has ended: {_line(error)}", hint="mng list") from error
    except (errors.ConnectionError, errors.ServiceError, errors.InternalError) as error:
        raise HostUnreachable(f"Modal can't be reached: {_line(error)}", hint=_LATER) from error
    except StreamTerminatedError as error:
        raise HostUnreachable("the connection to Modal broke", hint=_LATER) from error
    except BrokenPipeError:  # of who reads our own output
        raise
    except (errors.TimeoutError, ConnectionError, asyncio.CancelledError) as error:
        raise HostUnreachable(f"Modal did not answer: {_line(error)}", hint=_LATER) from error
    except errors.Error as error:
        raise HostError(f"Modal says: {_line(error)}", hint="mng plan") from error


_LATER = "the same again, later"


def _line(error: BaseException) -> str:
    """The last line of what an error says: of a failed build, the one that tells why."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
