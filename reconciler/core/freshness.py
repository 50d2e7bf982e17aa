"""Where a saved plan stands: what of it is left to do, what is done, and what it can no longer keep.

The file is never the source of an action. The manifest is planned afresh, and a saved change only chooses among the
fresh ones: each is pending where the fresh plan does the same to a key in the same state, or finishes what a killed
run of this plan began; done where the key is as the plan would leave it; stale otherwise. So a forged plan can make
apply do nothing that the manifest does not say.

A value that stands in a sink and that the plan did not show is not overwritten: the change is stale. Only where a
killed run made the key may that value be its own, which a sink that shows nothing could not tell.

Keys are judged by name, scopes, expire and description. What counts from the moment of the apply (a duration after
creation, the end of a retired key) is another instant each time, and may not come earlier than the plan promised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from reconciler.core.delivery import at
from reconciler.core.desired import After, Desired, SinkSpec
from reconciler.core.ids import slug_of
from reconciler.core.keys import KeyState, Live
from reconciler.core.names import marked
from reconciler.core.plan import (
    Change,
    Create,
    Delete,
    Deliver,
    Entry,
    EnvironmentPlan,
    Retire,
    Unchanged,
    Update,
    is_declared,
    replaced,
)
from reconciler.core.probation import IN_PROGRESS, SUFFIX, is_on_probation
from reconciler.core.risks import show_sink
from reconciler.core.staleness import Stale, why

_Left = tuple[Change, ...] | None
"""The fresh changes that a saved one still needs, none where it is done; None where it is stale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """`pending` are changes of the fresh plan, `done` of the saved one; `beyond` are those of the fresh plan of which
    the saved one does not speak.
    """

    pending: tuple[Change, ...]
    done: tuple[Change, ...]
    stale: tuple[Stale, ...]
    beyond: tuple[Change, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Now:
    """What is live and what the fresh plan says of it; `spoken` are the ids of which the saved plan speaks,
    `deletes` the fresh deletions by slug and realm.
    """

    live: Mapping[str, KeyState]
    entries: Mapping[str, Entry]
    declared: Mapping[str, Entry]
    sinks: Mapping[str, tuple[SinkSpec, ...]]
    deletes: Mapping[str, list[Delete]]
    spoken: frozenset[str] = field(default=frozenset())


def standing(saved: EnvironmentPlan, fresh: EnvironmentPlan, desired: Desired, live: Live) -> Standing:
    """Compare a saved plan with a fresh one of the same environment, made from the keys that are `live`."""
    entries: tuple[Entry, ...] = (*fresh.changes, *fresh.unchanged)
    deletes: dict[str, list[Delete]] = {}
    for change in fresh.changes:
        if isinstance(change, Delete):
            deletes.setdefault(slug_of(change.key_id), []).append(change)
    now = _Now(
        live={key.id: key.state for key in live.keys},
        entries={entry.key_id: entry for entry in entries},
        declared={entry.address: entry for entry in entries if is_declared(entry)},
        sinks={key.address: key.sinks for key in desired.keys},
        deletes=deletes,
        spoken=frozenset(change.key_id for change in saved.changes),
    )
    pending: dict[str, Change] = {}
    done: list[Change] = []
    stale: list[Stale] = []
    for change in saved.changes:
        left = _left(change, now)
        if left is None:
            entry = now.declared.get(change.address) if isinstance(change, Create) else now.entries.get(change.key_id)
            stale.append(why(change, entry, now.live.get(change.key_id)))
        elif left:
            pending |= {each.key_id: each for each in left}
        else:
            done.append(change)
    return Standing(
        pending=_sorted(pending.values()),
        done=tuple(done),
        stale=tuple(stale),
        beyond=tuple(change for change in fresh.changes if change.key_id not in pending),
    )


def _sorted(changes: Iterable[Change]) -> tuple[Change, ...]:
    return tuple(sorted(changes, key=lambda change: (change.address, change.key_id)))


def _left(change: Change, now: _Now) -> _Left:
    if isinstance(change, Create | Deliver) and not set(change.sinks) <= set(now.sinks.get(change.address, ())):
        return None
    if isinstance(change, Create):
        return _left_of_create(change, now)
    if isinstance(change, Delete) and change.key_id not in now.live:
        return ()
    entry = now.entries.get(change.key_id)
    if entry is None or entry.address != change.address:
        return None
    match change:
        case Deliver():
            return _left_of_deliver(change, entry)
        case Update():
            return _left_of_update(change, entry, now.live.get(change.key_id))
        case Retire():
            return _left_of_retire(change, entry)
        case Delete(before=before):
            is_same = isinstance(entry, Delete) and (entry.before == before or (entry.leaked and change.leaked))
            return (entry,) if isinstance(entry, Delete) and is_same else None
        case _:
            assert_never(change)


def _left_of_create(change: Create, now: _Now) -> _Left:
    """A killed run may have left the key on probation, or (where its secret is lost) is to be made again under the next
    generation's id; what it left is then deleted as well.
    """
    entry = now.declared.get(change.address)
    if entry is None or slug_of(entry.key_id) != slug_of(change.key_id):
        return None
    match entry:
        case Unchanged(state=state):
            return () if _is_after(change, state) else None
        case Create():
            same = _is_after(change, entry.after) and (entry.expiry, entry.sinks) == (change.expiry, change.sinks)
            if entry.leftover in {None, change.leftover}:
                left = same and entry.follows == change.follows and not _overwrites_more(change, entry)
            else:
                left = same and _is_on_trial(change, now.live.get(entry.leftover))
        case Deliver(before=before, after=after, sinks=sinks):
            left = _is_after(change, after) and set(sinks) <= set(change.sinks)
            on_trial = _is_on_trial(change, before)
            left = left and (on_trial or (before == after and not _overwrites_more(change, entry)))
        case Update(before=before, after=after):
            left = _is_after(change, after) and _was_made_late(change, before, after)
        case _:  # `declared` holds neither
            return None
    return (entry, *_remains(change, entry, now)) if left else None


def _remains(change: Create, entry: Entry, now: _Now) -> list[Delete]:
    """Deletions of what a killed run of this plan made and nobody can deliver."""
    return [
        each
        for each in now.deletes.get(slug_of(change.key_id), ())
        if each.key_id == change.key_id or (each.key_id not in now.spoken and each.key_id != entry.key_id)
        if _is_on_trial(change, each.before)
    ]


def _left_of_deliver(change: Deliver, entry: Entry) -> _Left:
    match entry:
        case Deliver(before=before, after=after, sinks=sinks) if after == change.after:
            if before not in {change.before, change.after}:
                return None
            wanted = tuple(sink for sink in sinks if sink in change.sinks)
            others = [sink for sink in sinks if sink not in wanted]
            if wanted and not is_on_probation(before) and _overwrites_more(change, entry, others):
                return None
            if wanted:
                return (replace(entry, sinks=wanted),)
            return (_without_sinks(entry),) if before != after else ()
        case Update(before=before, after=after):
            return (entry,) if (before, after) == (change.before, change.after) else None
        case Unchanged(state=state):
            return () if state == change.after else None
        case _:
            return None


def _overwrites_more(change: Change, entry: Create | Deliver, besides: Iterable[SinkSpec] = ()) -> bool:
    """Whether a fresh change overwrites a value that the saved one did not show; `besides` are sinks that it leaves. A
    rotation need not show that it overwrites the secret of the key whose place it takes.
    """
    left = {show_sink(at(sink, entry.key_id)) for sink in besides}
    follows = change.follows if isinstance(change, Create) else None
    more = (mark.detail.partition(", of key ") for mark in replaced(entry) - replaced(change))
    return any(sink not in left and (follows is None or whose != follows) for sink, _, whose in more)


def _left_of_update(change: Update, entry: Entry, live: KeyState | None) -> _Left:
    if live == change.after:
        return ()
    match entry:
        case Update(before=before, after=after) if (before, after) == (change.before, change.after):
            return (entry,)
        case Deliver(before=before, after=after) if (before, after) == (change.before, change.after):
            return (_without_sinks(entry),)  # the plan did not speak of a sink
        case _:
            return None


def _left_of_retire(change: Retire, entry: Entry) -> _Left:
    """The end counts from the apply. A key that ended since is what the plan wanted, whatever is to become of it."""
    promised = change.after.expire
    match entry:
        case Retire(before=before, after=after):
            same = before == change.before and _but_expire(after) == _but_expire(change.after)
            return (entry,) if same and _is_not_before(after, promised) else None
        case Unchanged(state=state) | Delete(before=state):
            ended = _but_expire(state) == _but_expire(change.after) and _is_not_before(state, promised)
            return () if ended else None
        case _:
            return None


def _without_sinks(change: Deliver) -> Update:
    return Update(
        address=change.address,
        key_id=change.key_id,
        before=change.before,
        after=change.after,
        reason=change.reason,
        marks=change.marks,
        from_globs=change.from_globs,
        lost=change.lost,
    )


def _is_not_before(state: KeyState, promised: datetime | None) -> bool:
    return state.expire is not None and promised is not None and state.expire >= promised


def _but_expire(state: KeyState) -> KeyState:
    return replace(state, expire=None)


def _is_after(change: Create, state: KeyState) -> bool:
    """Whether a state is the one that the plan promised, but for an expiry that counts from the creation."""
    if isinstance(change.expiry, After):
        return state.expire is not None and _but_expire(state) == _but_expire(change.after)
    return state == change.after


def _is_on_trial(change: Create, state: KeyState | None) -> bool:
    """Whether a state is the one in which a run of this plan creates the key before it delivers it."""
    if state is None or state.expire is None:
        return False
    return _but_expire(state) == _but_expire(replace(change.after, name=marked(change.after.name, SUFFIX)))


def _was_made_late(change: Create, before: KeyState, after: KeyState) -> bool:
    """Whether a run of this plan made the key a while after it had planned it, and did not come to count its life from
    its creation.
    """
    if before.expire is None or after.expire is None or not isinstance(change.expiry, After):
        return False
    late = after.expire - before.expire
    return _but_expire(before) == _but_expire(after) and timedelta(0) <= late <= IN_PROGRESS
