"""What is said of a key long before it stops working: that nobody seems to run apply any more, or that it ends and
nothing takes its place.

The rules:
- A pipeline may miss a day, or half of an overlap where that is shorter. What has been due for longer was due to
  nobody: a rotation, an end for a key whose place another one has taken, the deletion of one that has ended, the
  delivery that a run has left undone.
- Since when a key is under a rotation that it was not made with, nobody knows; a plan says that it is due, and no more.
- A key under no rotation is warned of two weeks before its end, and of a shorter life in its last quarter: a key of a
  few days is meant to be one. Where a plan puts the end off, it is not.
- What a person has done by hand is judged like anything else: only the keys are there to be seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.core.denials import own_key
from reconciler.core.desired import DesiredKey
from reconciler.core.keys import Live, LiveKey
from reconciler.core.plan import Create, Delete, Deliver, Entry, Reason, Retire, Unchanged, Update
from reconciler.core.probation import is_on_probation
from reconciler.core.rotation import is_newly_rotating, next_date
from reconciler.core.times import show_instant

SOON = timedelta(days=14)
"""Before the end of what nothing takes the place of."""

_DAY = timedelta(days=1)


class Sign(StrEnum):
    """What is warned of; programs know it by its name."""

    NOT_LIVE = "a key that is declared, and of which none works"
    OVERDUE = "a rotation that is due, and no run has made"
    NOT_ENDED = "a key that another one has superseded, and no run has ended"
    NOT_DELIVERED = "a key that a run has made, and none has delivered"
    ENDS_SOON = "a key that ends, and nothing takes its place"


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyWarning:
    """One warning of a key; `message` goes on where its address and id stand already."""

    sign: Sign
    message: str

    @property
    def hint(self) -> str:
        """What to do."""
        if self.sign is Sign.ENDS_SOON:
            return "put its end off in the manifest, or the key under rotation"
        return "see whether a pipeline runs reconciler apply, and how that ends"


NOT_LIVE = EarlyWarning(sign=Sign.NOT_LIVE, message="declared, and there is none: apply makes it")


def early_warnings(
    wish: DesiredKey | None, key: LiveKey, entry: Entry, superseded: datetime | None, now: datetime
) -> Iterator[EarlyWarning]:
    """What is to be said of a live key that the manifest speaks of.

    `wish` is what it is declared as, or what the key is declared as that took its place at `superseded`; `entry` is the
    plan's word on it, that of the next generation where one is due.
    """
    if wish is None:
        return
    patience = min(_DAY, wish.rotation.overlap / 2) if wish.rotation else _DAY
    if superseded is not None:
        yield from _not_ended(key, entry, superseded, now - patience)
    elif is_on_probation(key):
        if key.created < now - patience:
            told = f"made at {_shown(key.created)} by a run that did not finish, and none has finished it"
            yield EarlyWarning(sign=Sign.NOT_DELIVERED, message=f"{told}{_its_end(key, now)}")
    elif wish.rotation is not None:
        yield from _overdue(wish, key, entry, now, patience)
    else:
        yield from _ends_soon(key, entry, now)


def credential_warnings(live: Live) -> Iterator[str]:
    """That the credential of this run ends soon; an ephemeral key always does."""
    credential = live.credential
    if credential is None or credential.kind == "ephemeral_key":
        return
    own = own_key(live, credential)
    end = credential.ends(own.expire if own else None)
    if end is not None and end - live.now <= SOON:
        yield f"{credential} ends at {_shown(end)}, within {SOON.days} days: hand out the next one"


def _not_ended(key: LiveKey, entry: Entry, superseded: datetime, before: datetime) -> Iterator[EarlyWarning]:
    match entry:
        case Retire():
            since, told = superseded, f"another key took its place at {_shown(superseded)}, and it is not retired yet"
        case Delete(reason=Reason.SUPERSEDED, expired=True) if key.expire is not None:
            since, told = key.expire, f"it ended at {_shown(key.expire)}, and no run has deleted it"
        case Delete(reason=Reason.SUPERSEDED | Reason.LEFT_OVER):
            since, told = superseded, f"another key took its place at {_shown(superseded)}, and no run has deleted it"
        case _:
            return
    if since <= before:
        yield EarlyWarning(sign=Sign.NOT_ENDED, message=told)


def _overdue(
    wish: DesiredKey, key: LiveKey, entry: Entry, now: datetime, patience: timedelta
) -> Iterator[EarlyWarning]:
    if isinstance(entry, Create) and entry.reason is Reason.WAS_RETIRED:
        told = f"the key that took its place is gone, and no run has made another{_its_end(key, now)}"
        yield EarlyWarning(sign=Sign.OVERDUE, message=told)
        return
    date = next_date(wish, key, now)
    is_due = isinstance(entry, Create) and entry.reason is not Reason.SECRET_LOST
    if wish.rotation is None or date is None or not is_due or date > now - patience:
        return
    if wish.adopts != key.id and is_newly_rotating(wish.rotation, key):
        return
    told = f"due since {_shown(date)}, and no run has rotated it{_its_end(key, now)}"
    yield EarlyWarning(sign=Sign.OVERDUE, message=told)


def _ends_soon(key: LiveKey, entry: Entry, now: datetime) -> Iterator[EarlyWarning]:
    match entry:
        case Update(after=after) | Deliver(after=after):
            end = after.expire
        case Unchanged():
            end = key.expire
        case _:
            return
    if end is None or end - now > min(SOON, (end - key.created) / 4):
        return
    told = f"it {'ended' if end <= now else 'ends'} at {_shown(end)}, and nothing takes its place"
    yield EarlyWarning(sign=Sign.ENDS_SOON, message=told)


def _its_end(key: LiveKey, now: datetime) -> str:
    if key.expire is None:
        return ""
    return f"; it {'ended' if key.expire <= now else 'ends'} at {_shown(key.expire)}"


def _shown(instant: datetime) -> str:
    return show_instant(instant.replace(microsecond=0))
