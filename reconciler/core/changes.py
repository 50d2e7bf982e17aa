"""What a declared key needs: to be made, delivered, updated, or nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from reconciler.core import risks
from reconciler.core.delivery import at
from reconciler.core.desired import Desired, DesiredKey, SinkSpec, expires
from reconciler.core.holding import Held, Holding, Match, is_held
from reconciler.core.holding import match as compare
from reconciler.core.ids import MAX_GENERATION, key_id, next_id, owned, slug_of
from reconciler.core.keys import KeyState, Live, LiveKey
from reconciler.core.places import FILES
from reconciler.core.plan import Create, Deliver, Mark, Reason, Unchanged, Unseen, Update
from reconciler.core.probation import can_be_delivered, is_on_probation
from reconciler.core.quoting import quoted
from reconciler.core.rotation import Due, end_of, is_overdue
from reconciler.errors import ManifestError, Problem

_NOT_OURS = "it lacks this key's secret, which only whoever made the key has: put it there, or rotate the key"


def is_past(key: DesiredKey, now: datetime) -> bool:
    """Whether a key made now would be expired already."""
    expire = expires(key.expiry, now)
    return expire is not None and expire <= now


def is_unfinished(key: DesiredKey, match: LiveKey) -> bool:
    """Whether a run made the live key and did not commit it; an adopted one is whoever made it's, whatever its name."""
    return key.adopts != match.id and is_on_probation(match)


def is_lost(key: DesiredKey, match: LiveKey, now: datetime) -> bool:
    """Whether a run made the key and nobody can deliver it any more, or a rotating one that is due by now.

    It is made again under the next generation's id: a deletion that comes late then hits nobody.
    """
    if not is_unfinished(key, match) or not key.sinks:
        return False
    return not can_be_delivered(match, now) or is_overdue(key, match, now)


def is_secret_lost(key: DesiredKey, match: LiveKey, now: datetime, held: Held, *, insists: bool) -> bool:
    """Whether a sink is known to lack the secret of a key that works, and the server never shows it again.

    The next generation takes its place. The secret of an adopted key is whoever made it's to deliver. A file that was
    left behind counts only where the user `insists`: two machines would else take the key from each other for ever.
    """
    if match.secret is not None or key.adopts == match.id or is_past(key, now) or match.has_ended(now):
        return False
    behind = () if insists else tuple(left_behind(key, match, held))
    return any(_compared(sink, match, held) is Match.LACKS and sink not in behind for sink in key.sinks)


def left_behind(key: DesiredKey, match: LiveKey, held: Held) -> Iterable[SinkSpec]:
    """The files that hold the secret of an earlier generation. A key is committed only once its secret is in all of its
    sinks, so whoever committed this one has other files.
    """
    if match.secret is not None or is_unfinished(key, match):
        return
    for sink in key.sinks:
        seen = held.get(at(sink, match.id))
        if sink.kind not in FILES or seen is None or seen.note is None or seen.is_blank:
            continue
        if compare(seen, match) is not Match.LACKS:
            continue
        is_other = seen.note.key_id != match.id and slug_of(seen.note.key_id) == slug_of(match.id)
        if is_other and seen.note.created <= match.created:
            yield sink


def may_be_held(key: DesiredKey, match: LiveKey, now: datetime, held: Held) -> bool:
    """Whether a live key's secret works and a sink may hold it."""
    return not match.has_ended(now) and any(_compared(sink, match, held) is not Match.LACKS for sink in key.sinks)


