"""How a change ends otherwise than applied."""

from __future__ import annotations

from reconciler.core.keys import LiveKey
from reconciler.core.outcome import Status

AGAIN = "run it again"


class Stopped(Exception):
    """A change that was not applied, and what the report says of it. `left` is a key of this run that lives on although
    its secret did not arrive.
    """

    def __init__(self, status: Status, message: str, hint: str = AGAIN, *, left: LiveKey | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.hint, self.left = status, message, hint, left

    def adding(self, *more: str) -> Stopped:
        """The same, with more to say."""
        return Stopped(self.status, "; ".join((self.message, *more)), self.hint, left=self.left)

    def leaving(self, key: LiveKey) -> Stopped:
        """The same, with a key that lives on."""
        return Stopped(self.status, self.message, self.hint, left=key)


class InAnothersHands(Stopped):
    """A change that a run beside this one is making, or has made, to the key `key_id`."""

    def __init__(self, status: Status, message: str, hint: str = AGAIN, *, key_id: str) -> None:
        super().__init__(status, message, hint)
        self.key_id = key_id
