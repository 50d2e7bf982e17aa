"""When a value was written at the latest, as its keeper says: by another clock than Appwrite's, often in seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

_MARGIN = timedelta(minutes=5)


def at_the_latest(told: datetime | None) -> datetime | None:
    """The last instant, by whatever clock, at which a value may have been written; None where nothing is told."""
    return None if told is None else told + _MARGIN
