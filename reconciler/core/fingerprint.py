"""A fingerprint of live keys: equal exactly where ids, names, scopes, expiries and descriptions are.

`$updatedAt` and the time of last use have no part in it, because Appwrite moves both when a key is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from reconciler.core.keys import LiveKey
from reconciler.core.times import format_instant


def fingerprint(keys: Iterable[LiveKey]) -> str:
    """`sha256:` and 64 hexadecimal digits, whatever order the keys come in."""
    facts = sorted(
        [
            key.id,
            key.name,
            sorted(set(key.scopes)),
            "" if key.expire is None else format_instant(key.expire),
            key.description or "",
        ]
        for key in keys
    )
    return f"sha256:{hashlib.sha256(json.dumps(facts).encode()).hexdigest()}"
