"""Instants and durations as the manifest and Appwrite write them.

Instants are aware datetimes in UTC, cut to milliseconds: Appwrite keeps no more. Appwrite writes and reads
back `YYYY-MM-DDTHH:MM:SS.mmm+00:00`, and `""` for never.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

YEARS = range(1970, 9000)
"""Of the times that a server says have passed; whatever duration a manifest adds to one stays within the calendar."""

_DURATION = re.compile(r"([1-9][0-9]{0,5})([mhdw])")
_UNITS = {"w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}


def to_milliseconds(instant: datetime) -> datetime:
    """The instant in UTC, cut (not rounded) to milliseconds, as Appwrite cuts it."""
    if instant.tzinfo is UTC and not instant.microsecond % 1000:
        return instant
    utc = instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def parse_instant(text: str) -> datetime:
    """An RFC 3339 time with a zone; raises ValueError, also where the zone is missing."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("a time needs a zone, such as Z or +02:00")
    return to_milliseconds(instant)


def format_instant(instant: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SS.mmm+00:00`, the one form that Appwrite stores and echoes."""
    return to_milliseconds(instant).isoformat(timespec="milliseconds")


def show_instant(instant: datetime) -> str:
    """An instant for people: `YYYY-MM-DDTHH:MM:SSZ`, with milliseconds only where they are not zero."""
    unit = "milliseconds" if instant.microsecond else "seconds"
    return instant.astimezone(UTC).isoformat(timespec=unit).replace("+00:00", "Z")


def parse_duration(text: str) -> timedelta:
    """A whole number of minutes, hours, days or weeks: `30m`, `12h`, `90d`, `4w`; raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 12h, 90d or 4w")
    return int(match[1]) * _UNITS[match[2]]


def show_duration(span: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same span; days before weeks."""
    for unit in ("d", "h", "m"):
        if span % _UNITS[unit] == timedelta(0):
            return f"{span // _UNITS[unit]}{unit}"
    return f"{span.total_seconds():g}s"
