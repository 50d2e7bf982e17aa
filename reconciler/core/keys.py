"""Keys as a server holds them, and what is known of the server itself.

Only name, scopes, expiry and (where the server keeps one) description are ever compared: Appwrite moves `$updatedAt`
when a key is used, so it says nothing. Scopes compare as sets and times as instants; `""`, null and absent all mean
never.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.core.secret import Secret

MAX_KEYS = 1000
"""Keys of one project, expired ones included, that Appwrite lets authenticate, oldest first
(APP_LIMIT_SUBQUERY)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """The part of a key that a manifest declares; `expire` None means never, `description` is empty for none, and on
    servers that keep none.
    """

    name: str
    scopes: frozenset[str]
    expire: datetime | None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveKey:
    """A key as listed. `scopes` in the server's order; `secret` None where the server hides it;
    `accessed` moves at most once in 24 hours, so it tells a day, not a moment.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    expire: datetime | None
    created: datetime
    accessed: datetime | None = None
    description: str | None = None
    secret: Secret | None = field(default=None, repr=False, compare=False)

    @property
    def state(self) -> KeyState:
        """What is compared with the manifest."""
        return KeyState(
            name=self.name, scopes=frozenset(self.scopes), expire=self.expire, description=self.description or ""
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Every key of one project in the order of creation, and the server's own time (its Date header)."""

    keys: tuple[LiveKey, ...]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server says of itself without a credential; None where it does not say.

    `scopes` is `GET /v1/console/scopes/project`, `version` is `GET /v1/health/version`.
    """

    version: str | None = None
    scopes: frozenset[str] | None = None

    @property
    def may_serve_stale_keys(self) -> bool:
        """Servers before 2.0 may keep an old project cache until the next write; an unknown version
        counts.
        """
        return self._release < (2, 0)

    @property
    def keeps_descriptions(self) -> bool:
        """Servers from 2.6 on keep a key's description; older ones drop it without a word."""
        return self._release >= (2, 6)

    @property
    def _release(self) -> tuple[int, int]:
        """Major and minor number of the version; (0, 0) where it is not known."""
        match = re.match(r"(\d+)\.(\d+)", self.version or "")
        return (int(match[1]), int(match[2])) if match else (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One project as it is: its keys, its time, its server, and which ids the credential in use has or may
    have.
    """

    keys: tuple[LiveKey, ...]
    now: datetime
    facts: ServerFacts = ServerFacts()
    own: frozenset[str] = frozenset()


def own_ids(keys: Iterable[LiveKey], credential: Secret | None) -> frozenset[str]:
    """Ids of the keys that are, or may be, the credential of this run.

    `credential` is None for sessions and organization keys, which no list of keys holds. Where the server
    hides secrets, every key with `keys.write` may be it.
    """
    if credential is None:
        return frozenset()
    return frozenset(key.id for key in keys if (key.secret == credential if key.secret else "keys.write" in key.scopes))
