"""Ids of keys and the ownership that is read off them: `{slug}.{tag}.g{generation}`, at most 36 characters.

Appwrite's key ids are unique per server without regard to case, and a live key carries nothing but id, name,
scopes and expiry. So the id itself says who owns it: the tag is a hash over owner, environment, project and slug.
A live key is owned when its id parses and its tag recomputes. No state, label or ledger is needed.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache

_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?")
_ID = re.compile(r"([a-z0-9](?:[a-z0-9-]{0,20}[a-z0-9])?)\.([a-z2-7]{8})\.g([1-9a-z][0-9a-z]?)")
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
MAX_GENERATION = 36 * 36 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Realm:
    """What ownership is judged within: the manifest's owner, an environment's name and its project's id."""

    owner: str
    environment: str
    project: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedId:
    """An id that carries a realm's mark; generations count from 1."""

    slug: str
    generation: int


def _hash(text: str) -> str:
    """The first eight characters of the hash in base32: they stand for five bytes, and ids need no more."""
    return base64.b32encode(hashlib.sha256(text.encode()).digest()[:5]).decode().lower()


def slug(name: str) -> str:
    """The part of the id that people recognise: the key's name, or its start and a hash where it does not fit."""
    if _SLUG.fullmatch(name):
        return name
    start = re.sub(r"[^a-z0-9-]+", "-", name.lower())[:15].strip("-")
    return f"{start}-{_hash(name)[:6]}"


@lru_cache(maxsize=32_768)
def tag(realm: Realm, slug: str) -> str:
    """Eight base32 characters that mark a slug as one realm's."""
    return _hash("\0".join(("v1", realm.owner, realm.environment, realm.project, slug)))


def key_id(realm: Realm, slug: str, generation: int = 1) -> str:
    """The id of a slug's n-th generation; raises ValueError outside 1..1295."""
    return f"{slug}.{tag(realm, slug)}.g{base36(generation)}"


def base36(generation: int) -> str:
    """A generation as ids write it, such as `a` for the tenth. Raises ValueError beyond the last."""
    if not 1 <= generation <= MAX_GENERATION:
        raise ValueError(f"generation {generation} is not between 1 and {MAX_GENERATION}")
    high, low = divmod(generation, 36)
    return f"{_DIGITS[high] if high else ''}{_DIGITS[low]}"


def next_id(key_id: str) -> str:
    """The id of the generation after a generated id's; raises ValueError for any other id, and after the last."""
    match = _ID.fullmatch(key_id)
    if match is None:
        raise ValueError(f"{key_id!r} is no generated id")
    return f"{match[1]}.{match[2]}.g{base36(int(match[3], 36) + 1)}"


def is_generated(key_id: str) -> bool:
    """Whether an id has the form of those that reconciler makes, whoever's it is."""
    return _ID.fullmatch(key_id) is not None


def slug_of(key_id: str) -> str:
    """The part of a generated id that stands for slug and realm: everything before the generation."""
    return key_id.rpartition(".")[0]


def owned(realm: Realm, key_id: str) -> OwnedId | None:
    """What an id says when it carries this realm's mark, else None: such a key is never touched."""
    match = _ID.fullmatch(key_id)
    if match is None or match[2] != tag(realm, match[1]):
        return None
    return OwnedId(slug=match[1], generation=int(match[3], 36))
