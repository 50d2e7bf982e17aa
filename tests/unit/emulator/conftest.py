"""An emulator in memory with a clock that tests move, and its owner's client."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from reconciler.emulator import Emulator


class MovingClock:
    """The server's time: stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **amount: float) -> None:
        self.now += timedelta(**amount)


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def emulator(clock: MovingClock) -> Iterator[Emulator]:
    emulator = Emulator(clock=clock)
    emulator.ensure_project("shop", organization="acme")
    yield emulator
    emulator.close()


@pytest.fixture
async def owner(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    """The console session of the project `shop`."""
    headers = {
        "X-Appwrite-Project": "shop",
        "X-Appwrite-Mode": "admin",
        "Cookie": f"a_session_console={emulator.console_session()}",
    }
    transport = httpx.ASGITransport(emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator", headers=headers) as client:
        yield client


@pytest.fixture
async def anyone(emulator: Emulator) -> AsyncIterator[httpx.AsyncClient]:
    """A client without any credential."""
    transport = httpx.ASGITransport(emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        yield client
