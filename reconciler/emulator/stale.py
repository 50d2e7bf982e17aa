"""Projects whose keys authenticate as they were a while ago, as the cache of 1.9.x now and then has it.

A genuine write empties that cache, and a reader that was under way may fill it with what it read before.
The next write to the project ends it.
"""

from __future__ import annotations

from datetime import datetime

from reconciler.emulator.store import Key, Store


class StaleProjects:
    """What was kept of projects; nothing, unless a fault keeps it."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[datetime, dict[str, Key]]] = {}

    def keep(self, project_id: str, keys: dict[str, Key], until: datetime) -> None:
        """Let these keys authenticate, and no others, until then."""
        self._kept[project_id] = (until, keys)

    def forget(self, project_id: str) -> None:
        """Let the project's keys authenticate as they are."""
        self._kept.pop(project_id, None)

    def authenticating_key(self, store: Store, project_id: str, secret: str, now: datetime) -> Key | None:
        """The key of that secret, if it is one of the first 1,000."""
        until, keys = self._kept.get(project_id, (now, {}))
        return keys.get(secret) if now < until else store.authenticating_key(project_id, secret)
