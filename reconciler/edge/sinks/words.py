"""A service's own words, as they may stand in a message: on one line, cut short, and without what was sent."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.quoting import clean
from reconciler.core.secret import Secret


def showable(words: str, secrets: Iterable[Secret], longest: int) -> str:
    """The words; nothing where one of the secrets is among them."""
    line = " ".join(words.split())
    return "" if any(secret.reveal() in line for secret in secrets) else clean(line)[:longest]
