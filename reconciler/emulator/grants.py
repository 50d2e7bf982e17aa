"""What a hardened server asks of a key that makes or changes keys: to give no more than it holds.

That it asks is known from release notes; that the result is what counts, and how it answers, are assumed.
"""

from __future__ import annotations

import json

from reconciler.emulator import errors
from reconciler.emulator.call import Caller
from reconciler.emulator.profile import Server


def check(caller: Caller, server: Server, scopes: str, expire: str | None) -> None:
    """Refuse scopes (compact JSON) or an end beyond the caller's own; sessions and organization keys may all."""
    grant = caller.grant
    if grant is None or not server.hardened:
        return
    outlives = grant.expire is not None and (expire is None or expire > grant.expire)
    if outlives or not grant.scopes.issuperset(json.loads(scopes)):
        raise errors.grant_exceeded()
