"""Ctrl-C and SIGTERM: the first lets what is in flight finish, and nothing is sent again; the second ends the process
at once.

Both are safe: an apply may be killed at any moment.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli import console

if TYPE_CHECKING:
    import asyncio

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_ENDINGS = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def interruptible(stop: asyncio.Event, last_words: Callable[[], None]) -> Iterator[None]:
    """The first signal sets `stop`, and before the second ends the process it says its last words; use it inside the
    running loop.
    """
    import asyncio

    loop = asyncio.get_running_loop()

    def interrupt(number: signal.Signals) -> None:
        if stop.is_set():
            last_words()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        stop.set()
        console.note("Interrupted: finishing what is in flight. Once more to stop at once.")

    before = {each: signal.getsignal(each) for each in _SIGNALS}
    for each in _SIGNALS:
        loop.add_signal_handler(each, interrupt, each)
    try:
        yield
    finally:
        for each in _SIGNALS:
            loop.remove_signal_handler(each)
            signal.signal(each, before[each])


@contextmanager
def tidied_up() -> Iterator[None]:
    """SIGTERM and a terminal that goes away end what is inside as Ctrl-C does, so that it can log out; use it inside
    the running loop.
    """
    import asyncio

    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    ended = False

    def end(_number: int, _frame: object) -> None:
        nonlocal ended
        if task is not None and not ended:
            ended = True
            loop.call_soon_threadsafe(task.cancel)

    signals = [each for each in _ENDINGS if signal.getsignal(each) is not signal.SIG_IGN]  # such as by nohup
    before = {each: signal.signal(each, end) for each in signals}
    try:
        yield
    except asyncio.CancelledError:
        if ended:
            raise KeyboardInterrupt from None
        raise
    finally:
        for each in signals:
            signal.signal(each, before[each])


@contextmanager
def plain_ctrl_c() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt at once, also inside asyncio.run, which would wait for the loop; so does what
    else `tidied_up` listens to.
    """
    heard = [each for each in _ENDINGS if signal.getsignal(each) not in {signal.SIG_DFL, signal.SIG_IGN}]
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGINT, *heard)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
