"""What an ephemeral key may hold: never more than the manifest grants, unless told.

The rules:
- The scopes of one declared key of the environment, or some of them. Never those of several keys together: nobody has
  read and approved the sum.
- A declared key whose expiry has come grants nothing more, and no ephemeral key outlives one (`core.lifetime`).
- A key that may manage keys is a way around both, so sensitive scopes are always asked for by the flag, whoever else
  holds them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.core.desired import Desired, DesiredKey
from reconciler.core.lifetime import FLAG, UNBOUNDED, Bounds, bounds_of
from reconciler.core.quoting import one_of, quoted
from reconciler.core.scopes import SENSITIVE, Fault, Vocabulary
from reconciler.core.secret import Secret
from reconciler.core.suggest import did_you_mean
from reconciler.errors import GuardError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants an ephemeral key for: the scopes of a declared key, `like` its name, or scopes by name.

    `lifetime` None means a quarter of an hour, or less where less is granted.
    """

    like: str | None = None
    scopes: frozenset[str] = frozenset()
    lifetime: timedelta | None = None
    allow_wider: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The scopes of an ephemeral key, and the bounds of its life."""

    scopes: frozenset[str]
    bounds: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class EphemeralKey:
    """A key that no list shows and nobody can delete; `expire` by the server's clock."""

    scopes: frozenset[str]
    expire: datetime
    secret: Secret = field(repr=False)


def grant(desired: Desired, asked: Asked, vocabulary: Vocabulary) -> Grant:
    """What an ephemeral key gets; raises UsageError for what does not exist, GuardError for what is wider."""
    granting: tuple[DesiredKey, ...]
    if asked.like is not None:
        granting = (_declared(desired, asked.like),)
        scopes = granting[0].scopes
    else:
        _check_known(asked.scopes, vocabulary)
        scopes = asked.scopes
        granting = tuple(key for key in desired.keys if scopes <= key.scopes)
    if asked.allow_wider:
        return Grant(scopes=scopes, bounds=UNBOUNDED)
    if sensitive := scopes & SENSITIVE:
        raise GuardError(
            f"an ephemeral key with {one_of(sorted(sensitive))} could make keys, or read their secrets, and outlive "
            "its hour by them",
            hint=f"leave out what is not needed, or pass {FLAG}",
        )
    if not granting:
        raise _wider(desired, scopes)
    return Grant(scopes=scopes, bounds=bounds_of(key.expiry for key in granting))


def name_of(key: DesiredKey) -> str:
    """A declared key's name in the manifest."""
    return key.address.rpartition("/")[2]


def _declared(desired: Desired, name: str) -> DesiredKey:
    by_name = {name_of(key): key for key in desired.keys}
    if name in by_name:
        return by_name[name]
    environment = desired.realm.environment
    raise UsageError(
        f"{environment} declares no key {quoted(name)}",
        hint=did_you_mean(name, by_name) or (f"it has {one_of(sorted(by_name))}" if by_name else "it declares none"),
    )


def _check_known(scopes: Iterable[str], vocabulary: Vocabulary) -> None:
    for scope in sorted(scopes):
        if scope not in vocabulary.known:
            judged = vocabulary.judge(scope)
            if isinstance(judged, Fault):
                raise UsageError(judged.message, hint=judged.hint)
            raise UsageError(f"{quoted(scope)} is no scope but a glob", hint="name each scope that the command needs")


def _wider(desired: Desired, scopes: frozenset[str]) -> GuardError:
    """Who comes nearest, and what is missing there."""
    environment = desired.realm.environment
    named = ", ".join(sorted(scopes))
    if not desired.keys:
        return GuardError(f"{environment} declares no key, so nothing grants {named}", hint=f"declare one, or {FLAG}")
    nearest = min(desired.keys, key=lambda key: (len(scopes - key.scopes), key.address))
    lacking = ", ".join(sorted(scopes - nearest.scopes))
    return GuardError(
        f"no key of {environment} is granted all of {named}; {quoted(name_of(nearest))} comes nearest and lacks "
        f"{lacking}",
        hint=f"ask for less, grant it to a key in the manifest, or pass {FLAG}",
    )
