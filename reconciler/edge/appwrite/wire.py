"""Keys and lists of keys in Appwrite's JSON, read and written.

Reading is strict about the fields that are used and blind to all others: newer servers add fields. Writing
always names every field, because a PUT replaces: what it leaves out is cleared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import TypeGuard

from reconciler.core.ephemeral import EphemeralKey
from reconciler.core.keys import KeyState, LiveKey
from reconciler.core.secret import Secret
from reconciler.core.times import YEARS, format_instant, parse_instant

_HEADER_SAFE = re.compile(r"[!-~]+")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,32}")


class Malformed(Exception):
    """The answer has not the shape that Appwrite gives it; the text names the field, never its value."""


def secrets(body: object) -> Iterator[Secret]:
    """The secrets in `Answer.json()`: of a key, or of each key of a page."""
    match body:
        case {"secret": Secret() as secret} if secret.reveal():
            yield secret
        case {"keys": list(items)}:
            for item in items:
                yield from secrets(item)
        case _:
            pass


def read_key(item: object) -> LiveKey:
    """One key from `Answer.json()`; raises Malformed."""
    if not isinstance(item, dict):
        raise Malformed("a key is not an object")
    key_id = _text(item, "$id")
    if not key_id:
        raise Malformed("`$id` is empty")
    created = _past(item, "$createdAt")
    if created is None:
        raise Malformed("`$createdAt` is missing")
    return LiveKey(
        id=key_id,
        name=_text(item, "name"),
        scopes=_texts(item, "scopes"),
        expire=_instant(item, "expire"),
        created=created,
        accessed=_past(item, "accessedAt"),
        sdks=() if item.get("sdks") is None else _texts(item, "sdks"),
        description=None if item.get("description") is None else _text(item, "description"),
        secret=_secret(item.get("secret")),
    )


def read_ephemeral(item: object) -> EphemeralKey:
    """An ephemeral key from `Answer.json()`; raises Malformed. Its other dates have no zone, and are not needed."""
    if not isinstance(item, dict):
        raise Malformed("a key is not an object")
    secret, expire = _secret(item.get("secret")), _instant(item, "expire")
    if secret is None or expire is None:
        raise Malformed(f"`{'secret' if secret is None else 'expire'}` is missing")
    return EphemeralKey(scopes=frozenset(_texts(item, "scopes")), expire=expire, secret=secret)


def read_page(page: object) -> tuple[tuple[LiveKey, ...], int]:
    """The keys of one page, and the server's total (0 where it gives none; capped at 5,000)."""
    match page:
        case {"keys": list(items), **rest}:
            total = rest.get("total")
            return tuple(read_key(item) for item in items), total if isinstance(total, int) else 0
        case _:
            raise Malformed("it is no list of keys")


def read_version(body: object) -> str | None:
    """The version in the answer of `/v1/health/version`, None where there is none."""
    match body:
        case {"version": str(version)} if _VERSION.fullmatch(version):
            return version
        case _:
            return None


def read_scopes(body: object) -> frozenset[str] | None:
    """The names in the answer of `/v1/console/scopes/project`, None where it is something else."""
    match body:
        case {"scopes": [*items]}:
            names = [item.get("$id") if isinstance(item, dict) else None for item in items]
        case _:
            return None
    known = frozenset(name for name in names if _is_text(name) and name)
    return known if known and len(known) == len(set(names)) else None


def write_creation(key_id: str, state: KeyState) -> bytes:
    """The body of a creation."""
    return _body({"keyId": key_id, **_state(state)})


def write_ephemeral(scopes: frozenset[str], lifetime: timedelta) -> bytes:
    """The body that asks for an ephemeral key."""
    return _body({"scopes": sorted(scopes), "duration": int(lifetime.total_seconds())})


def write_update(state: KeyState) -> bytes:
    """The body of a PUT that gives a key a new state."""
    return _body(_state(state))


def write_unchanged(key: LiveKey) -> bytes:
    """The body of a PUT that changes nothing, `$updatedAt` included: the stored order, the stored form."""
    return _body(_fields(key.name, key.scopes, key.expire) | _description(key))


def _state(state: KeyState) -> dict[str, object]:
    """Every field; a description only where there is one, for servers before 2.6 know none, and none is the default."""
    described = {"description": state.description} if state.description else {}
    return _fields(state.name, sorted(state.scopes), state.expire) | described


def _fields(name: str, scopes: Iterable[str], expire: datetime | None) -> dict[str, object]:
    # null, not "": Appwrite answers "" for never and refuses it when sent.
    written = None if expire is None else format_instant(expire)
    return {"name": name, "scopes": list(scopes), "expire": written}


def _description(key: LiveKey) -> dict[str, object]:
    return {} if key.description is None else {"description": key.description}


def _body(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields).encode()


def _text(item: Mapping[str, object], field: str) -> str:
    value = item.get(field)
    if not _is_text(value):
        raise Malformed(f"`{field}` is not a text")
    return value


def _texts(item: Mapping[str, object], field: str) -> tuple[str, ...]:
    value = item.get(field)
    if not isinstance(value, list) or not all(map(_is_text, value)):
        raise Malformed(f"`{field}` is not a list of texts")
    return tuple(value)


def _is_text(value: object) -> TypeGuard[str]:
    """Whether it is a text that can be written anywhere: JSON may hold halves of characters, which no encoding has."""
    if not isinstance(value, str):
        return False
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


def _past(item: Mapping[str, object], field: str) -> datetime | None:
    instant = _instant(item, field)
    if instant is not None and instant.year not in YEARS:
        raise Malformed(f"`{field}` is no time that a server has seen")
    return instant


def _instant(item: Mapping[str, object], field: str) -> datetime | None:
    value = item.get(field)
    if value is None or value == "":
        return None
    instant = _parsed(value)
    if instant is None:
        raise Malformed(f"`{field}` is not a time with a zone")
    return instant


def _parsed(value: object) -> datetime | None:
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def _secret(value: object) -> Secret | None:
    if value is None or (isinstance(value, Secret) and not value.reveal()):
        return None
    # It goes into a header of the next request, where a line break would be somebody else's header.
    if not isinstance(value, Secret) or not _HEADER_SAFE.fullmatch(value.reveal()):
        raise Malformed("`secret` is not a secret")
    return value
