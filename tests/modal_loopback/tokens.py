"""Tokens as Modal hands them out: JWTs that expire, and that only this server can have signed."""

import base64
import hashlib
import hmac
import json
import secrets
import time

LIFETIME = 1200.0  # seconds; the SDK renews a token before its end


class BadToken(Exception):
    """Not a token of this server, or one that has expired."""


class Tokens:
    """Issues and checks tokens with a key of its own."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)

    def issue(self, subject: str, *, lifetime: float = LIFETIME) -> str:
        """A token for `subject`, good for `lifetime` seconds."""
        claims = {"sub": subject, "exp": time.time() + lifetime}
        body = f"{_encoded(json.dumps({'alg': 'HS256'}))}.{_encoded(json.dumps(claims))}"
        return f"{body}.{self._signature(body)}"

    def check(self, token: str) -> str:
        """The subject of a good token. Raises BadToken."""
        body, _, signature = token.rpartition(".")
        if not body or not hmac.compare_digest(signature, self._signature(body)):
            raise BadToken("the token is malformed or unknown")
        claims = json.loads(base64.urlsafe_b64decode(body.split(".")[1] + "=="))
        if claims["exp"] <= time.time():
            raise BadToken("the token has expired")
        return str(claims["sub"])

    def _signature(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()


def _encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()
