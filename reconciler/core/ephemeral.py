"""What an ephemeral key may hold, and how long it lives: never more than the manifest grants, unless told.

The rules:
- The scopes of one declared key of the environment, or some of them. Never those of several keys together: nobody has
  read and approved the sum.
- A declared key whose expiry has come grants nothing more, and no ephemeral key outlives it.
- A key that may manage keys is a way around both, so sensitive scopes are always asked for by the flag, whoever else
  holds them.
- Nothing takes such a key back: it lives as long as asked for, and an hour at most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.core.desired import At, Desired, DesiredKey
from reconciler.core.quoting import one_of, quoted
from reconciler.core.scopes import SENSITIVE, Fault, Vocabulary
from reconciler.core.secret import Secret
from reconciler.core.suggest import did_you_mean
from reconciler.core.times import show_instant
from reconciler.errors import GuardError, UsageError

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(hours=1)
"""What Appwrite accepts."""

FLAG = "--allow-wider"
_LIFETIME = re.compile(r"([1-9][0-9]{0,4})([smh])")
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants an ephemeral key for: the scopes of a declared key, `like` its name, or scopes by name."""

    like: str | None = None
    scopes: frozenset[str] = frozenset()
    lifetime: timedelta = timedelta(minutes=15)
    allow_wider: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """The scopes of an ephemeral key, and when the manifest ends what it grants; None for never."""

    scopes: frozenset[str]
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EphemeralKey:
    """A key that no list shows and nobody can delete; `expire` by the server's clock."""

    scopes: frozenset[str]
    expire: datetime
    secret: Secret = field(repr=False)


def parse_lifetime(text: str) -> timedelta:
    """`90s`, `15m` or `1h`, between a second and an hour; raises ValueError."""
    match = _LIFETIME.fullmatch(text)
    if match is None:
        raise ValueError(f"{quoted(text)} is not a duration such as 90s, 15m or 1h")
    lifetime = int(match[1]) * _UNITS[match[2]]
    if lifetime > LONGEST:
        raise ValueError(f"{quoted(text)} is too long: Appwrite lets an ephemeral key live for an hour at most")
    return lifetime


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
        return Grant(scopes=scopes, until=None)
    if sensitive := scopes & SENSITIVE:
        raise GuardError(
            f"an ephemeral key with {one_of(sorted(sensitive))} could make keys, or read their secrets, and outlive "
            "its hour by them",
            hint=f"leave out what is not needed, or pass {FLAG}",
        )
    if not granting:
        raise _wider(desired, scopes)
    return Grant(scopes=scopes, until=_until(granting))


def check_end(granted: Grant, expire: datetime, environment: str) -> None:
    """Raise GuardError where an ephemeral key would outlive what the manifest grants."""
    if granted.until is not None and expire > granted.until:
        raise GuardError(
            f"{environment}: what the manifest grants ends at {show_instant(granted.until)}, and the key would live "
            f"until {show_instant(expire.replace(microsecond=0))}",
            hint=f"pass a shorter --duration, give the declared key a later expire, or pass {FLAG}",
        )


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


def _until(granting: Iterable[DesiredKey]) -> datetime | None:
    """When the last of several keys ends by its declared time; None where one has no such time."""
    ends = [key.expiry.instant if isinstance(key.expiry, At) else None for key in granting]
    times = [end for end in ends if end is not None]
    return max(times) if len(times) == len(ends) else None
