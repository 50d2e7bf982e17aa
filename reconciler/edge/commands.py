"""Commands of the user's: how one is read, fed meanwhile, and ended.

- No shell: the program gets its arguments as they are written, and runs in the manifest's folder.
- A child of its own that keeps the output open is not waited for.
- Whoever reads decides what becomes of the output; nothing here keeps any.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

from reconciler.core.secret import Secret
from reconciler.edge.feed import Feed

CHUNK = 64 * 1024
_GLANCE = 0.1
_LAST_WORDS = 2.0

Take = Callable[[bytes], bool]
"""Gets each part of the output; False where it has seen enough."""


class Output:
    """What a command writes, up to a limit and one part more."""

    def __init__(self, most: int) -> None:
        self.text = Secret("")
        self._most = most

    @property
    def is_too_long(self) -> bool:
        """Whether it is more than the limit."""
        return len(self.text.reveal()) > self._most

    def take(self, chunk: bytes) -> bool:
        """Keep a part, as latin-1; whether there may be more."""
        self.text = Secret(self.text.reveal() + chunk.decode("latin-1"))
        return not self.is_too_long


def follow(process: subprocess.Popen[bytes], take: Take, seconds: float, feed: Feed | None = None) -> bool:
    """Read what a process writes until it ends, and feed it meanwhile; False where it has not ended in time.

    Ends earlier where `take` has had enough.
    """
    deadline = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        pipes = _Pipes(process, selector, take, feed)
        while (left := deadline - time.monotonic()) > 0:
            ended = process.poll() is not None
            if pipes.quiet(0 if ended else min(left, _GLANCE)) and ended:
                return True
            if pipes.enough or (ended and pipes.read >= CHUNK):  # a child of its own may go on writing for ever
                return True
            if pipes.closed:
                return _ended(process, deadline)
    return False


class _Pipes:
    """The pipes to and from a process; `read` counts the bytes so far."""

    def __init__(
        self, process: subprocess.Popen[bytes], selector: selectors.BaseSelector, take: Take, feed: Feed | None
    ) -> None:
        assert process.stdout is not None
        self._output = process.stdout
        self._selector, self._take, self._feed = selector, take, feed
        self.enough = False
        self.read = 0
        selector.register(self._output, selectors.EVENT_READ)
        if feed is not None and not feed.is_done:
            selector.register(feed.writer, selectors.EVENT_WRITE)

    @property
    def closed(self) -> bool:
        """Whether nothing is left to read nor to feed."""
        return not self._selector.get_map()

    def quiet(self, seconds: float) -> bool:
        """Move what can be moved now or that soon; whether there was nothing to read."""
        ready = [key.fileobj for key, _ in self._selector.select(seconds)]
        if self._feed is not None and self._feed.writer in ready:
            self._go_on(self._feed)
        if self._output not in ready:
            return True
        chunk = os.read(self._output.fileno(), CHUNK)
        self.read += len(chunk)
        if not chunk:
            self._selector.unregister(self._output)
        elif not self._take(chunk):
            self.enough = True
        return False

    def _go_on(self, feed: Feed) -> None:
        feed.go_on()
        if feed.is_done:
            self._selector.unregister(feed.writer)


def _ended(process: subprocess.Popen[bytes], deadline: float) -> bool:
    """Whether it ends in time, now that it has closed its output."""
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process that leads a group, and all in it: asked first, so that it can clear up, then made to."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_LAST_WORDS)


def ending(code: int) -> str:
    """How a process ended that did not succeed, in words."""
    if code > 0:
        return f"exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
