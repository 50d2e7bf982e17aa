"""What is told of a write: when it was, and that nothing which goes wrong after it is a clear no."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from reconciler.errors import SinkError, SinkUnavailable

_MARGIN = timedelta(minutes=5)


def at_the_latest(told: datetime | None) -> datetime | None:
    """The last instant, by whatever clock, at which a value may have been written; None where nothing is told. Its
    keeper's clock is another than Appwrite's, and often tells seconds.
    """
    return None if told is None else told + _MARGIN


@contextmanager
def after_a_write() -> Iterator[None]:
    """The value is there by now: whatever goes wrong in here leaves that to be looked at."""
    try:
        yield
    except SinkError as error:
        raise SinkUnavailable(error.message, hint=error.hint) from error
