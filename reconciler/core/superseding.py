"""What becomes of a key beside which another one is that of its name: an older generation, an adopted key that was
rotated, a key under a former name.

Under rotation it works on for the overlap, so that whoever reads the sink that often has the new secret before the old
one is dead: it gets an end one overlap off, never later than its own, under a name that says so. The end counts from
the run that has the newer key delivered, not from that key's creation: between the two lies whatever kept a run
from finishing. The server ends the key even if no run ever comes again; the first run after that deletes it.

Whatever a person makes of a retiring key, the same rule is applied again. An end that was brought forward stays. One
that was put off or taken away is set anew: to the end of the life that the key was made with, or, where that is over,
to an overlap from now, for somebody seems to need it. A key that is under no rotation has an overlap of 48 hours,
and an end that was given to it once stays, whoever has moved it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.core import risks
from reconciler.core.changes import is_unfinished
from reconciler.core.desired import After, DesiredKey, Rotation, settled
from reconciler.core.keys import KeyState, Live, LiveKey
from reconciler.core.plan import Delete, Reason, Retire, Unchanged
from reconciler.core.pruning import delete
from reconciler.core.retiring import is_marked, is_retiring, retired
from reconciler.core.times import show_instant

DEFAULT_OVERLAP = timedelta(hours=48)
"""How long a key works on that another one takes the place of, and that is under no rotation."""


def overlap_of(declared: DesiredKey) -> timedelta:
    """How long the generation before the newest one of a key works on."""
    return declared.rotation.overlap if declared.rotation else DEFAULT_OVERLAP


def superseded(declared: DesiredKey, key: LiveKey, live: Live, by: str, since: datetime) -> Delete | Retire | Unchanged:
    """What is done with a key that the one with the id `by`, made at `since`, supersedes."""
    address = declared.address
    if is_unfinished(declared, key):
        rotation = declared.rotation
        if rotation is None or key.has_ended(live.now) or key.created + rotation.life <= live.now:
            return delete(address, key, live, Reason.LEFT_OVER)
        return retire_unfinished(declared, key, live, rotation, by)
    if key.has_ended(live.now):
        return delete(address, key, live, Reason.SUPERSEDED)
    if key.id in live.own:
        return _left(address, key, by, Reason.OWN_SUPERSEDED)
    if declared.rotation is None and is_retiring(key):
        return _left(address, key, by)
    overlap = overlap_of(declared)
    end = live.now + overlap
    if is_marked(key) and declared.rotation is not None and declared.adopts != key.id:
        life = settled(After(declared.rotation.life), key.created, key.expire)
        end = min(end, life) if life is not None and life > max(live.now, since + overlap) else end
    return _retire(address, key, retired(key.state, end), live, by)


def retire_unfinished(
    declared: DesiredKey, key: LiveKey, live: Live, rotation: Rotation, by: str
) -> Retire | Unchanged:
    """Let a key end that was never committed, and whose secret somebody may have read, be it that a later run has
    written over it since: it has the overlap that any other one has, up to the end that its commit would have given it.
    """
    own_end = key.created + rotation.life
    after = retired(replace(key.state, expire=own_end), live.now + rotation.overlap)
    return _retire(declared.address, key, after, live, by)


def _retire(address: str, key: LiveKey, after: KeyState, live: Live, by: str) -> Retire | Unchanged:
    """The end of a key that works, unless it ends by then anyway and says so."""
    if after == key.state:
        return _left(address, key, by)
    return Retire(
        address=address,
        key_id=key.id,
        before=key.state,
        after=after,
        reason=Reason.SUPERSEDED,
        detail=f"{by}{_own_end(key) if after.expire == key.expire else ''}; {_last_use(key)}",
        marks=(*risks.of_expiry(key.state, after, live.now), *risks.of_use(key, live.now, live.own)),
    )


def retired_by_now(change: Retire, seen: datetime | None, elapsed: timedelta) -> KeyState:
    """The state that a key is given when apply comes to retire it, `elapsed` after the plan: its end counts from then.
    `seen` is the end that it has by now, which is put off only where the plan itself does that.
    """
    end, own = change.after.expire, change.before.expire
    if end is None:
        return change.after
    if own is None or own > end:
        end = end + elapsed if own is None else min(end + elapsed, own)
    if seen is not None and seen != own:
        end = min(end, seen)
    return replace(change.after, expire=end)


def still_used(address: str, old: LiveKey, new: LiveKey) -> list[str]:
    """A warning of a retiring key that somebody has used since the newer one was there.

    Its last use moves once in 24 hours, so that what it says is never too much.
    """
    if old.accessed is None or old.expire is None or old.accessed <= new.created or not is_retiring(old):
        return []
    end = show_instant(old.expire.replace(microsecond=0))
    used = f"{old.id} was used on {old.accessed:%Y-%m-%d}{_by_sdks(old)}, after {new.id} had taken its place"
    return [f"{address}: {used}; it ends at {end}: see who has not read the new secret yet"]


def keeps_more(declared: DesiredKey, key: LiveKey, entry: Delete | Retire | Unchanged) -> list[str]:
    """A warning of a key that works on with scopes that the manifest gives its name no more: to take them at once would
    break whoever has not read the new secret yet.
    """
    more = sorted(set(key.scopes) - declared.scopes)
    if not more or isinstance(entry, Delete):
        return []
    end = entry.after.expire if isinstance(entry, Retire) else key.expire
    until = f" until {show_instant(end.replace(microsecond=0))}" if end else ""
    return [
        f"{declared.address}: {key.id} keeps {', '.join(more)}{until}: delete it in the Console if that is too long"
    ]


def _left(address: str, key: LiveKey, by: str, reason: Reason = Reason.RETIRING) -> Unchanged:
    detail = f"by {by}{_own_end(key)}; {_last_use(key)}"
    return Unchanged(address=address, key_id=key.id, state=key.state, reason=reason, detail=detail)


def _own_end(key: LiveKey) -> str:
    return f", ends {show_instant(key.expire.replace(microsecond=0))}" if key.expire else ""


def _last_use(key: LiveKey) -> str:
    return f"last used {key.accessed:%Y-%m-%d}{_by_sdks(key)}" if key.accessed else "never used"


def _by_sdks(key: LiveKey) -> str:
    """Who has used it, in words: Appwrite keeps which of its SDKs have ever done so, not which one did last."""
    return f" (SDKs so far: {', '.join(key.sdks)})" if key.sdks else ""
