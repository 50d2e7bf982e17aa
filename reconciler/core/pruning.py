"""What becomes of keys that are owned and not declared: deleted, let end, or only told."""

from __future__ import annotations

from typing import assert_never

from reconciler.core import risks
from reconciler.core.desired import Desired
from reconciler.core.keys import Live, LiveKey
from reconciler.core.plan import Delete, Entry, Reason, Retire, Unchanged
from reconciler.core.probation import is_on_probation
from reconciler.core.retiring import is_retiring, retired


def pruned(desired: Desired, key: LiveKey, live: Live) -> Entry:
    """What `prune` says of a key that is no longer declared."""
    match desired.prune:
        case "delete":
            return delete(desired, key, live, Reason.UNDECLARED)
        case "report":
            return _left(desired, key, Reason.REPORTED)
        case "expire":
            return _ended(desired, key, live)
        case _:
            assert_never(desired.prune)


def _ended(desired: Desired, key: LiveKey, live: Live) -> Entry:
    if _is_expired(key, live):
        return delete(desired, key, live, Reason.UNDECLARED)
    if is_retiring(key) or is_on_probation(key):
        return _left(desired, key, Reason.ENDING)
    after = retired(key.state, live.now + desired.prune_grace)
    return Retire(
        address=address(desired, key),
        key_id=key.id,
        before=key.state,
        after=after,
        reason=Reason.PRUNED,
        marks=(*risks.of_expiry(key.state, after, live.now), *risks.of_use(key, live.now, live.own)),
    )


def _left(desired: Desired, key: LiveKey, reason: Reason) -> Unchanged:
    return Unchanged(address=address(desired, key), key_id=key.id, state=key.state, reason=reason)


def delete(desired: Desired, key: LiveKey, live: Live, reason: Reason) -> Delete:
    """The deletion of a live key."""
    return Delete(
        address=address(desired, key),
        key_id=key.id,
        before=key.state,
        reason=reason,
        marks=risks.of_use(key, live.now, live.own),
        expired=_is_expired(key, live),
    )


def slug_in(key_id: str) -> str:
    """The slug in an owned key's id."""
    return key_id.partition(".")[0]


def address(desired: Desired, key: LiveKey) -> str:
    """The address of a live key: its id under `absent`, else the name that is declared for its slug, else its slug."""
    slug = slug_in(key.id)
    name = key.id if key.id in desired.absent else desired.names.get(slug, slug)
    return f"{desired.realm.environment}/{name}"


def _is_expired(key: LiveKey, live: Live) -> bool:
    return key.expire is not None and key.expire <= live.now
