"""What a command says, on its way to whoever watches: line by line, bounded, and with the secret covered.

Twelve characters of the secret in a row, or of its base64, are the secret: a command may fold it, or encode it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from reconciler.core.quoting import clean, redacted
from reconciler.core.secret import REDACTED, Secret

LINES = 100
WIDTH = 500
_LAST_WIDTH = 200
_PART = 12
_LONGEST = 4 * 1024
"""What a line has beyond this is dropped unseen."""


class Said:
    """The lines that a command says."""

    def __init__(self, secret: Secret, tell: Callable[[str], None]) -> None:
        self._secret, self._tell = secret, tell
        self._forms = _forms(secret)
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
        shown = clean(text.replace(self._secret.reveal(), REDACTED))
        if any(_shares_a_part(shown, form) for form in self._forms):
            return REDACTED
        return redacted(f"{shown[:WIDTH]}…" if len(shown) > WIDTH else shown)


def _forms(secret: Secret) -> tuple[Secret, ...]:
    """The secret, and its base64 behind no, one and two other bytes, without what those change."""
    coded = (base64.b64encode(b"-" * lead + secret.reveal().encode()).decode() for lead in range(3))
    return (secret, *(Secret(text[4 * bool(lead) : -4]) for lead, text in enumerate(coded)))


def _shares_a_part(text: str, secret: Secret) -> bool:
    whole = secret.reveal()
    return any(whole[at : at + _PART] in text for at in range(len(whole) - _PART + 1))
