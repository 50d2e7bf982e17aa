"""Rotation as a function of time: from a rotating key, its live generation and now follows whether the next is due.

The rules:
- A generation lives for every + overlap from its creation, so that a pipeline that died ends in an expired key.
- The next one is due `every` after the creation, or earlier by a share of the spread that its id decides: keys made on
  one day do not rotate on one day, and no key is ever older than `every`. The spread is a quarter of `every`, and never
  so much that the one before the last could still be alive.
- It is due at once where the live one ends before an overlap from now, whoever gave it that end, or is retiring already
  because the one that superseded it was deleted by hand.
- No plan gives the newest delivered generation an end before an overlap from now: a key that is due keeps the end that
  it has until the next one is committed, and one that is not due ends later than that by its rotation.
- An adopted key is generation 0. Nobody knows since when it is adopted, and an old one is no worse than a new one. So
  its expiry is its schedule: an overlap after a first date within the next `every`, which its id decides; it is due
  when only the overlap is left of it, like any other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from reconciler.core.desired import DesiredKey, Rotation, settled
from reconciler.core.keys import LiveKey
from reconciler.core.plan import Reason
from reconciler.core.retiring import is_retiring
from reconciler.core.times import show_instant, to_milliseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHARES = float(2**64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """Why a generation has to be followed by the next one now; `detail` says since when, or until when."""

    reason: Reason
    detail: str


def due(key: DesiredKey, match: LiveKey, now: datetime) -> Due | None:
    """Why the live key of a declared one is to be rotated now; None where it is not, or is under no rotation."""
    rotation = key.rotation
    if rotation is None:
        return None
    if is_retiring(match):
        return Due(reason=Reason.WAS_RETIRED, detail=_ends(match, now))
    if key.adopts != match.id and (date := due_date(rotation, match)) <= now:
        newly = ", and newly under this rotation" if is_newly_rotating(rotation, match) else ""
        return Due(reason=Reason.DUE, detail=f"since {_shown(date)}{newly}")
    if match.expire is not None and match.expire - rotation.overlap <= now:
        reason = Reason.DUE_ADOPTED if key.adopts == match.id else Reason.ENDS_SOON
        return Due(reason=reason, detail=_ends(match, now))
    return None


def next_date(key: DesiredKey, match: LiveKey, now: datetime) -> datetime | None:
    """From when the generation after a live key is due; None under no rotation."""
    if key.rotation is None:
        return None
    dates = [] if match.expire is None else [match.expire - key.rotation.overlap]
    if key.adopts == match.id:
        return min([*dates, first_date(key.rotation, match.id, now)])
    return min([*dates, due_date(key.rotation, match)])


def is_overdue(key: DesiredKey, match: LiveKey, now: datetime) -> bool:
    """Whether a generation that no run has committed yet would be due for the next one at once."""
    return key.rotation is not None and due_date(key.rotation, match) <= now


def due_date(rotation: Rotation, match: LiveKey) -> datetime:
    """When the generation after an owned one is due, whatever its end."""
    return to_milliseconds(match.created + rotation.every - spread(rotation) * _share(match.id))


def spread(rotation: Rotation) -> timedelta:
    """By how much a date may come early: what is left between two overlaps is enough for the older key to end."""
    return min(rotation.every / 4, (rotation.every - rotation.overlap) / 2)


def end_of(key: DesiredKey, match: LiveKey, now: datetime) -> datetime | None:
    """The instant at which the live key of a declared one should end, where it is not due."""
    if key.rotation is None or key.adopts != match.id:
        return settled(key.expiry, match.created, match.expire)
    end = first_date(key.rotation, match.id, now) + key.rotation.overlap
    return end if match.expire is None else min(end, match.expire)


def first_date(rotation: Rotation, key_id: str, now: datetime) -> datetime:
    """The first date of an adopted key: the same one until it is over, after `now` and no later than `every`
    after it.
    """
    phase = to_milliseconds(_EPOCH + rotation.every * _share(key_id))
    return phase + rotation.every * ((now - phase) // rotation.every + 1)


def _share(key_id: str) -> float:
    """A number from 0 to below 1 that an id decides, evenly spread."""
    return int.from_bytes(hashlib.sha256(key_id.encode()).digest()[:8]) / _SHARES


def is_newly_rotating(rotation: Rotation, match: LiveKey) -> bool:
    """Whether a key that is due was never given the end that its rotation gives."""
    minute = timedelta(minutes=1)
    return match.expire is None or match.expire - match.created - rotation.life > minute


def _ends(match: LiveKey, now: datetime) -> str:
    if match.expire is None:
        return ""
    return f"{'expired' if match.expire <= now else 'expires'} {_shown(match.expire)}"


def _shown(instant: datetime) -> str:
    return show_instant(instant.replace(microsecond=0))
