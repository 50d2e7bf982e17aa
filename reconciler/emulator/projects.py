"""Projects and organizations as they are shown and listed: 25 to a page unless more are asked for.

The order is that of their creation. Filters are the few that somebody needs who looks for projects.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from reconciler.emulator import errors, params, queries
from reconciler.emulator.call import Call, Caller
from reconciler.emulator.people import Organization
from reconciler.emulator.profile import Server
from reconciler.emulator.queries import FILTERS, ORDERS, Query
from reconciler.emulator.store import Project
from reconciler.emulator.wire import Answer, dump_json

_DEFAULT_LIMIT = 25
_FIELDS = ("$id", "name", "teamId")
_METHODS = ("email-password", "magic-url", "email-otp", "anonymous", "invites", "jwt", "phone")
_SERVICES = (
    "account",
    "avatars",
    "databases",
    "tablesdb",
    "locale",
    "health",
    "project",
    "storage",
    "teams",
    "users",
    "vcs",
    "sites",
    "functions",
    "proxy",
    "graphql",
    "migrations",
    "messaging",
    "advisor",
)
_PROTOCOLS = ("rest", "graphql", "websocket")
_Item = TypeVar("_Item", Project, Organization)


def get(call: Call, project: Project) -> Answer:
    """The caller's own project."""
    return Answer(200, dump_json(_project(project, call.server)).encode())


def list_all(call: Call, caller: Caller) -> Answer:
    """Every project of the organizations that the caller owns."""
    user = caller.user
    ours = [project for project in call.store.projects() if user is not None and user.owns(project.organization)]
    return _projects(call, ours)


def list_of_organization(call: Call, caller: Caller) -> Answer:
    """Every project of one organization."""
    if caller.organization is None:
        raise errors.team_not_found()
    own = caller.organization.id
    return _projects(call, [project for project in call.store.projects() if project.organization == own])


def list_organizations(call: Call, caller: Caller) -> Answer:
    """Every organization that the caller owns."""
    user = caller.user
    ours = [team for team in call.people.organizations() if user is not None and user.owns(team.id)]
    page, total = _page(call, ours, ("$id", "name"), lambda team: {"$id": team.id, "name": team.name})
    shown = [
        {
            "$id": team.id,
            "$createdAt": team.created_at,
            "$updatedAt": team.created_at,
            "name": team.name,
            "total": 1,
            "prefs": {},
        }
        for team in page
    ]
    return Answer(200, dump_json({"total": total, "teams": shown}).encode())


def _projects(call: Call, projects: Sequence[Project]) -> Answer:
    page, total = _page(call, projects, _FIELDS, _searchable)
    shown = [_project(project, call.server) for project in page]
    return Answer(200, dump_json({"total": total, "projects": shown}).encode())


def _searchable(project: Project) -> dict[str, str]:
    return {"$id": project.id, "name": project.name, "teamId": project.organization}


def _page(
    call: Call, items: Sequence[_Item], fields: Sequence[str], read: Callable[[_Item], dict[str, str]]
) -> tuple[Sequence[_Item], int]:
    """The page that is asked for, and how many there are in all."""
    asked = queries.read(call.request.params.get("queries", []), fields)
    searched = params.search(call.request.params).lower()
    counted = params.wants_total(call.request.params)
    found = [item for item in items if searched in " ".join(read(item).values()).lower()]
    for query in asked:
        if query.method in FILTERS | ORDERS:
            found = [item for item in found if _matches(query, read(item))]
    first = {query.method: query.values[0] for query in reversed(asked) if query.values}
    start, end = _bounds(first, [read(item)["$id"] for item in found])
    limit, offset = int(first.get("limit", _DEFAULT_LIMIT)), int(first.get("offset", 0))
    page = found[start:end][offset:]
    page = page[:limit] if "cursorBefore" not in first else page[-limit:]
    return page, len(found) if counted else 0


def _matches(query: Query, fields: dict[str, str]) -> bool:
    if query.method != "equal":
        raise errors.query_unsupported(query.method)
    return fields[query.attribute].lower() in {str(value).lower() for value in query.values}


def _bounds(asked: dict[str, object], ids: Sequence[str]) -> tuple[int, int]:
    """Where the list begins and ends for its cursor."""
    cursor = asked.get("cursorAfter", asked.get("cursorBefore"))
    if cursor is None:
        return 0, len(ids)
    if cursor not in ids:
        raise errors.cursor_not_found(str(cursor), "Project")
    at = ids.index(str(cursor))
    return (at + 1, len(ids)) if "cursorAfter" in asked else (0, at)


def _project(project: Project, server: Server) -> dict[str, object]:
    """A project as it is shown; what nobody can change here is as a new project has it."""
    smtp = ("SenderName", "SenderEmail", "ReplyToName", "ReplyToEmail", "Host")
    made = {"status": "completed", "at": project.first_key, "actorType": "admin"}
    onboarding = {"project.createKey": made} if project.first_key else {}
    return {
        "$id": project.id,
        "$createdAt": project.created_at,
        "$updatedAt": project.updated_at,
        "name": project.name,
        "teamId": project.organization,
        "region": "default",
        "devKeys": [],
        "smtpEnabled": False,
        **{f"smtp{name}": "" for name in smtp},
        "smtpPort": 0,
        "smtpUsername": "",
        "smtpPassword": "",
        "smtpSecure": "",
        "pingCount": 0,
        "pingedAt": "",
        "labels": [],
        "status": "active",
        **({"onboarding": onboarding} if server.onboards else {}),
        "authMethods": _enabled(_METHODS),
        "services": _enabled(_SERVICES),
        "protocols": _enabled(_PROTOCOLS),
        "blocks": [],
        "consoleAccessedAt": project.created_at,
        **({"wafEnabled": False} if server.onboards else {}),
    }


def _enabled(names: Sequence[str]) -> list[dict[str, object]]:
    return [{"$id": name, "enabled": True} for name in names]
