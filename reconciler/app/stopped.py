"""How a change ends otherwise than applied."""

from __future__ import annotations

from reconciler.core.outcome import Status

AGAIN = "run apply again"


class Stopped(Exception):
    """A change that was not applied, and what the report says of it."""

    def __init__(self, status: Status, message: str, hint: str = AGAIN) -> None:
        super().__init__(message)
        self.status, self.message, self.hint = status, message, hint

    def adding(self, *more: str) -> Stopped:
        """The same, with more to say."""
        return Stopped(self.status, "; ".join((self.message, *more)), self.hint)
