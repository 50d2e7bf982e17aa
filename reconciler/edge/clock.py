"""The real clock."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


def here() -> datetime:
    """The current time by this machine, in UTC: for warnings only, the server's is what counts."""
    return datetime.now(UTC)


class SystemClock:
    """The `Clock` port on the event loop: time that really passes."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let others run for that long."""
        await asyncio.sleep(seconds)
