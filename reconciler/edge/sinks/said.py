"""What a command says, on its way to whoever watches: by line, bounded, the secret covered as far as `cover` can."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.core.secret import Secret
from reconciler.edge.sinks.cover import Cover

LINES = 100
WIDTH = 500
_LAST_WIDTH = 200
_LONGEST = 4 * 1024
"""What a line has beyond this is dropped unseen."""


class Said:
    """The lines that a command says."""

    def __init__(self, secret: Secret, tell: Callable[[str], None]) -> None:
        self._cover, self._tell = Cover(secret), tell
        self._begun = self._last = Secret("")  # nothing is covered yet
        self._lines = 0

    @property
    def last(self) -> str:
        """`: ` and the last line that says anything; nothing where nothing was said."""
        shown = self._covered(self._last)
        return f": {shown[:_LAST_WIDTH]}" if shown else ""

    def take(self, chunk: bytes) -> bool:
        """Tell the lines that are whole now. Always wants more: who writes must not be stopped by a full pipe."""
        *lines, begun = (Secret(line) for line in (self._begun.reveal() + chunk.decode("latin-1")).split("\n"))
        for line in lines:
            self._say(line)
        self._begun = Secret(begun.reveal()[:_LONGEST])
        return True

    def end(self) -> None:
        """Tell what is left without a line end."""
        self._say(self._begun)

    def _say(self, line: Secret) -> None:
        if not line.reveal().strip():
            return
        self._last = line
        self._lines += 1
        if self._lines <= LINES:
            self._tell(self._covered(line))
        elif self._lines == LINES + 1:
            self._tell("… (it says more than is shown)")

    def _covered(self, line: Secret) -> str:
        """The line as it may be shown."""
        text = line.reveal()[:_LONGEST].encode("latin-1").decode(errors="replace").strip()
        shown = self._cover.over(text)
        return f"{shown[:WIDTH]}…" if len(shown) > WIDTH else shown
