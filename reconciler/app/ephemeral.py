"""A key for one command: what the manifest grants, and for how long, judged before the server is asked for it."""

from __future__ import annotations

from reconciler.app.planning import Site
from reconciler.core.command_environment import check_reachable
from reconciler.core.ephemeral import Asked, EphemeralKey, grant
from reconciler.core.lifetime import check_end, lifetime_of
from reconciler.core.scopes import Catalogue, Vocabulary
from reconciler.errors import ServerError


async def lend(site: Site, asked: Asked, catalogue: Catalogue) -> EphemeralKey:
    """An ephemeral key of a site; raises UsageError, GuardError and whatever the server says."""
    check_reachable(site.empty.connection)
    facts = await site.store.facts()
    desired = site.resolve(facts)
    declared = frozenset(scope for key in desired.keys for scope in key.scopes)
    granted = grant(desired, asked, Vocabulary(catalogue=catalogue, extra=declared, server=facts.scopes))
    environment = desired.realm.environment
    now = None if granted.bounds.until is None else await site.store.now()
    lifetime = lifetime_of(granted.bounds, asked.lifetime, now, environment)
    key = await site.store.create_ephemeral(granted.scopes, lifetime)
    if key.scopes != granted.scopes:
        raise ServerError(
            f"{environment}: the server gave an ephemeral key other scopes than it was asked for",
            hint="whoever runs the server must see why; nothing was run",
        )
    check_end(granted.bounds, lifetime, key.expire, environment)
    return key
