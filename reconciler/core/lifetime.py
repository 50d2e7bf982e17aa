"""How long an ephemeral key lives: never beyond what the manifest grants, and judged before it is made.

The rules:
- It lives for a second to an hour. Nothing takes it back, so it lives for all of that.
- It ends no later than a declared key that grants what it holds, and lives no longer than that key would.
- A lifetime that nobody asked for is cut to that; one that was asked for and is longer is refused, because whoever
  asked has a command that takes so long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from reconciler.core.desired import After, At, Expiry, Never
from reconciler.core.quoting import quoted
from reconciler.core.times import show_duration, show_instant
from reconciler.errors import GuardError

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(hours=1)
"""What Appwrite accepts."""

UNLESS_ASKED = timedelta(minutes=15)
_WAY = timedelta(seconds=5)
"""Between judging and the birth of the key, by the server's clock, which is told in whole seconds."""


FLAG = "--allow-wider"
_SHORTER = f"pass a shorter --duration, give the declared key a later expire, or pass {FLAG}"
_LIFETIME = re.compile(r"([1-9][0-9]{0,4})([smh])")
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What bounds a life: it ends by `until`, or it lasts for `longest` at most.

    Where there are both, two declared keys grant the same, and either will do; where there is neither, nothing does.
    """

    until: datetime | None = None
    longest: timedelta | None = None


UNBOUNDED = Bounds()


def parse_lifetime(text: str) -> timedelta:
    """`90s`, `15m` or `1h`, between a second and an hour; raises ValueError."""
    match = _LIFETIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{quoted(text)} is not a duration such as 90s, 15m or 1h")
    lifetime = int(match[1]) * _UNITS[match[2]]
    if lifetime > LONGEST:
        raise ValueError(f"{quoted(text)} is too long: Appwrite lets an ephemeral key live for an hour at most")
    return lifetime


def bounds_of(expiries: Iterable[Expiry]) -> Bounds:
    """The widest bounds that one of several keys has, by its declared expiry; none where one of them never ends."""
    times: list[datetime] = []
    spans: list[timedelta] = []
    for expiry in expiries:
        match expiry:
            case Never():
                return UNBOUNDED
            case At(instant):
                times.append(instant)
            case After(span):
                spans.append(span)
            case _:
                assert_never(expiry)
    return Bounds(until=max(times, default=None), longest=max(spans, default=None))


def lifetime_of(bounds: Bounds, asked: timedelta | None, now: datetime | None, environment: str) -> timedelta:
    """How long the key may live; `now` is the server's, needed where there is an `until`.

    Raises GuardError where that is not as long as was asked for, or no time at all.
    """
    wanted = asked or UNLESS_ASKED
    room = _room(bounds, now)
    if room is None or wanted <= room:
        return wanted
    if asked is None and room >= SHORTEST:
        return timedelta(seconds=room // SHORTEST)
    raise _too_long(bounds, wanted, now, environment)


def check_end(bounds: Bounds, lifetime: timedelta, expire: datetime, environment: str) -> None:
    """Raise GuardError where an ephemeral key, as the server made it, outlives what the manifest grants."""
    if bounds.longest is not None and lifetime <= bounds.longest:
        return
    if bounds.until is not None and expire > bounds.until:
        raise _outlives(bounds.until, expire, environment)


def _room(bounds: Bounds, now: datetime | None) -> timedelta | None:
    """How long a key may live that is asked for now; None for as long as one likes."""
    rooms = [] if bounds.longest is None else [bounds.longest]
    if bounds.until is not None:
        if now is None:
            raise ValueError("what ends at a time cannot be judged without one")
        rooms.append(bounds.until - now - _WAY)
    return max(rooms, default=None)


def _too_long(bounds: Bounds, wanted: timedelta, now: datetime | None, environment: str) -> GuardError:
    if bounds.longest is None and bounds.until is not None and now is not None:
        return _outlives(bounds.until, now + wanted, environment)
    longest = show_duration(bounds.longest or timedelta())
    return GuardError(
        f"{environment}: what the manifest grants lives for {longest}, and the key would live for "
        f"{show_duration(wanted)}",
        hint=_SHORTER,
    )


def _outlives(until: datetime, expire: datetime, environment: str) -> GuardError:
    return GuardError(
        f"{environment}: what the manifest grants ends at {show_instant(until)}, and the key would live until "
        f"{show_instant(expire.replace(microsecond=0))}",
        hint=_SHORTER,
    )
