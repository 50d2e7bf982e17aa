"""When a value was written, as its keeper tells."""

from __future__ import annotations

from datetime import datetime, timedelta

_MARGIN = timedelta(minutes=5)


def at_the_latest(told: datetime | None) -> datetime | None:
    """The last instant, by whatever clock, at which a value may have been written; None where nothing is told. Its
    keeper's clock is another than Appwrite's, and often tells seconds.
    """
    return None if told is None else told + _MARGIN
