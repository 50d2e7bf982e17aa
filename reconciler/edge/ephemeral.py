"""What an ephemeral key says of itself: a JWT behind its prefix, read and not verified.

Whatever is not as Appwrite writes it says nothing.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from reconciler.core.secret import Secret
from reconciler.core.times import YEARS


def claims_of(secret: Secret) -> tuple[frozenset[str] | None, datetime | None]:
    """Scopes and end of an ephemeral key; None for what it does not say."""
    try:
        payload = secret.reveal().split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, RecursionError):
        return None, None
    if not isinstance(claims, dict):
        return None, None
    return _names(claims.get("scopes")), _instant(claims.get("exp"))


def _names(scopes: object) -> frozenset[str] | None:
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        return None
    return frozenset(scopes)


def _instant(seconds: object) -> datetime | None:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return None
    try:
        instant = datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return instant if instant.year in YEARS else None
