"""Clocks for tests."""

from __future__ import annotations

import asyncio


class StandingClock:
    """The `Clock` port where no time passes, however long somebody sleeps: who waits for another run never gives up,
    and who waits for ever is found out.
    """

    def __init__(self) -> None:
        self.sleeps = 0

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:  # noqa: ARG002 - the port's signature
        self.sleeps += 1
        assert self.sleeps < 200, "it waits for ever"
        await asyncio.sleep(0)


class FakeClock:
    """The `Clock` port without waiting: sleeping moves the time at once, and is noted."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)
