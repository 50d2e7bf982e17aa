"""What becomes of keys that are owned and not declared: deleted, let end, or only told."""

from __future__ import annotations

from typing import assert_never

from reconciler.core import risks
from reconciler.core.desired import Desired
from reconciler.core.keys import Live, LiveKey
from reconciler.core.plan import Delete, Entry, Reason, Retire, Unchanged
from reconciler.core.probation import is_on_probation
from reconciler.core.retiring import is_retiring, retired


def pruned(desired: Desired, address: str, key: LiveKey, live: Live) -> Entry:
    """What `prune` says of a key that is no longer declared."""
    match desired.prune:
        case "delete":
            return delete(address, key, live, Reason.UNDECLARED)
        case "report":
            return _left(address, key, Reason.REPORTED)
        case "expire":
            return _ended(desired, address, key, live)
        case _:
            assert_never(desired.prune)


def _ended(desired: Desired, address: str, key: LiveKey, live: Live) -> Entry:
    if key.has_ended(live.now):
        return delete(address, key, live, Reason.UNDECLARED)
    if is_retiring(key) or is_on_probation(key):
        return _left(address, key, Reason.ENDING)
    after = retired(key.state, live.now + desired.prune_grace)
    return Retire(
        address=address,
        key_id=key.id,
        before=key.state,
        after=after,
        reason=Reason.PRUNED,
        marks=(*risks.of_expiry(key.state, after, live.now), *risks.of_use(key, live.now, live.own)),
    )


def _left(address: str, key: LiveKey, reason: Reason) -> Unchanged:
    return Unchanged(address=address, key_id=key.id, state=key.state, reason=reason)


def delete(address: str, key: LiveKey, live: Live, reason: Reason) -> Delete:
    """The deletion of a live key."""
    expired = key.has_ended(live.now)
    return Delete(
        address=address,
        key_id=key.id,
        before=key.state,
        reason=reason,
        marks=() if expired else risks.of_use(key, live.now, live.own),
        expired=expired,
    )
