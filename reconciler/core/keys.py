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
from functools import lru_cache

from reconciler.core.credential import CredentialInUse
from reconciler.core.secret import Secret

MAX_KEYS = 1000
"""Keys of one project, expired ones included, that Appwrite lets authenticate, oldest first
(APP_LIMIT_SUBQUERY)."""

_ONLY_SINCE_DENIAL = "embeddings.write"
"""A scope that came days before project keys lost the right to create keys, and is in no release before 2.0."""


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
    `accessed` moves at most once in 24 hours, so it tells a day, not a moment. `sdks` are the families of Appwrite's
    SDKs that have ever used it, as far as the server knows them.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    expire: datetime | None
    created: datetime
    accessed: datetime | None = None
    sdks: tuple[str, ...] = ()
    description: str | None = None
    secret: Secret | None = field(default=None, repr=False, compare=False)

    @property
    def state(self) -> KeyState:
        """What is compared with the manifest."""
        return KeyState(
            name=self.name, scopes=frozenset(self.scopes), expire=self.expire, description=self.description or ""
        )

    def has_ended(self, now: datetime) -> bool:
        """Whether the server refuses the key's secret since its expiry."""
        return self.expire is not None and self.expire <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Every key of one project in the order of creation, and the server's own time (its Date header).

    `by_organization` says whether the routes of organizations gave it; None where they were not asked.
    """

    keys: tuple[LiveKey, ...]
    now: datetime
    by_organization: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server says of itself without a credential, and what follows from it; None where it is not known.

    `scopes` is `GET /v1/console/scopes/project`, `version` is `GET /v1/health/version`. `organization_routes` are found
    by whoever lists with an organization key.
    """

    version: str | None = None
    scopes: frozenset[str] | None = None
    organization_routes: bool | None = None

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
    def has_key_routes(self) -> bool:
        """Whether keys of a project can be managed by its routes: since 1.9.5."""
        return self._release >= (1, 9, 5)

    @property
    def project_keys_create(self) -> bool | None:
        """Whether a key of a project may create keys.

        Since 2.0 it may not. Version 1.9.6 may be the release, where it may, or the main branch before 2.0, where it
        may not: only the main branch knows the scope embeddings.write.
        """
        if self._release >= (2, 0) or (self.scopes and _ONLY_SINCE_DENIAL in self.scopes):
            return False
        return True if self.scopes is not None and (1, 9, 5) <= self._release < (1, 9, 10) else None

    @property
    def is_hardened(self) -> bool:
        """Whether secrets are shown once only, and no key may give more than it holds: 2.6.2, 1.9.10 and newer."""
        return self._release >= (2, 6, 2) or (1, 9, 10) <= self._release < (2, 0)

    @property
    def _release(self) -> tuple[int, int, int]:
        return _numbers(self.version or "")


@lru_cache(maxsize=64)
def _numbers(version: str) -> tuple[int, int, int]:
    """The numbers of a version; zeros where it is not known. Remembered, for a plan asks once for each change."""
    match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", version)
    return (int(match[1]), int(match[2]), int(match[3] or 0)) if match else (0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """One project as it is: its keys, its time, its server, the credential in use, and which ids that has or may
    have.
    """

    keys: tuple[LiveKey, ...]
    now: datetime
    facts: ServerFacts = ServerFacts()
    own: frozenset[str] = frozenset()
    credential: CredentialInUse | None = None

    @property
    def hides_secrets(self) -> bool:
        """Whether the server shows a secret at the creation only: told from its keys, else from its version."""
        return any(key.secret is None for key in self.keys) if self.keys else self.facts.is_hardened


def own_ids(keys: Iterable[LiveKey], credential: Secret | None, named: str | None = None) -> frozenset[str]:
    """Ids of the keys that are, or may be, the credential of this run.

    `credential` is None for sessions and organization keys, which no list of keys holds. Where the server hides secrets
    every key with `keys.write` may be it, unless the id that the manifest names is among them: `credential: {id}`.
    """
    if credential is None:
        return frozenset()
    by_id = {key.id: key for key in keys}
    certain = {key.id for key in by_id.values() if key.secret is not None and key.secret == credential}
    certain |= {key_id for key_id in by_id if named is not None and key_id.lower() == named.lower()}
    if certain:
        return frozenset(certain)
    return frozenset(key.id for key in by_id.values() if key.secret is None and "keys.write" in key.scopes)
