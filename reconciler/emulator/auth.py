"""Who calls: project, credential and scope, in the server's order.

- A key wins over a session that is sent with it.
- A project key counts only with the `X-Appwrite-Project` of its own project, spelled exactly.
- A key that authenticates is used, whatever becomes of the call: `accessedAt` moves at most once in
  24 hours, and at the first use by a new SDK.
- A session is worth something only in admin mode, or under `/v1/projects/:id` from the console.
- What is not recognised is a guest, and a guest lacks every scope.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from reconciler.emulator import dates, errors
from reconciler.emulator.store import Key, Project, Store
from reconciler.emulator.wire import Request

_ACCESS = timedelta(hours=24)
_CONSOLE = "console"
_SERVER_SDKS = frozenset(
    ("nodejs", "deno", "php", "python", "ruby", "go", "java", "dotnet", "dart", "kotlin", "swift", "rust")
)


@dataclass(frozen=True, slots=True)
class Caller:
    """The other side. `project` is None on the console; `scopes` None holds all of them."""

    project: Project | None
    who: str
    role: str
    scopes: frozenset[str] | None
    by_project_key: bool = False


def identify(request: Request, store: Store, session: str, now: datetime, path_project: str | None) -> Caller:
    """The caller of `request`; `path_project` is the project that the path names, if it does."""
    project = _project(request, store, path_project)
    if project is None and request.header("x-appwrite-mode") == "admin":
        raise errors.admin_mode_on_console()
    if secret := request.header("x-appwrite-key"):
        return _by_key(request, store, project, secret, now)
    if _session(request) == session:
        return _by_session(request, project, path_project)
    return _guest(project)


def demand(caller: Caller, scope: str) -> Project:
    """The project the call is about, if the caller may touch it with `scope`."""
    if caller.scopes is not None and scope not in caller.scopes:
        raise errors.missing_scope(caller.who, caller.role, scope)
    if caller.project is None:
        raise errors.access_forbidden()
    return caller.project


def _project(request: Request, store: Store, path_project: str | None) -> Project | None:
    asked = request.params.get("project")
    named = path_project or (asked if isinstance(asked, str) else "") or request.header("x-appwrite-project")
    if not named or named == _CONSOLE:
        return None
    project = store.project(named)
    if project is None:
        raise errors.project_not_found()
    return project


def _guest(project: Project | None) -> Caller:
    return Caller(project, "User", "guests", frozenset())


def _by_key(request: Request, store: Store, project: Project | None, secret: str, now: datetime) -> Caller:
    kind, underscore, _ = secret.partition("_")
    match kind if underscore else "standard":
        case "standard":
            return _by_project_key(request, store, project, secret, now)
        case "organization":
            return _by_organization_key(request, store, project, secret)
        case "account":
            if not request.header("x-appwrite-user"):
                raise errors.owner_header_missing("user")
            raise errors.unauthorized()
        case _:
            return _guest(project)


def _by_project_key(request: Request, store: Store, project: Project | None, secret: str, now: datetime) -> Caller:
    project_id = _CONSOLE if project is None else project.id
    if request.header("x-appwrite-project") != project_id:
        raise errors.owner_header_missing("project")
    key = store.authenticating_key(project_id, secret)
    if key is None:
        raise errors.unauthorized()
    if key.expire is not None and key.expire < dates.render(now):
        raise errors.key_expired()
    _use(request, store, key, now)
    scopes = frozenset(json.loads(key.scopes))
    return Caller(project, _service(request, project_id), "applications", scopes, by_project_key=True)


def _use(request: Request, store: Store, key: Key, now: datetime) -> None:
    sdk = request.header("x-sdk-name")
    sdks: list[str] = json.loads(key.sdks)
    new_sdk = sdk in _SERVER_SDKS and sdk not in sdks
    if not new_sdk and key.accessed_at is not None and key.accessed_at >= dates.render(now - _ACCESS):
        return
    store.touch(key, dates.render(now), json.dumps([*sdks, sdk] if new_sdk else sdks, separators=(",", ":")))


def _by_organization_key(request: Request, store: Store, project: Project | None, secret: str) -> Caller:
    organization = request.header("x-appwrite-organization")
    if not organization:
        raise errors.owner_header_missing("organization")
    found = store.organization_key(secret)
    if found is None or found[0] != organization:
        raise errors.unauthorized()
    if project is not None and project.organization != organization:
        raise errors.unauthorized()
    who = _service(request, _CONSOLE if project is None else project.id)
    return Caller(project, who, "applications", frozenset(json.loads(found[1])))


def _by_session(request: Request, project: Project | None, path_project: str | None) -> Caller:
    header = request.header("x-appwrite-project")
    if path_project is not None and header not in ("", _CONSOLE, path_project):
        raise errors.unauthorized()
    from_console = path_project is not None and header in ("", _CONSOLE)
    if project is None or from_console or request.header("x-appwrite-mode") == "admin":
        return Caller(project, "owner@emulator.invalid", "owner", None)
    return _guest(project)


def _service(request: Request, project_id: str) -> str:
    return f"app.{project_id}@service.{request.header('host').rpartition(':')[0] or request.header('host')}"


def _session(request: Request) -> str | None:
    """The session in a header, in the cookie, or in the JSON that stands in for cookies."""
    if value := request.header("x-appwrite-session"):
        return value
    name = f"a_session_{_CONSOLE}"
    for pair in request.header("cookie").split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value
    try:
        stand_in = json.loads(request.header("x-fallback-cookies") or "{}")
    except ValueError:
        return None
    return stand_in.get(name) if isinstance(stand_in, dict) else None
