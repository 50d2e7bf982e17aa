"""Covers a secret in what somebody else says.

Twelve characters of it in a row, or of its base64, are the secret: whoever speaks may have folded it, or encoded it. In
shorter pieces, or another encoding, it is not known again: this is for mishaps, and stops nobody who means to show it.
"""

from __future__ import annotations

import base64

from reconciler.core.quoting import clean, redacted
from reconciler.core.secret import REDACTED, Secret

_PART = 12


class Cover:
    """What one secret may look like."""

    def __init__(self, secret: Secret) -> None:
        self._secret = secret
        coded = (base64.b64encode(b"-" * lead + secret.reveal().encode(errors="surrogateescape")) for lead in range(3))
        # Behind no, one and two other bytes, without what those and what follows would change.
        self._forms = (secret, *(Secret(text.decode()[4 * bool(lead) : -4]) for lead, text in enumerate(coded)))

    def over(self, text: str) -> str:
        """The text on one line, as it may be shown."""
        shown = clean(text.replace(self._secret.reveal(), REDACTED))
        return REDACTED if any(_shares_a_part(shown, form) for form in self._forms) else redacted(shown)


def _shares_a_part(text: str, secret: Secret) -> bool:
    whole = secret.reveal()
    return any(whole[at : at + _PART] in text for at in range(len(whole) - _PART + 1))
