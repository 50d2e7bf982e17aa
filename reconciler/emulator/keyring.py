"""`X-Appwrite-Key`: which key a secret is, and what it opens.

- The text before the first `_` is its kind; without one it is a standard key.
- A key counts only with the header of its owner: a project's with `X-Appwrite-Project` spelled exactly, an
  organization's with `X-Appwrite-Organization`. What no key is counts as the project's.
- A standard key that authenticates is used, whatever becomes of the call: `accessedAt` moves at most once
  in 24 hours, and at the first use by a new SDK. Names of SDKs count in lower case only.
- An ephemeral key is believed for its signature, its project and its time; nothing is stored. A bad one is a
  guest. Assumed for hardened servers: it is refused, and a good one is bound to the key that made it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from reconciler.emulator import dates, errors, tokens
from reconciler.emulator.call import CONSOLE, Call, Grant
from reconciler.emulator.people import Organization
from reconciler.emulator.store import Key, Project

_ACCESS = timedelta(hours=24)
_SERVER_SDKS = frozenset(
    (
        "node.js",
        "deno",
        "php",
        "python",
        "ruby",
        "go",
        "java",
        ".net",
        "dart",
        "kotlin",
        "swift",
        "rust",
        "graphql",
        "rest",
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a key opens: `scopes`, and the `grant` of a project's key."""

    scopes: frozenset[str]
    grant: Grant | None = None


def held(call: Call, secret: str, project: Project | None, organization: Organization | None) -> Held | None:
    """What the secret opens; None makes its bearer a guest.

    Raises:
        ApiError: the key is refused, or comes without the header of its owner.
    """
    kind, underscore, rest = secret.partition("_")
    if not underscore:
        kind = "standard"
    if kind == "organization" and (found := _organization_key(call, secret, organization)):
        return found
    if call.request.header("x-appwrite-project") != (CONSOLE if project is None else project.id):
        raise errors.owner_header_missing("project")
    match kind:
        case "standard":
            return _standard(call, secret, project)
        case "ephemeral" | "dynamic":
            return _ephemeral(call, rest, project)
        case "organization" | "account":
            raise errors.unauthorized()
        case _ if call.server.hardened:
            raise errors.unauthorized()
        case _:
            return None


def _organization_key(call: Call, secret: str, organization: Organization | None) -> Held | None:
    key = call.people.organization_key(secret) if call.server.organization_keys else None
    named = call.request.header("x-appwrite-organization")
    if key is None:
        return None
    if not named:
        raise errors.owner_header_missing("organization")
    if organization is None or key.organization != organization.id:
        return None
    if named != organization.id:
        raise errors.owner_header_missing("organization")
    return Held(scopes=frozenset(json.loads(key.scopes)))


def _standard(call: Call, secret: str, project: Project | None) -> Held:
    project_id = CONSOLE if project is None else project.id
    key = call.stale.authenticating_key(call.store, project_id, secret, call.now)
    if key is None:
        raise errors.unauthorized()
    if _is_over(key, call):
        raise errors.key_expired()
    _use(call, key)
    scopes = frozenset(json.loads(key.scopes))
    return Held(scopes=scopes, grant=Grant(scopes=scopes, expire=key.expire, key_id=key.id))


def _is_over(key: Key, call: Call) -> bool:
    return key.expire is not None and key.expire < dates.render(call.now)


def _use(call: Call, key: Key) -> None:
    sdk = call.request.header("x-sdk-name")
    sdks: list[str] = json.loads(key.sdks)
    new_sdk = sdk in _SERVER_SDKS and sdk not in sdks
    if not new_sdk and key.accessed_at is not None and key.accessed_at >= dates.render(call.now - _ACCESS):
        return
    known = json.dumps([*sdks, sdk] if new_sdk else sdks, separators=(",", ":"))
    call.store.touch(key, dates.render(call.now), known)


def _ephemeral(call: Call, token: str, project: Project | None) -> Held | None:
    refusal = errors.unauthorized()
    try:
        said = tokens.decode(token, call.signing, call.now)
    except tokens.Expired:
        refusal = errors.key_expired()
    except tokens.BadToken:
        pass
    else:
        if project is not None and said.get("projectId") == project.id:
            return _bound(call, said, project)
    if call.server.hardened:
        raise refusal
    return None


def _bound(call: Call, said: dict[str, object], project: Project) -> Held:
    given = said.get("scopes")
    scopes = frozenset(given) if isinstance(given, list) else frozenset()
    expire = dates.render(dates.of_timestamp(int(str(said["exp"]))))
    maker = said.get("keyId")
    if call.server.hardened and isinstance(maker, str):
        key = call.store.key(project.id, maker)
        if key is None:
            raise errors.unauthorized()
        if _is_over(key, call):
            raise errors.key_expired()
        scopes &= frozenset(json.loads(key.scopes))
    return Held(
        scopes=scopes, grant=Grant(scopes=scopes, expire=expire, key_id=maker if isinstance(maker, str) else None)
    )
