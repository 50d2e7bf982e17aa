"""Two runs whose calls reach the server in an order that the test chooses."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from itertools import chain, cycle
from typing import Any

from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send

_SETTLES = 60
"""Rounds of the event loop after which a run that does not wait for anybody has sent its next call."""


class Turns:
    """Lets one waiting call through at a time; only where nothing waits on threads or the clock."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[asyncio.Event]] = {}

    def line(self, runner: int, app: ASGIApp) -> ASGIApp:
        """The application as one of the runs reaches it."""

        async def wait_and_go(scope: Scope, receive: Receive, send: Send) -> None:
            turn = asyncio.Event()
            self._waiting.setdefault(runner, []).append(turn)
            await turn.wait()
            await app(scope, receive, send)

        return wait_and_go

    async def take(self, runs: Iterable[Coroutine[Any, Any, Any]], order: Iterable[int]) -> list[Any]:
        """The results of the runs; `order` names, call by call, whose is next, as long as both are waiting;
        after that they take turns.
        """
        tasks = [asyncio.create_task(run) for run in runs]
        choices = chain(order, cycle((0, 1)))
        while not all(task.done() for task in tasks):
            for _ in range(_SETTLES):
                await asyncio.sleep(0)
            runners = sorted(runner for runner, turns in self._waiting.items() if turns)
            if runners:
                wanted = next(choices)
                self._waiting[wanted if wanted in runners else runners[0]].pop(0).set()
        return [await task for task in tasks]
