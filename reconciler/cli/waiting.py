"""A word on stderr now and then while no server answers: a program that is silent for minutes looks dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli import console

if TYPE_CHECKING:
    from reconciler.app.beside import Waiting
    from reconciler.core.beside import InHand

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


def waiting_told(heard: Callable[[], None]) -> Waiting:
    """What tells of other runs that are waited for: at once, and then now and then, or when it is for other keys.

    `heard` is called each time, for the server has answered.
    """
    import time

    told_of: frozenset[str] = frozenset()
    told_at = 0.0

    def tell(waited: Sequence[InHand]) -> None:
        nonlocal told_of, told_at
        heard()
        keys = frozenset(each.key_id for each in waited)
        if keys <= told_of and time.monotonic() - told_at < SECONDS:
            return
        told_of, told_at = told_of | keys, time.monotonic()
        more = f" and {len(waited) - 1} more" if len(waited) > 1 else ""
        console.note(f"waiting for another run: it has {waited[0].address}{more} in hand; Ctrl-C ends the wait")

    return tell
