"""A key for one command: what the manifest grants, judged before the server is asked, and its end once it is known."""

from __future__ import annotations

from reconciler.app.planning import Site
from reconciler.core.command_environment import check_reachable
from reconciler.core.ephemeral import Asked, EphemeralKey, check_end, grant
from reconciler.core.scopes import Catalogue, Vocabulary
from reconciler.errors import ServerError


async def lend(site: Site, asked: Asked, catalogue: Catalogue) -> EphemeralKey:
    """An ephemeral key of a site; raises UsageError, GuardError and whatever the server says."""
    check_reachable(site.empty.connection)
    facts = await site.store.facts()
    desired = site.resolve(facts)
    declared = frozenset(scope for key in desired.keys for scope in key.scopes)
    granted = grant(desired, asked, Vocabulary(catalogue=catalogue, extra=declared, server=facts.scopes))
    key = await site.store.create_ephemeral(granted.scopes, asked.lifetime)
    environment = desired.realm.environment
    if key.scopes != granted.scopes:
        raise ServerError(
            f"{environment}: the server gave an ephemeral key other scopes than it was asked for",
            hint="whoever runs the server must see why; nothing was run",
        )
    check_end(granted, key.expire, environment)
    return key
