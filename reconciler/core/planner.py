"""The plan as a pure function of (desired, live, what the sinks hold): same inputs, same plan, in whatever
order they come.

A sink is looked at only where the server shows the key's secret; elsewhere nothing can be said of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconciler.core import risks
from reconciler.core.desired import Desired, DesiredKey, SinkSpec, expires, settled
from reconciler.core.ids import key_id, next_id
from reconciler.core.keys import MAX_KEYS, KeyState, Live, LiveKey
from reconciler.core.pairing import Pairing, pair
from reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Deliver,
    EnvironmentPlan,
    Mark,
    Reason,
    Unchanged,
    Unmanaged,
    Update,
)
from reconciler.core.probation import can_be_delivered, is_on_probation
from reconciler.core.secret import Secret
from reconciler.core.times import show_instant

Held = Mapping[SinkSpec, Secret | None]
_NEAR_LIMIT = MAX_KEYS * 9 // 10


def plan_environment(desired: Desired, live: Live, held: Held) -> EnvironmentPlan:
    """What makes the live keys of one environment as declared. `held` leaves out sinks that cannot be read: they are to
    be written again, so that apply says what is wrong with them.
    """
    pairing = pair(desired.realm, live.keys)
    undeclared = dict(pairing.newest)
    changes: list[Change] = []
    unchanged: list[Unchanged] = []
    warnings: list[str] = list(desired.warnings)
    hidden = any(key.secret is None for key in live.keys)
    for key in sorted(desired.keys, key=lambda key: key.address):
        match = undeclared.pop(key.slug, None)
        if _is_past(key, live.now) and (match is None or is_on_probation(match)):
            warnings.append(f"{key.address} is not created: its expire is in the past")
            changes += [_delete(desired, match, live, Reason.ABANDONED)] if match else []
            continue
        if match is not None and _is_lost(key, match, live.now):
            changes.append(_delete(desired, match, live, Reason.SUPERSEDED))
            entry: Change | Unchanged = _create(desired, key, live, held, match.id)
        elif match is not None:
            entry = _reconcile(key, match, live, held)
        else:
            entry = _create(desired, key, live, held)
        warnings += _warnings(key, match, entry, live, hidden=hidden)
        if isinstance(entry, Unchanged):
            unchanged.append(entry)
        else:
            changes.append(entry)
    changes += [_delete(desired, key, live, Reason.UNDECLARED) for key in undeclared.values()]
    changes += [_delete(desired, key, live, Reason.SUPERSEDED) for key in pairing.superseded]
    return _plan(desired, live, pairing, changes, unchanged, warnings)


def plan_destroy(desired: Desired, live: Live) -> EnvironmentPlan:
    """What deletes every owned key of one environment, declared or not."""
    pairing = pair(desired.realm, live.keys)
    owned = (*pairing.newest.values(), *pairing.superseded)
    changes: list[Change] = [_delete(desired, key, live, Reason.DESTROY) for key in owned]
    return _plan(desired, live, pairing, changes, [], [])


def _plan(
    desired: Desired,
    live: Live,
    pairing: Pairing,
    changes: list[Change],
    unchanged: list[Unchanged],
    warnings: list[str],
) -> EnvironmentPlan:
    if len(live.keys) >= _NEAR_LIMIT:
        warnings.append(f"the project has {len(live.keys)} keys; only its first {MAX_KEYS} can be used")
    return EnvironmentPlan(
        environment=desired.connection.environment,
        endpoint=desired.connection.endpoint,
        project=desired.connection.project,
        now=live.now,
        changes=tuple(sorted(changes, key=lambda change: (change.address, change.key_id))),
        unchanged=tuple(unchanged),
        unmanaged=tuple(Unmanaged(id=key.id, name=key.name) for key in pairing.unmanaged),
        owned_count=len(pairing.newest) + len(pairing.superseded),
        live_count=len(live.keys),
        warnings=tuple(warnings),
    )


def _is_past(key: DesiredKey, now: datetime) -> bool:
    expire = expires(key.expiry, now)
    return expire is not None and expire <= now


def _create(desired: Desired, key: DesiredKey, live: Live, held: Held, leftover: str | None = None) -> Create:
    occupied = tuple(sink for sink in key.sinks if held.get(sink) is not None)
    return Create(
        address=key.address,
        key_id=next_id(leftover) if leftover else key_id(desired.realm, key.slug),
        after=KeyState(name=key.name, scopes=key.scopes, expire=expires(key.expiry, live.now)),
        expiry=key.expiry,
        sinks=key.sinks,
        reason=Reason.UNFINISHED if leftover else Reason.DECLARED,
        marks=(*risks.of_scopes(key.scopes), *risks.of_sinks(occupied)),
        from_globs=key.from_globs,
        leftover=leftover,
    )


def _is_lost(key: DesiredKey, match: LiveKey, now: datetime) -> bool:
    """Whether a run made the key and nobody can deliver it any more.

    It is made again under the next generation's id: a deletion that comes late then hits nobody.
    """
    return is_on_probation(match) and bool(key.sinks) and not can_be_delivered(match, now)


def _reconcile(key: DesiredKey, match: LiveKey, live: Live, held: Held) -> Update | Deliver | Unchanged:
    before, after = match.state, _wanted(key, match)
    on_probation = is_on_probation(match)
    sinks = key.sinks if on_probation else _lacking(key.sinks, match, after, live.now, held)
    if not sinks and before == after:
        return Unchanged(address=key.address, key_id=match.id, state=before)
    marks = _change_marks(match, after, live, on_probation=on_probation)
    from_globs = key.from_globs - before.scopes
    if not sinks and not on_probation:
        return Update(
            address=key.address,
            key_id=match.id,
            before=before,
            after=after,
            reason=Reason.FIELDS_DIFFER,
            marks=marks,
            from_globs=from_globs,
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
    )


def _wanted(key: DesiredKey, match: LiveKey) -> KeyState:
    return KeyState(name=key.name, scopes=key.scopes, expire=settled(key.expiry, match.created, match.expire))


def _lacking(
    sinks: tuple[SinkSpec, ...], match: LiveKey, after: KeyState, now: datetime, held: Held
) -> tuple[SinkSpec, ...]:
    """Sinks that do not hold the secret of a key that still works, or that cannot be read."""
    if match.secret is None or (after.expire is not None and after.expire <= now):
        return ()
    return tuple(sink for sink in sinks if held.get(sink) != match.secret)


def _change_marks(match: LiveKey, after: KeyState, live: Live, *, on_probation: bool) -> tuple[Mark, ...]:
    before = match.state
    shorter = after.expire is not None and (before.expire is None or after.expire < before.expire)
    takes = shorter or not before.scopes <= after.scopes
    return (
        *risks.of_scopes(after.scopes - before.scopes),
        *(() if on_probation else risks.of_expiry(before, after, live.now)),
        *(risks.of_use(match, live.now, live.own) if takes else ()),
    )


def _delete(desired: Desired, key: LiveKey, live: Live, reason: Reason) -> Delete:
    slug = key.id.split(".", 1)[0]
    return Delete(
        address=f"{desired.realm.environment}/{slug}",
        key_id=key.id,
        before=key.state,
        reason=reason,
        marks=risks.of_use(key, live.now, live.own),
        expired=key.expire is not None and key.expire <= live.now,
    )


def _warnings(
    key: DesiredKey, match: LiveKey | None, entry: Change | Unchanged, live: Live, *, hidden: bool
) -> list[str]:
    expire = match.expire if match and isinstance(entry, Unchanged) else None
    if expire is not None and expire <= live.now:
        return [f"{key.address} expired at {show_instant(expire)} and is left so"]
    if isinstance(entry, Create) and not key.sinks and hidden:
        return [f"{key.address} has no sink, and this server never shows a secret again: declare deliver"]
    return []
