"""Which call a method and a path make, and what scope it takes.

Routing is Appwrite's, not a framework's: it works on the path as sent, ignores empty segments when it
matches but counts them when it reads a parameter. Literal segments win over parameters in the order of
the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from reconciler.emulator import errors

Kind = Literal[
    "version",
    "scopes",
    "organization_scopes",
    "list_keys",
    "create_key",
    "create_ephemeral",
    "get_key",
    "update_key",
    "delete_key",
    "get_project",
    "list_projects",
    "list_organization_projects",
    "list_organizations",
    "login",
    "get_account",
    "logout",
    "create_token",
]
Family = Literal["open", "project", "alias", "organization", "console"]

_READ, _WRITE = ("keys.read",), ("keys.write",)
_ORGANIZATION_READ = ("organization.projects.keys.read", "keys.read")
_ORGANIZATION_WRITE = ("organization.projects.keys.write", "keys.write")


@dataclass(frozen=True, slots=True)
class Route:
    """What a call is; `key_id` and `project` as they stand in its path.

    Attributes:
        scopes: one of them is needed; none are for an open route.
        family: `alias` and `organization` name their project in the path, the one as its caller's
            project, the other as what the call is about.
    """

    kind: Kind
    scopes: Sequence[str]
    family: Family
    key_id: str = ""
    project: str = ""


@dataclass(frozen=True, slots=True)
class _Pattern:
    method: str
    segments: Sequence[str]
    kind: Kind
    scopes: Sequence[str]
    family: Family


def _keys_under(prefix: str, family: Family, read: Sequence[str], write: Sequence[str]) -> Iterator[_Pattern]:
    """The six key calls below a prefix."""
    calls: Sequence[tuple[str, str, Kind, Sequence[str]]] = (
        ("GET", "", "list_keys", read),
        ("POST", "", "create_key", write),
        ("POST", "/ephemeral", "create_ephemeral", write),
        ("GET", "/:keyId", "get_key", read),
        ("PUT", "/:keyId", "update_key", write),
        ("DELETE", "/:keyId", "delete_key", write),
    )
    for method, rest, kind, scopes in calls:
        if family != "alias" or kind != "create_ephemeral":
            yield _Pattern(method, f"{prefix}{rest}".split("/"), kind, scopes, family)


def _one(method: str, path: str, kind: Kind, family: Family, *scopes: str) -> _Pattern:
    return _Pattern(method, path.split("/"), kind, scopes, family)


_PATTERNS = (
    _one("GET", "v1/health/version", "version", "open"),
    _one("GET", "v1/console/scopes/project", "scopes", "open"),
    _one("GET", "v1/console/scopes/organization", "organization_scopes", "open"),
    *_keys_under("v1/project/keys", "project", _READ, _WRITE),
    *_keys_under("v1/projects/:projectId/keys", "alias", _READ, _WRITE),
    _one("POST", "v1/projects/:projectId/jwts", "create_ephemeral", "alias", *_WRITE),
    _one("GET", "v1/project", "get_project", "project", "project.read"),
    _one("GET", "v1/projects", "list_projects", "console", "projects.read"),
    _one("GET", "v1/organization/projects", "list_organization_projects", "console", "projects.read"),
    _one("GET", "v1/teams", "list_organizations", "console", "teams.read"),
    _one("POST", "v1/account/sessions/email", "login", "console", "sessions.write"),
    _one("GET", "v1/account", "get_account", "console", "account"),
    _one("DELETE", "v1/account/sessions/current", "logout", "console", "account"),
    _one("POST", "v1/account/jwts", "create_token", "console", "account"),
    _one("POST", "v1/account/jwt", "create_token", "console", "account"),
    *_keys_under("v1/organization/projects/:projectId/keys", "organization", _ORGANIZATION_READ, _ORGANIZATION_WRITE),
)
_BY_LENGTH = {
    (method, length): [pattern for pattern in _PATTERNS if pattern.method == method and len(pattern.segments) == length]
    for method, length in {(pattern.method, len(pattern.segments)) for pattern in _PATTERNS}
}


def find_route(method: str, path: str, *, organization_routes: bool) -> Route:
    """The route of a call.

    Raises:
        RouteNotFound: there is none of that method and path.
    """
    parts = path.strip("/").split("/")
    sent = [part for part in parts if part]
    for pattern in _BY_LENGTH.get((method, len(sent)), ()):
        if _fits(pattern.segments, sent):
            if pattern.family == "organization" and not organization_routes:
                break
            return _route(pattern, parts)
    raise errors.RouteNotFound


def _fits(segments: Sequence[str], sent: Sequence[str]) -> bool:
    return all(segment == part or segment.startswith(":") for segment, part in zip(segments, sent, strict=True))


def _route(pattern: _Pattern, parts: Sequence[str]) -> Route:
    found = {segment: parts[index] for index, segment in enumerate(pattern.segments) if segment.startswith(":")}
    return Route(
        kind=pattern.kind,
        scopes=pattern.scopes,
        family=pattern.family,
        key_id=found.get(":keyId", ""),
        project=found.get(":projectId", ""),
    )
