"""What a declared key needs: to be made, delivered, updated, or nothing.

A sink is looked at only where the server shows the key's secret; elsewhere nothing can be said of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconciler.core import risks
from reconciler.core.desired import Desired, DesiredKey, SinkSpec, expires, settled
from reconciler.core.ids import key_id, next_id, slug_of
from reconciler.core.keys import KeyState, Live, LiveKey
from reconciler.core.plan import Create, Deliver, Mark, Reason, Unchanged, Update
from reconciler.core.probation import can_be_delivered, is_on_probation
from reconciler.core.secret import Secret

Held = Mapping[SinkSpec, Secret | None]
"""What each sink that can be read holds."""


def is_past(key: DesiredKey, now: datetime) -> bool:
    """Whether a key made now would be expired already."""
    expire = expires(key.expiry, now)
    return expire is not None and expire <= now


def is_unfinished(key: DesiredKey, match: LiveKey) -> bool:
    """Whether a run made the live key and did not commit it; an adopted one is whoever made it's, whatever its name."""
    return not key.adopts and is_on_probation(match)


def is_lost(key: DesiredKey, match: LiveKey, now: datetime) -> bool:
    """Whether a run made the key and nobody can deliver it any more.

    It is made again under the next generation's id: a deletion that comes late then hits nobody.
    """
    return is_unfinished(key, match) and bool(key.sinks) and not can_be_delivered(match, now)


def create(desired: Desired, key: DesiredKey, live: Live, held: Held, leftover: str | None = None) -> Create:
    """The creation of a key that is not live, or of which only a `leftover` is."""
    occupied = tuple(sink for sink in key.sinks if held.get(sink) is not None)
    return Create(
        address=key.address,
        key_id=_new_id(desired, key, leftover),
        after=KeyState(
            name=key.name, scopes=key.scopes, expire=expires(key.expiry, live.now), description=key.description
        ),
        expiry=key.expiry,
        sinks=key.sinks,
        reason=Reason.UNFINISHED if leftover else Reason.DECLARED,
        marks=(*risks.of_scopes(key.scopes), *risks.of_sinks(occupied)),
        from_globs=key.from_globs,
        lost=key.lost,
        leftover=leftover,
    )


def _new_id(desired: Desired, key: DesiredKey, leftover: str | None) -> str:
    """The first generation's id, or the one after the leftover's; a renamed key begins anew under its own slug."""
    first = key_id(desired.realm, key.slug)
    return next_id(leftover) if leftover and slug_of(leftover) == slug_of(first) else first


def reconcile(key: DesiredKey, match: LiveKey, live: Live, held: Held) -> Update | Deliver | Unchanged:
    """What makes a live key as declared."""
    before, after = match.state, _wanted(key, match)
    on_probation = is_unfinished(key, match)
    sinks = key.sinks if on_probation else _lacking(key.sinks, match, after, live.now, held)
    if not sinks and before == after:
        return Unchanged(address=key.address, key_id=match.id, state=before)
    marks = _change_marks(match, after, live, on_probation=on_probation)
    from_globs = key.from_globs - before.scopes
    lost = key.lost if before.scopes != after.scopes else ()
    if not sinks and not on_probation:
        return Update(
            address=key.address,
            key_id=match.id,
            before=before,
            after=after,
            reason=Reason.FIELDS_DIFFER,
            marks=marks,
            from_globs=from_globs,
            lost=lost,
        )
    replaced = tuple(sink for sink in sinks if held.get(sink) not in (None, match.secret))
    reason = Reason.SINK_DIFFERS if all(sink in held for sink in sinks) else Reason.SINK_UNREADABLE
    return Deliver(
        address=key.address,
        key_id=match.id,
        before=before,
        after=after,
        sinks=sinks,
        reason=Reason.UNDELIVERED if on_probation else reason,
        marks=(*marks, *risks.of_sinks(replaced)),
        from_globs=from_globs,
        lost=lost,
    )


def _wanted(key: DesiredKey, match: LiveKey) -> KeyState:
    return KeyState(
        name=key.name,
        scopes=key.scopes,
        expire=settled(key.expiry, match.created, match.expire),
        description=key.description,
    )


def _lacking(
    sinks: tuple[SinkSpec, ...], match: LiveKey, after: KeyState, now: datetime, held: Held
) -> tuple[SinkSpec, ...]:
    """Sinks that do not hold the secret of a key that still works, or that cannot be read."""
    if match.secret is None or (after.expire is not None and after.expire <= now):
        return ()
    return tuple(sink for sink in sinks if held.get(sink) != match.secret)


def _change_marks(match: LiveKey, after: KeyState, live: Live, *, on_probation: bool) -> tuple[Mark, ...]:
    before = match.state
    takes = risks.is_shortened(before, after) or not before.scopes <= after.scopes
    return (
        *risks.of_scopes(after.scopes - before.scopes),
        *(() if on_probation else risks.of_expiry(before, after, live.now)),
        *(risks.of_use(match, live.now, live.own) if takes else ()),
    )
