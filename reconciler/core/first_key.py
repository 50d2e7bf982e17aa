"""The first key that manages a project's other keys: an ordinary, unmanaged key, asked for once by `bootstrap`."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from reconciler.core.desired import Expiry, expires
from reconciler.core.keys import MAX_KEYS, KeyState, Listing, LiveKey, ServerFacts
from reconciler.core.names import MAX_NAME
from reconciler.core.probation import is_on_probation
from reconciler.core.quoting import one_of, quoted
from reconciler.core.secret import Secret
from reconciler.core.suggest import did_you_mean
from reconciler.core.times import show_instant
from reconciler.errors import GuardError, UsageError

NAME = "Reconciler"
SCOPES = frozenset({"keys.read", "keys.write"})
LIFE = "90d"
"""What is suggested: long enough to be set up, short enough to be thought of."""

_ID = re.compile(r"reconciler-[a-z2-7]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstKey:
    """What is asked for."""

    name: str = NAME
    scopes: frozenset[str] = SCOPES
    expiry: Expiry


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """The key as it is now, without its secret. `may_create` says whether the server lets it create keys, None where
    that is not known; `finished` tells that an earlier run had begun it.
    """

    key_id: str
    project: str
    state: KeyState
    may_create: bool | None = field(default=None)
    finished: bool = False


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


def begun(listing: Listing, held: Secret) -> LiveKey | None:
    """The key that a run which was stopped handed over and did not finish, found by its secret; None where there is
    none, or where the server does not show.
    """
    return next((key for key in _unfinished(listing) if key.secret == held), None)


def about_held(listing: Listing, held: Secret) -> str:
    """What to do about a place that holds a secret which nobody may overwrite; empty where nothing is known of it.

    Whether the server accepts that secret is not asked: it may be another server's.
    """
    owner = next((key for key in listing.keys if key.secret == held), None)
    if owner is not None:
        return f"it holds the secret of key {owner.id} ({quoted(owner.name)}): use that, or name another file"
    hidden = [key.id for key in _unfinished(listing) if key.secret is None]
    if not hidden:
        return ""
    return (
        f"it may hold the secret of key {one_of(hidden)}, which a run that was stopped did not finish, and the server "
        "does not tell. If so, delete that key in the Appwrite Console and the file here, and run this again; else "
        "name another file"
    )


def _unfinished(listing: Listing) -> list[LiveKey]:
    """Keys that runs of this command have made and not committed."""
    return [key for key in listing.keys if _ID.fullmatch(key.id) and is_on_probation(key)]


def _check(wanted: FirstKey, known: Collection[str] | None) -> None:
    if not 1 <= len(wanted.name) <= MAX_NAME:
        raise UsageError(f"--name has {len(wanted.name)} characters", hint=f"Appwrite takes 1 to {MAX_NAME}")
    for scope in sorted(wanted.scopes.difference(wanted.scopes if known is None else known)):
        hint = did_you_mean(scope, known or ()) or "`reconciler scopes -e ENVIRONMENT` lists them all"
        raise UsageError(f"scope {quoted(scope)} is unknown to this server", hint=hint)
