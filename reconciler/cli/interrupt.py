"""Ctrl-C and SIGTERM: the first lets what is in flight finish, and nothing is sent again; the second ends the process
at once.

Both are safe: an apply may be killed at any moment.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli import console

if TYPE_CHECKING:
    import asyncio

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interruptible(stop: asyncio.Event) -> Iterator[None]:
    """The first signal sets `stop`; use it inside the running loop."""
    import asyncio

    loop = asyncio.get_running_loop()

    def interrupt(number: signal.Signals) -> None:
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        stop.set()
        console.note("Interrupted: finishing what is in flight. Once more to stop at once.")

    for each in _SIGNALS:
        loop.add_signal_handler(each, interrupt, each)
    try:
        yield
    finally:
        for each in _SIGNALS:
            loop.remove_signal_handler(each)


@contextmanager
def plain_ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt at once, also inside asyncio.run, which would wait for the loop."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
