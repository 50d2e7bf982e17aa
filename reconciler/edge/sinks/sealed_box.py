"""Sealed boxes, in which secrets travel to GitHub: whoever has the public key can make one, and only GitHub open it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

from reconciler.core.secret import Secret
from reconciler.edge.sinks.http import Answer
from reconciler.errors import SinkUnavailable

_NO_KEY = "GitHub answered with something that is no public key"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """What values for one place are sealed for."""

    id: str
    key: str
    etag: str

    def sealed(self, secret: Secret) -> str:
        """The secret in a box, in base64. Raises SinkUnavailable."""
        box = require_nacl()
        from nacl.exceptions import CryptoError
        from nacl.public import PublicKey as Curve25519

        try:
            return b64encode(box(Curve25519(b64decode(self.key))).encrypt(secret.reveal().encode())).decode()
        except (CryptoError, ValueError, TypeError):
            raise SinkUnavailable(_NO_KEY) from None


def public_key_in(answer: Answer) -> PublicKey:
    """The public key that an answer shows. Raises SinkUnavailable."""
    match answer.body:
        case {"key_id": str(key_id), "key": str(key)}:
            return PublicKey(id=key_id, key=key, etag=answer.headers.get("ETag", ""))
        case _:
            raise SinkUnavailable(_NO_KEY)


def require_nacl() -> Any:
    """What boxes are made with. Raises SinkUnavailable where it is not installed."""
    try:
        from nacl.public import SealedBox
    except ImportError as error:
        raise SinkUnavailable(
            "the github_actions sink needs PyNaCl", hint="pip install 'appwrite-reconciler[github]'"
        ) from error
    return SealedBox
