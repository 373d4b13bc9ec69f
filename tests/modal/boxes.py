"""What tests do with sandboxes, in few words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]


def said(process: Any, stdin: bytes = b"") -> bytes:
    """What a process of a sandbox writes, once it has ended well."""
    process.stdin.write(stdin)
    process.stdin.write_eof()
    process.stdin.drain()
    output = process.stdout.read()
    assert process.wait() == 0, process.stderr.read()
    return bytes(output)


def sh(box: Any, script: str, stdin: bytes = b"", **options: Any) -> str:
    """What a script in a sandbox writes, without the end of its last line."""
    process = box.exec("sh", "-euc", script, text=False, **options)
    return said(process, stdin).decode().strip()
