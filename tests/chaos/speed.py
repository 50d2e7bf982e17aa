"""How fast the world of the chaos goes: waiting takes so much less, and the server's clock runs so much faster."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

SPEED = 20


class FastTime:
    """The server's time: begins somewhere, runs fast, and can be moved."""

    def __init__(self, start: datetime) -> None:
        self._start, self._began = start, time.monotonic()

    def __call__(self) -> datetime:
        return (self._start + SPEED * timedelta(seconds=time.monotonic() - self._began)).astimezone(UTC)

    def move(self, span: timedelta) -> None:
        """Let so much time pass."""
        self._start += span
