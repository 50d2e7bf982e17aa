"""What is found out once about a server, by whichever project asks first, and is then known to all of them.

- Its facts are asked for once in a run. Who stops waiting for them leaves them to the others; where there are none,
  the call ends too, so that none outlives its client. A failure is told to all who wait, and not kept.
- Whether it has the routes of organizations is learnt from the first list that goes there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.keys import ServerFacts


@dataclass(eq=False)
class Server:
    """One server, shared by the clients of its projects."""

    organization_routes: bool | None = None
    _asking: asyncio.Task[ServerFacts] | None = field(default=None, init=False)
    _waiting: int = field(default=0, init=False)

    async def facts(self, ask: Callable[[], Coroutine[Any, Any, ServerFacts]]) -> ServerFacts:
        """The server's facts; only the first caller's `ask` is used."""
        task = self._asking
        if task is None or (task.done() and (task.cancelled() or task.exception())):
            task = self._asking = asyncio.create_task(ask())
        self._waiting += 1
        try:
            return await asyncio.shield(task)
        finally:
            self._waiting -= 1
            if not self._waiting and not task.done():
                task.cancel()
                await asyncio.wait([task])
