"""What a command reads on its stdin: in the pipe before there is a command, so that none ever reads part of it.

That goes for what fits into a pipe (16 KiB on macOS, 64 KiB on Linux); the rest of what is longer follows while the
command reads. One that closes its input early has had enough of it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from types import TracebackType
from typing import Self

from reconciler.core.secret import Secret


class Feed:
    """A pipe with a secret in it; a context manager, which closes what is open of it."""

    def __init__(self, secret: Secret) -> None:
        self._left = Secret(secret.reveal().encode().decode("latin-1"))

    def __enter__(self) -> Self:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.writer, False)
        self._open = {self.reader, self.writer}
        self.go_on()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for end in tuple(self._open):
            self._close(end)

    @property
    def is_done(self) -> bool:
        """Whether nothing follows."""
        return self.writer not in self._open

    def hand_over(self) -> None:
        """The command has its own copy of the end to read from now."""
        self._close(self.reader)

    def go_on(self) -> None:
        """Put into the pipe what goes in; closed is what is done."""
        try:
            with suppress(BlockingIOError):
                written = os.write(self.writer, self._left.reveal().encode("latin-1"))
                self._left = Secret(self._left.reveal()[written:])
        except BrokenPipeError:
            self._left = Secret("")
        if not self._left.reveal():
            self._close(self.writer)

    def _close(self, end: int) -> None:
        self._open.discard(end)
        os.close(end)
