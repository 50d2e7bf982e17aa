"""What `expire` means: a time with a zone, a duration after creation, or never."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from reconciler.core.desired import After, At, Expiry, Never
from reconciler.core.times import parse_duration, parse_instant

LONGEST = timedelta(days=100 * 366)
"""Appwrite's database ends with the year 9999; nobody means a key of more than a hundred years."""

_YEARS = range(1970, 9999)


@lru_cache(maxsize=32_768)
def parse_expiry(text: str) -> Expiry:
    """The expiry that a text in the schema's form means; raises ValueError saying what is wrong with it."""
    if text == "never":
        return Never()
    if text[-1] in "mhdw":
        return After(_duration(text))
    try:
        instant = parse_instant(text.upper())
    except (ValueError, OverflowError):
        raise ValueError(f'"{text}" is not a time of the calendar') from None
    if instant.year not in _YEARS:
        raise ValueError(f'"{text}" is out of range: years go from 1970 to 9998')
    return At(instant)


def _duration(text: str) -> timedelta:
    span = parse_duration(text)
    if span > LONGEST:
        raise ValueError(f'"{text}" is more than a hundred years: write never')
    return span
