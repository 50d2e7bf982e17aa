"""Turns of one run's own writers: by name, so that they wait instead of getting in each other's way."""

from __future__ import annotations

from collections import defaultdict
from threading import Lock


class Turns:
    """The locks, each made when it is first asked for; good for any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._turns: defaultdict[str, Lock] = defaultdict(Lock)

    def of(self, name: str) -> Lock:
        """To be held while what has that name is changed."""
        with self._lock:
            return self._turns[name]
