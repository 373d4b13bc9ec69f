"""Ids of Modal's shape."""

import hashlib
import secrets
import string

_LETTERS = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 22) -> str:
    """A random id; the SDK takes `sb-` and 22 characters for the older kind of sandbox."""
    return f"{prefix}-" + "".join(secrets.choice(_LETTERS) for _ in range(length))


def id_of(prefix: str, content: bytes) -> str:
    """The id that the same content always gets."""
    return f"{prefix}-{hashlib.sha256(content).hexdigest()[:22]}"
