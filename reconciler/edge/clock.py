"""The real clock."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """The `Clock` port on the event loop: time that really passes."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Let others run for that long."""
        await asyncio.sleep(seconds)
