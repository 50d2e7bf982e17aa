"""A word on stderr now and then while no server answers: a program that is silent for minutes looks dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.cli import console

SECONDS = 10.0
"""Between two words, and before the first."""


@contextmanager
def patiently(ctrl_c: str) -> Iterator[Callable[[], None]]:
    """Tell how long nothing has come back, and what Ctrl-C does; call the function when something has.

    Use it inside the running loop, which must be free to run.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def tell(times: int) -> None:
        nonlocal timer
        console.note(f"still waiting for an answer ({times * SECONDS:g} s); Ctrl-C {ctrl_c}")
        timer = loop.call_later(SECONDS, tell, times + 1)

    def heard() -> None:
        nonlocal timer
        timer.cancel()
        timer = loop.call_later(SECONDS, tell, 1)

    timer = loop.call_later(SECONDS, tell, 1)
    try:
        yield heard
    finally:
        timer.cancel()
