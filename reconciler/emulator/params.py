"""The parameters of the key routes, checked in the server's order with the server's words.

The first failure is the only one reported, and a missing parameter fails where its turn comes. An
explicit null is a value like another, which only `expire` takes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.emulator import dates, errors
from reconciler.emulator.profile import Server

UID_REASON = (
    "UID must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, and underscore. "
    "Can't start with a leading underscore"
)
_CUSTOM_ID_REASON = (
    "Parameter must contain at most 36 chars. Valid chars are a-z, A-Z, 0-9, period, hyphen, and "
    "underscore. Can't start with a special char"
)
_NAME_REASON = "Value must be a valid string and at least 1 chars and no longer than 128 chars"
_EXPIRE_REASON = "Value must be valid date between 0000-01-01 00:00:00 and 9999-12-31 00:00:00. or null"
_TOTAL_REASON = "Value must be a valid boolean"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_PASSWORD_LENGTHS = range(8, 257)
_LONGEST_NAME = 128
_LONGEST_SEARCH = 256
_LONGEST_DESCRIPTION = 2048


@dataclass(frozen=True, slots=True)
class KeyFields:
    """What a create and an update write. `scopes` is compact JSON, `expire` in the stored form.

    `expire_as_sent` is what the server compares with the stored form to see whether anything changed.
    """

    name: str
    scopes: str
    expire: str | None
    expire_as_sent: str | None
    description: str = ""


def is_id(value: object) -> bool:
    """Whether a value is an id: 1 to 36 letters, digits, `.`, `_`, `-`, the first a letter or digit."""
    return isinstance(value, str) and _ID.fullmatch(value) is not None


def path_id(value: str) -> str:
    """The id that a path names."""
    if not is_id(value):
        raise errors.invalid_param("keyId", UID_REASON)
    return value


def new_id(params: Mapping[str, Any]) -> str:
    """The id to create, or `unique()`, which leaves the choice to the server."""
    if "keyId" not in params:
        raise errors.missing_param("keyId")
    value = params["keyId"]
    if value != "unique()" and not is_id(value):
        raise errors.invalid_param("keyId", _CUSTOM_ID_REASON)
    return str(value)


def key_fields(params: Mapping[str, Any], server: Server, now: datetime) -> KeyFields:
    """Name, scopes and expire of a create or an update."""
    name = _name(params)
    scopes = key_scopes(params, server)
    sent = params.get("expire")
    expire = _expire(sent, now)
    description = _description(params) if server.describes_keys else ""
    return KeyFields(name=name, scopes=scopes, expire=expire, expire_as_sent=sent, description=description)


def seconds(params: Mapping[str, Any], range_: range, default: int | None = None) -> int:
    """A `duration`; a text that is a whole number counts as one. Without a default it is needed."""
    if "duration" not in params and default is None:
        raise errors.missing_param("duration")
    value = params.get("duration", default)
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d+\s*", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value not in range_:
        reason = f"Value must be a valid range between {range_.start:,} and {range_.stop - 1:,}"
        raise errors.invalid_param("duration", reason)
    return value


def email(params: Mapping[str, Any]) -> str:
    """The e-mail address of a login."""
    value = _needed(params, "email")
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        raise errors.invalid_param("email", "Value must be a valid email address")
    return value


def password(params: Mapping[str, Any]) -> str:
    """The password of a login."""
    value = _needed(params, "password")
    if not isinstance(value, str) or len(value) not in _PASSWORD_LENGTHS:
        raise errors.invalid_param("password", "Password must be between 8 and 256 characters long.")
    return value


def search(params: Mapping[str, Any]) -> str:
    """The `search` of a list."""
    value = params.get("search", "")
    if not isinstance(value, str) or len(value) > _LONGEST_SEARCH:
        raise errors.invalid_param("search", f"Value must be a valid string and no longer than {_LONGEST_SEARCH} chars")
    return value


def _needed(params: Mapping[str, Any], name: str) -> object:
    if name not in params:
        raise errors.missing_param(name)
    return params[name]


def _description(params: Mapping[str, Any]) -> str:
    """Assumed: a text of up to 2,048 characters, where null means none."""
    value = params.get("description")
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST_DESCRIPTION:
        reason = f"Value must be a valid string and no longer than {_LONGEST_DESCRIPTION} chars"
        raise errors.invalid_param("description", reason)
    return value


def wants_total(params: Mapping[str, Any]) -> bool:
    """The `total` of a list: `false` passes the check and, being a non-empty text, means true."""
    value = params.get("total", "true")
    if value not in ("true", "false", "1", "0"):
        raise errors.invalid_param("total", _TOTAL_REASON)
    return bool(value != "0")


def _name(params: Mapping[str, Any]) -> str:
    if "name" not in params:
        raise errors.missing_param("name")
    name = params["name"]
    if not isinstance(name, str) or not 1 <= len(name) <= _LONGEST_NAME:
        raise errors.invalid_param("name", _NAME_REASON)
    return name


def key_scopes(params: Mapping[str, Any], server: Server) -> str:
    """The scopes of a key as compact JSON, in the order and number sent."""
    if "scopes" not in params:
        raise errors.missing_param("scopes")
    sent = params["scopes"]
    scopes = list(sent.values()) if isinstance(sent, dict) else sent
    if (
        not isinstance(scopes, list)
        or len(scopes) > server.max_scopes
        or not all(isinstance(scope, str) and scope in server.scope_ids for scope in scopes)
    ):
        raise errors.invalid_param("scopes", _scopes_reason(server))
    if isinstance(sent, dict) and list(sent) != [str(index) for index in range(len(sent))]:
        raise errors.server_error()  # passes PHP's check as an array; the database takes only lists
    return json.dumps(scopes, separators=(",", ":"))


def _scopes_reason(server: Server) -> str:
    known = ", ".join(scope.id for scope in server.scopes)
    return f"Value must a valid array no longer than {server.max_scopes} items and Value must be one of ({known})"


def _expire(sent: object, now: datetime) -> str | None:
    if sent is None:
        return None
    try:
        moment = dates.read(sent, now) if isinstance(sent, str) else None
    except dates.Unstorable as error:
        raise errors.server_error() from error
    if moment is None:
        raise errors.invalid_param("expire", _EXPIRE_REASON)
    return dates.render(moment)
