"""Dates as the server reads and writes them: PHP's lenient reading, one strict form out.

What goes out is always UTC with milliseconds and `+00:00`. What comes in may be short of a time, of a
zone or of precision; a day or a second too many rolls over (30 February is 2 March). Words, epochs and
empty texts are refused, and `2030` means today at 20:30, as PHP has it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_FORM = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<time>\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?"
    r" ?(?P<zone>Z|[+-]\d{2}(?::?\d{2})?|[A-Za-z]+(?:/[A-Za-z_]+)*)?",
    re.IGNORECASE,
)
_CLOCK_ONLY = re.compile(r"([01]\d|2[0-3])([0-5]\d)")
_LATEST = datetime(9999, 12, 31, tzinfo=UTC)
_OLDEST_STORED_YEAR = 1000
_MONTHS = range(1, 13)
_LONGEST_MONTH = 31


class Unstorable(Exception):
    """A date the validator lets through and the database refuses: years before 1000."""


def render(moment: datetime) -> str:
    """The only form the server writes: `2026-08-21T12:00:00.123+00:00`, cut to milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def of_timestamp(seconds: int) -> datetime:
    """The instant of a count of seconds since 1970."""
    return datetime.fromtimestamp(seconds, tz=UTC)


def read(text: str, now: datetime) -> datetime | None:
    """The instant PHP sees in `text`, in UTC and cut to milliseconds; None where the validator refuses.

    Raises:
        Unstorable: the year is below 1000.
    """
    if clock := _CLOCK_ONLY.fullmatch(text):
        return now.astimezone(UTC).replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
    form = _FORM.fullmatch(text)
    if form is None:
        return None
    zone = _zone(form["zone"])
    year, month, day = (int(part) for part in form["date"].split("-"))
    since_midnight = _time(form["time"] or "00:00")
    if zone is None or since_midnight is None or month not in _MONTHS or day > _LONGEST_MONTH:
        return None
    if year < _OLDEST_STORED_YEAR:
        raise Unstorable
    try:
        local = datetime(year, month, 1, tzinfo=zone) + timedelta(days=day - 1) + since_midnight
        moment = local.astimezone(UTC)
    except OverflowError:
        return None
    return moment if moment <= _LATEST else None


def _time(text: str) -> timedelta | None:
    """`hh:mm[:ss[.f…]]` since midnight; 24:00 and second 60 roll over, more is no time."""
    hour, minute, *rest = text.split(":")
    whole, _, fraction = (rest[0] if rest else "0").partition(".")
    milliseconds = int((fraction + "000")[:3])
    if int(hour) > 24 or int(minute) > 59 or int(whole) > 60:
        return None
    return timedelta(hours=int(hour), minutes=int(minute), seconds=int(whole), milliseconds=milliseconds)


def _zone(text: str | None) -> tzinfo | None:
    """No zone means the server's, which is UTC; None for a zone that nobody knows."""
    if text is None or text.upper() in {"Z", "UTC", "GMT"}:
        return UTC
    if text[0] in "+-":
        digits = text[1:].replace(":", "").ljust(4, "0")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(-offset if text[0] == "-" else offset) if offset < timedelta(days=1) else None
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        return None