def create(
    desired: Desired, key: DesiredKey, live: Live, held: Held, *, leftover: str | None = None, at_id: str = ""
) -> Create:
    """The creation of a key that is not live, or of which only a `leftover` is; `at_id` where its id is known. Raises
    ManifestError where the one before has the last id that there is.
    """
    new_id = at_id or _new_id(desired, key, leftover)
    return Create(
        address=key.address,
        key_id=new_id,
        after=KeyState(
            name=key.name, scopes=key.scopes, expire=expires(key.expiry, live.now), description=key.description
        ),
        expiry=key.expiry,
        sinks=key.sinks,
        reason=Reason.UNFINISHED if leftover else Reason.DECLARED,
        marks=(*risks.of_scopes(key.scopes), *_replaced(desired, key.sinks, new_id, held)),
        from_globs=key.from_globs,
        lost=key.lost,
        leftover=leftover,
    )


def follow(desired: Desired, made: Create, key: DesiredKey, match: LiveKey, held: Held, why: Due) -> Create:
    """A creation as that of the generation that takes the place of a key that works: its marks are of what changes."""
    before = frozenset(match.scopes)
    return replace(
        made,
        reason=why.reason,
        detail=why.detail,
        follows=match.id,
        marks=(*risks.of_scopes(key.scopes - before), *_replaced(desired, key.sinks, made.key_id, held, match)),
        from_globs=key.from_globs - before,
        lost=key.lost if key.scopes != before else (),
    )


def free_id(desired: Desired, key: DesiredKey, match: LiveKey, taken: Collection[str]) -> str | None:
    """The id of the generation after a live key; None where that is the last one that an id has room for.

    What a run that died has left, or an older key of the name, may have taken the nearest one.
    """
    try:
        new_id = _new_id(desired, key, match.id)
        while new_id in taken:
            new_id = next_id(new_id)
    except (ManifestError, ValueError):
        return None
    return new_id


def _new_id(desired: Desired, key: DesiredKey, before: str | None) -> str:
    """The first generation's id, or the one after that before; a renamed key begins anew under its own slug."""
    first = key_id(desired.realm, key.slug)
    if not before or slug_of(before) != slug_of(first):
        return first
    mine = owned(desired.realm, before)
    if mine is not None and mine.generation >= MAX_GENERATION:
        name = key.address.removeprefix(f"{desired.realm.environment}/")
        problem = Problem(
            position=key.position,
            message=f"{key.address} needs a new key, and no id comes after {quoted(before)}: it is generation "
            f"{MAX_GENERATION}, the last",
            hint=f"give it another name, with `renamed_from: {name}`: under that its generations begin anew",
        )
        raise ManifestError([problem])
    return next_id(before)


def reconcile(
    desired: Desired, key: DesiredKey, match: LiveKey, live: Live, held: Held
) -> Update | Deliver | Unchanged:
    """What makes a live key as declared."""
    before, after = match.state, _wanted(key, match, live.now)
    on_probation = is_unfinished(key, match)
    insists = desired.selection.insists
    sinks = key.sinks if on_probation else _lacking(key.sinks, match, after, live.now, held, insists=insists)
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
            reason=Reason.SCHEDULED if _is_scheduled(key, match, after) else Reason.FIELDS_DIFFER,
            marks=marks,
            from_globs=from_globs,
            lost=lost,
        )
    return Deliver(
        address=key.address,
        key_id=match.id,
        before=before,
        after=after,
        sinks=sinks,
        reason=Reason.UNDELIVERED if on_probation else _why(sinks, match, held),
        marks=(*marks, *_replaced(desired, sinks, match.id, held, match)),
        from_globs=from_globs,
        lost=lost,
    )


def unseen(key: DesiredKey, match: LiveKey, entry: Update | Deliver | Unchanged, held: Held) -> Iterable[Unseen]:
    """The sinks of a live key that nobody can compare, and that are not written again."""
    delivered = entry.sinks if isinstance(entry, Deliver) else ()
    for sink in key.sinks:
        place = at(sink, match.id)
        seen = held.get(place)
        if sink in delivered:
            continue
        found = Match.UNKNOWN if seen is None else compare(seen, match)
        if found is Match.LACKS and match.secret is None and key.adopts == match.id:
            yield Unseen(address=key.address, sink=risks.show_sink(place), why=_NOT_OURS)
        elif found is Match.UNKNOWN:
            yield Unseen(address=key.address, sink=risks.show_sink(place), why=_why_unseen(seen))


