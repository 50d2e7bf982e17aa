"""JSON Web Tokens as the servers make and read them: HS256, and PHP's clock of whole seconds.

A token is over in the second that its `exp` names. The texts of what is wrong with one are those of the
library that the servers use, since they reach the client.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

_HEADER = {"typ": "JWT", "alg": "HS256"}
_ALGORITHMS = frozenset({"HS256", "HS384", "HS512", "RS256", "RS384", "RS512"})


class BadToken(Exception):
    """The token says nothing that may be believed; the text says why."""


class Expired(BadToken):
    """The token was good once."""


def encode(payload: Mapping[str, Any], secret: str, now: datetime, seconds: int) -> str:
    """A token that is over `seconds` from now."""
    whole = {**payload, "exp": int(now.timestamp()) + seconds}
    signed = f"{_written(_HEADER)}.{_written(whole)}"
    return f"{signed}.{_signature(signed, secret)}"


def decode(token: str, secret: str, now: datetime) -> dict[str, Any]:
    """What a token says.

    Raises:
        BadToken: it is none, or not of this server, or over.
    """
    header, dot, rest = token.partition(".")
    payload, second, signature = rest.partition(".")
    if not dot or not second:
        raise BadToken("Invalid token: Incomplete segments")
    algorithm = _read(header).get("alg")
    if not algorithm:
        raise BadToken("Invalid token: Missing header algo")
    if algorithm not in _ALGORITHMS:
        raise BadToken("Invalid token: Unsupported header algo")
    if algorithm != "HS256" or not hmac.compare_digest(
        signature.encode(), _signature(f"{header}.{payload}", secret).encode()
    ):
        raise BadToken("Invalid token: Signature failed")
    said = _read(payload)
    if int(now.timestamp()) >= int(said.get("exp", 0)):
        raise Expired("Invalid token: Expired")
    return said


def payload_of(token: str) -> dict[str, Any]:
    """What a token says, believed without a look at its signature."""
    return _read(token.split(".")[1])


def _signature(signed: str, secret: str) -> str:
    return _base64(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())


def _written(value: Mapping[str, Any]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _read(segment: str) -> dict[str, Any]:
    try:
        value = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except ValueError as error:
        raise BadToken("JSON failed: Syntax error") from error
    return value if isinstance(value, dict) else {}
