"""Commit by expiry: a key whose secret is not delivered yet is on probation, and dies by itself.

It bears a marked name and an expiry about seven days off, whose minutes, seconds and milliseconds are random:
the nonce by which a run knows the key as its own when the answer to its creation was lost. Commit writes the
real name and expiry. Appwrite stores and echoes an expiry to the millisecond, so the nonce reads back
exactly.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from reconciler.core.keys import KeyState, LiveKey
from reconciler.core.names import marked
from reconciler.core.times import to_milliseconds

SUFFIX = " (undelivered)"
LIFE = timedelta(days=7)
IN_PROGRESS = timedelta(minutes=15)
_HOUR = timedelta(hours=1)
_MILLISECOND = timedelta(milliseconds=1)


def is_on_probation(key: LiveKey | KeyState) -> bool:
    """Whether a run created this key and has not committed it."""
    return key.name.endswith(SUFFIX) and key.expire is not None


def can_be_delivered(key: LiveKey, now: datetime) -> bool:
    """Whether a probation key still works and its secret is known; any other one is only good to be
    deleted.
    """
    return key.secret is not None and key.expire is not None and key.expire > now


def may_be_in_progress(key: LiveKey, now: datetime) -> bool:
    """Whether the run that created a probation key may still be at work on it."""
    return now - key.created < IN_PROGRESS


def probation(after: KeyState, now: datetime, chance: float) -> KeyState:
    """The state in which a key that will be `after` is created: marked, and with an expiry that is a nonce.

    Within the hour that now + 7 days falls in; before the real expiry where that comes first.
    """
    start = (now + LIFE).replace(minute=0, second=0, microsecond=0)
    window = _HOUR
    if after.expire is not None and after.expire < start + window:
        window = min(_HOUR, max((after.expire - now) / 2, _MILLISECOND))
        start = after.expire - window
    expire = to_milliseconds(start + _MILLISECOND * int(chance * (window // _MILLISECOND)))
    return replace(after, name=marked(after.name, SUFFIX), expire=expire)
