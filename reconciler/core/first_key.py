"""The first key that manages a project's other keys: an ordinary, unmanaged key, asked for once by `bootstrap`."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass, field

from reconciler.core.desired import Expiry, expires
from reconciler.core.keys import MAX_KEYS, KeyState, Listing, ServerFacts
from reconciler.core.names import MAX_NAME
from reconciler.core.quoting import quoted
from reconciler.core.suggest import did_you_mean
from reconciler.core.times import show_instant
from reconciler.errors import GuardError, UsageError

NAME = "Reconciler"
SCOPES = frozenset({"keys.read", "keys.write"})
LIFE = "90d"
"""What is suggested: long enough to be set up, short enough to be thought of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstKey:
    """What is asked for."""

    name: str = NAME
    scopes: frozenset[str] = SCOPES
    expiry: Expiry


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The key as it is now, without its secret. `may_create` says whether the server lets it create keys, None where
    that is not known.
    """

    key_id: str
    project: str
    state: KeyState
    may_create: bool | None = field(default=None)


def new_id(entropy: bytes) -> str:
    """An id that no other key has and no manifest would give; `entropy` are ten random bytes."""
    return f"reconciler-{base64.b32encode(entropy).decode().lower()}"


def state_of(wanted: FirstKey, facts: ServerFacts, listing: Listing) -> KeyState:
    """The key that is asked for, as it will be; raises where it could not be used."""
    _check(wanted, facts.scopes)
    if len(listing.keys) >= MAX_KEYS:
        raise GuardError(
            f"the project has {len(listing.keys):,} keys, and Appwrite accepts the {MAX_KEYS:,} oldest: a new one "
            "would not work",
            hint="delete keys that nobody uses; expired ones count too",
        )
    expire = expires(wanted.expiry, listing.now)
    if expire is not None and expire <= listing.now:
        raise UsageError(f"--expire {show_instant(expire)} is in the past", hint="by the server's clock; try 90d")
    return KeyState(name=wanted.name, scopes=wanted.scopes, expire=expire)


def _check(wanted: FirstKey, known: Collection[str] | None) -> None:
    if not 1 <= len(wanted.name) <= MAX_NAME:
        raise UsageError(f"--name has {len(wanted.name)} characters", hint=f"Appwrite takes 1 to {MAX_NAME}")
    for scope in sorted(wanted.scopes.difference(wanted.scopes if known is None else known)):
        hint = did_you_mean(scope, known or ()) or "`reconciler scopes -e ENVIRONMENT` lists them all"
        raise UsageError(f"scope {quoted(scope)} is unknown to this server", hint=hint)
