"""The marks that reconciler itself puts behind a key's name, in what Appwrite's Console shows."""

from __future__ import annotations

MAX_NAME = 128
"""Characters of a key's name that Appwrite takes."""


def marked(name: str, suffix: str) -> str:
    """The name with a mark behind it, once, cut where it would be too long."""
    return name if name.endswith(suffix) else name[: MAX_NAME - len(suffix)] + suffix