def unseen_of_new(change: Create, held: Held) -> Iterable[Unseen]:
    """The sinks of a key to be made that could not be looked at; of one that shows nothing there is nothing to say."""
    for sink in change.sinks:
        place = at(sink, change.key_id)
        seen = held.get(place)
        if seen is None or (seen.occupied is None and seen.why):
            yield Unseen(address=change.address, sink=risks.show_sink(place), why=_why_unseen(seen))


def _why_unseen(seen: Holding | None) -> str:
    """Why nobody can tell what a sink holds; empty where it never shows that."""
    if seen is None:
        return "it cannot be read"
    return seen.why or ("no note tells whose value it holds" if seen.secret is not None else "")


def _compared(sink: SinkSpec, match: LiveKey, held: Held) -> Match | None:
    """Whether a sink holds a live key's secret; None where it cannot be read, although it should be."""
    seen = held.get(at(sink, match.id))
    return None if seen is None else compare(seen, match)


def _why(sinks: tuple[SinkSpec, ...], match: LiveKey, held: Held) -> Reason:
    found = {_compared(sink, match, held) for sink in sinks}
    if None in found:
        return Reason.SINK_UNREADABLE
    if Match.LACKS not in found:
        return Reason.SINK_NAMED
    lacking = [sink for sink in sinks if _compared(sink, match, held) is Match.LACKS]
    outdated = all(is_held(held[at(sink, match.id)], match) for sink in lacking)
    return Reason.SINK_OUTDATED if outdated else Reason.SINK_DIFFERS


def _replaced(
    desired: Desired, sinks: tuple[SinkSpec, ...], key_id: str, held: Held, match: LiveKey | None = None
) -> Iterable[Mark]:
    """A mark for each sink that holds another value now."""
    for sink in sinks:
        place = at(sink, key_id)
        seen = held.get(place)
        if (
            seen is None
            or not seen.occupied
            or seen.is_blank
            or (match is not None and compare(seen, match) is Match.HOLDS)
        ):
            continue
        whose = seen.note.key_id if seen.note else ""
        yield risks.of_sink(
            place, whose, foreign=desired.is_foreign(whose), why=seen.why if seen.outdated and match is not None else ""
        )


def _is_scheduled(key: DesiredKey, match: LiveKey, after: KeyState) -> bool:
    """Whether an adopted key is given the end that follows its first rotation."""
    return key.rotation is not None and key.adopts == match.id and after.expire != match.expire


def _wanted(key: DesiredKey, match: LiveKey, now: datetime) -> KeyState:
    return KeyState(
        name=key.name,
        scopes=key.scopes,
        expire=end_of(key, match, now),
        description=key.description,
    )


def _lacking(
    sinks: tuple[SinkSpec, ...], match: LiveKey, after: KeyState, now: datetime, held: Held, *, insists: bool
) -> tuple[SinkSpec, ...]:
    """Sinks that do not hold the secret of a key that still works, or that cannot be read; those that show nothing
    where the user `insists`.
    """
    if match.secret is None or (after.expire is not None and after.expire <= now):
        return ()
    well = {Match.HOLDS} if insists else {Match.HOLDS, Match.UNKNOWN}
    return tuple(sink for sink in sinks if _compared(sink, match, held) not in well)


def _change_marks(match: LiveKey, after: KeyState, live: Live, *, on_probation: bool) -> tuple[Mark, ...]:
    before = match.state
    takes = risks.is_shortened(before, after) or not before.scopes <= after.scopes
    return (
        *risks.of_scopes(after.scopes - before.scopes),
        *(() if on_probation else risks.of_expiry(before, after, live.now)),
        *(risks.of_use(match, live.now, live.own) if takes else ()),
    )
