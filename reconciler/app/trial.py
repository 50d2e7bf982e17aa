"""Whether a new key works: a server before 2.0 may take a moment to know it."""

from __future__ import annotations

from reconciler.core.secret import Secret
from reconciler.ports import Clock, KeyStore

_SECONDS = 5.0
_PAUSE = 0.25


async def works(store: KeyStore, clock: Clock, secret: Secret) -> bool:
    """Use a key by its secret until the server accepts it, for five seconds."""
    deadline = clock.monotonic() + _SECONDS
    while not await store.accepts(secret):
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(_PAUSE)
    return True
