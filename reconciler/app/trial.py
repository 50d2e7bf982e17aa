"""Whether a new key works, and an old one does not: a server before 2.0 may take a moment to know it."""

from __future__ import annotations

from reconciler.core.secret import Secret
from reconciler.ports import Clock, KeyStore

_SECONDS = 5.0
_PAUSE = 0.25


async def works(store: KeyStore, clock: Clock, secret: Secret) -> bool:
    """Use a key by its secret until the server accepts it, for five seconds."""
    return await _until(True, store, clock, secret)


async def is_refused(store: KeyStore, clock: Clock, secret: Secret) -> bool:
    """Use a key by its secret until the server refuses it, for five seconds."""
    return await _until(False, store, clock, secret)


async def _until(accepted: bool, store: KeyStore, clock: Clock, secret: Secret) -> bool:
    deadline = clock.monotonic() + _SECONDS
    while await store.accepts(secret) is not accepted:
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(_PAUSE)
    return True
