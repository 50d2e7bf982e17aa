"""Rotation because somebody asks for it now (`reconciler rotate`), whatever the date.

The rules:
- Only what is asked for is done: nothing else that differs from the manifest is changed, and no other key.
- A rotation that a run began and did not finish is finished, and no further one begun, so that killed runs pile up no
  generations: where the newest key is on probation, and where the one before it works and was not retired.
- Two keys of a name work at a time. The one before the newest retires, with the overlap of its rotation or, under none,
  48 hours. An older one that still works is deleted, and a guard refuses that: its overlap is not over.
- A key that is compromised has no overlap, nor has any older one of its name: each is deleted once the next one is
  delivered. Only a key on probation counts as begun then, for it may be the newest one whose secret has leaked.
- What cannot rotate, a key without a sink or one that is adopted and under no rotation, is never left out without a
  word: a problem where somebody names it, and a warning where all are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.core.changes import create, is_lost, is_past, is_secret_lost, is_unfinished, reconcile
from reconciler.core.desired import DesiredKey, Forced
from reconciler.core.drafting import Draft, end_of_unfinished, next_generation
from reconciler.core.globs import EVERYTHING
from reconciler.core.holding import Held
from reconciler.core.keys import Live, LiveKey
from reconciler.core.plan import Deliver, Entry, Reason, Unchanged
from reconciler.core.pruning import delete
from reconciler.core.retiring import is_marked
from reconciler.core.rotation import Due
from reconciler.core.superseding import DEFAULT_OVERLAP, superseded
from reconciler.core.times import show_instant
from reconciler.errors import Problem

_HOUR = timedelta(hours=1)


def force(draft: Draft, forced: Forced, key: DesiredKey, match: LiveKey, older: Sequence[LiveKey], held: Held) -> None:
    """Plan what is asked for of a declared key: `match` is its newest live one, `older` are those before it."""
    if _is_made_since(draft, forced, key, match, held):
        draft.add([_delivered(draft, key, match, held), *_ends(forced, key, older, draft.live, match.id)])
    elif not forced.compromised and _is_begun(key, match, older, draft.live):
        draft.warnings.append(
            f"{key.address}: {match.id} was made by a run that did not finish, and no other one is made now; the one "
            "before it retires. Run rotate again where another one is meant"
        )
        draft.add([_left(key, match), *_before(key, older, draft.live, match.id, match.created)])
    elif not _is_asked(forced, key, match, older, draft.live) or _is_over(draft, key, match):
        draft.add([_left(key, match)])
    elif problem := _problem(key, match):
        if draft.desired.selection.targets:
            draft.problems.append(problem)
        else:
            draft.warnings.append(f"{problem.message}: it is not rotated")
            draft.add([_left(key, match)])
    elif is_unfinished(key, match):
        _finish(draft, forced, key, match, older, held)
    else:
        _follow(draft, forced, key, match, older, held)


def _is_made_since(draft: Draft, forced: Forced, key: DesiredKey, match: LiveKey, held: Held) -> bool:
    """Whether another run has made the newest key since this was asked for, and its secret can be in each sink."""
    if forced.since is None or is_unfinished(key, match) or match.created < forced.since:
        return False
    return not is_secret_lost(key, match, draft.live.now, held, insists=True)


def _delivered(draft: Draft, key: DesiredKey, match: LiveKey, held: Held) -> Entry:
    """What brings the key that another run has made to the sinks that are known to lack it: they may be other ones."""
    entry = reconcile(replace(draft.desired, selection=EVERYTHING), key, match, draft.live, held)
    return entry if isinstance(entry, Deliver) else _left(key, match)


def _is_begun(key: DesiredKey, match: LiveKey, older: Sequence[LiveKey], live: Live) -> bool:
    """Whether a run has committed the newest key, and did not come to retire the one before it."""
    last = _last_working(key, older, live)
    return last is not None and not is_unfinished(key, match) and not is_marked(last) and last.id not in live.own


def _is_asked(forced: Forced, key: DesiredKey, match: LiveKey, older: Sequence[LiveKey], live: Live) -> bool:
    """Whether the newest generation that was ever delivered is old enough, where that is a condition."""
    if forced.older_than is None:
        return True
    committed = [each for each in (*older, match) if not is_unfinished(key, each)]
    newest = max(committed, key=_created, default=None)
    return newest is not None and live.now - newest.created >= forced.older_than


def _is_over(draft: Draft, key: DesiredKey, match: LiveKey) -> bool:
    """Whether a key has expired, and is not to work again; says so."""
    if not is_past(key, draft.live.now) or not match.has_ended(draft.live.now):
        return False
    draft.warnings.append(f"{key.address} has expired, as its expire says, and is not rotated")
    return True


def _problem(key: DesiredKey, match: LiveKey) -> Problem | None:
    """Why a key cannot rotate."""
    if not key.sinks:
        return Problem(
            position=key.position,
            message=f"{key.address} has no sink: nobody would get the secret of its next generation",
            hint="declare `deliver`, or leave the key out with --exclude",
        )
    if key.adopts == match.id and key.rotation is None:
        return Problem(
            position=key.position,
            message=f"{key.address} adopts {match.id}, and no other key can take its place: it is under no rotation",
            hint="declare `rotation`; or write its id under `absent` in place of `id`, and apply: a key of its own is "
            "made and delivered, and then the adopted one is deleted",
        )
    return None


def _finish(
    draft: Draft, forced: Forced, key: DesiredKey, match: LiveKey, older: Sequence[LiveKey], held: Held
) -> None:
    """Go on with a key on probation, or make it again where its secret is lost."""
    live = draft.live
    if not is_lost(key, match, live.now):
        draft.add([reconcile(draft.desired, key, match, live, held), *_ends(forced, key, older, live, match.id)])
        if forced.compromised:
            draft.warnings.append(
                f"{key.address}: {match.id} was made at {_shown(match.created)} by a run that did not finish, and is "
                "delivered now. Where its secret may have leaked as well, run this again"
            )
        return
    made = create(draft.desired, key, live, held, leftover=match.id)
    ends = [_leaked(key, match, live)] if forced.compromised else [end_of_unfinished(draft, key, match, held)]
    draft.add([made, *ends, *_ends(forced, key, older, live, made.key_id)])


def _follow(
    draft: Draft, forced: Forced, key: DesiredKey, match: LiveKey, older: Sequence[LiveKey], held: Held
) -> None:
    """Make the next generation of a key that works."""
    if is_past(key, draft.live.now):
        draft.problems.append(
            Problem(
                position=key.position,
                message=f"{key.address} cannot rotate: its expire is in the past, although {match.id} works",
                hint="`apply` ends it; or declare a later `expire`",
            )
        )
        return
    made = next_generation(draft, key, match, held, _why(forced, key, match, draft.live.now))
    if made is None:
        draft.problems.append(
            Problem(
                position=key.position,
                message=f"{key.address}: {match.id} is the last generation that its id has room for",
                hint="rename the key, with `renamed_from`",
            )
        )
        return
    draft.add([made, *_ends(forced, key, (*older, match), draft.live, made.key_id)])


def _why(forced: Forced, key: DesiredKey, match: LiveKey, now: datetime) -> Due:
    made = f"{match.id} is of {match.created:%Y-%m-%d}"
    if forced.compromised:
        return Due(reason=Reason.COMPROMISED, detail=made)
    overlap = f"; under no rotation, so that it works on for {DEFAULT_OVERLAP // _HOUR} hours"
    ends = key.rotation or (match.expire is not None and match.expire <= now + DEFAULT_OVERLAP)
    return Due(reason=Reason.ASKED, detail=made if ends else made + overlap)


def _ends(forced: Forced, key: DesiredKey, before: Sequence[LiveKey], live: Live, by: str) -> Iterator[Entry]:
    """What becomes of the keys whose place the one with the id `by` takes."""
    if forced.compromised:
        return (_leaked(key, each, live) for each in before)
    return _before(key, before, live, by, live.now)


def _leaked(key: DesiredKey, each: LiveKey, live: Live) -> Entry:
    if each.has_ended(live.now):
        return delete(key.address, each, live, Reason.SUPERSEDED)
    return replace(delete(key.address, each, live, Reason.LEAKED), leaked=True)


def _before(key: DesiredKey, before: Sequence[LiveKey], live: Live, by: str, since: datetime) -> Iterator[Entry]:
    last = _last_working(key, before, live)
    for each in before:
        works = not each.has_ended(live.now) and not is_unfinished(key, each) and each.id not in live.own
        if works and each is not last:
            yield delete(key.address, each, live, Reason.OUTNUMBERED)
        else:
            yield superseded(key, each, live, by, since)


def _last_working(key: DesiredKey, older: Iterable[LiveKey], live: Live) -> LiveKey | None:
    working = [each for each in older if not each.has_ended(live.now) and not is_unfinished(key, each)]
    # Of two of one moment the later generation. One that ends anyway comes last: it may never have been committed.
    return max(reversed(working), key=lambda each: (not is_marked(each), each.created), default=None)


def _left(key: DesiredKey, match: LiveKey) -> Unchanged:
    return Unchanged(address=key.address, key_id=match.id, state=match.state, reason=Reason.NOT_ASKED)


def _created(key: LiveKey) -> datetime:
    return key.created


def _shown(instant: datetime) -> str:
    return show_instant(instant.replace(microsecond=0))
