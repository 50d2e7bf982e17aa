"""Sends calls until they are answered, and turns all that is foreign into `reconciler.errors`.

Each sending has a deadline and a cap on its answer, both around the reading of the body too: a server may
stop in the middle, or never stop. The limiter is held while a request is under way, not while waiting to send
it again. Once `stop` is set nothing is sent again: what waits for it ends at once, with its last failure.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.edge.appwrite.answer import Answer, Failure
from reconciler.edge.appwrite.call import Call, Peer
from reconciler.edge.appwrite.explain import redirected, unanswered
from reconciler.edge.appwrite.failures import FOREIGN, failure_of
from reconciler.edge.appwrite.retry import delay
from reconciler.ports import Clock

if TYPE_CHECKING:
    import httpx

Settle = Callable[[], Awaitable[Answer | None]]
"""Asked after a 500: the answer that settles the call, or None to send it again."""


@dataclass(kw_only=True, eq=False)
class Caller:
    """The calls of one project; knows whether its server has ever answered."""

    http: httpx.AsyncClient = field(repr=False)
    peer: Peer
    limiter: asyncio.Semaphore
    clock: Clock
    random: random.Random
    stop: asyncio.Event
    reached: bool = False

    async def send(self, call: Call, *, settle: Settle | None = None) -> Answer:
        """The first answer that is worth no retry, whatever its status but a redirect; raises ServerError."""
        started, attempt = self.clock.monotonic(), 0
        while True:
            result = await self._attempt(call)
            if settle and isinstance(result, Answer) and result.status == 500:
                settled = await settle()
                if settled is not None:
                    return settled
            wait = delay(
                result,
                attempt=attempt,
                elapsed=self.clock.monotonic() - started,
                reached=self.reached,
                chance=self.random,
            )
            if wait is None or await self._stopped_within(wait):
                break
            attempt += 1
        if isinstance(result, Failure):
            raise unanswered(self.peer, call, result, attempt + 1) from result.error
        if result.status in range(300, 400):
            raise redirected(self.peer, call, result)
        return result

    async def _stopped_within(self, seconds: float) -> bool:
        """Whether `stop` is set, now or before that time has passed; returns no later than then."""
        async with asyncio.TaskGroup() as both:
            sleeping, watching = both.create_task(self.clock.sleep(seconds)), both.create_task(self.stop.wait())
            sleeping.add_done_callback(lambda _: watching.cancel())
            watching.add_done_callback(lambda _: sleeping.cancel())
        return self.stop.is_set()

    async def _attempt(self, call: Call) -> Answer | Failure:
        try:
            async with self.limiter, asyncio.timeout(call.deadline):
                result = await self._exchange(call)
        except TimeoutError:
            return Failure(kind="late", text=f"it took longer than {call.deadline:g} s")
        except FOREIGN as error:
            return failure_of(error)
        self.reached = True
        return result

    async def _exchange(self, call: Call) -> Answer | Failure:
        response = await self.http.send(call.request(), stream=True, auth=None, follow_redirects=False)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > call.cap:
                    return Failure(kind="oversized", text=f"its answer is longer than {call.cap >> 20} MiB")
        finally:
            await response.aclose()
        return Answer(status=response.status_code, headers=response.headers, body=bytes(body))
