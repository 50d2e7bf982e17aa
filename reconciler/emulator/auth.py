"""Who calls: project, mode, credential and scope, in the server's order.

- A key wins over a session that is sent with it, which then only lends its name to errors.
- A session counts in admin mode, and on the console itself. A project that is named by the path and
  differently by the header makes admin mode.
- Who owns the organization owns its projects; on the console an owner must name it, and else is a user
  like others.
- What is not recognised is a guest, who may log in and no more.
"""

from __future__ import annotations

from reconciler.emulator import errors, origin
from reconciler.emulator.call import CONSOLE, Call, Caller
from reconciler.emulator.keyring import held
from reconciler.emulator.logins import Login, check_token, login_of
from reconciler.emulator.people import Organization
from reconciler.emulator.store import Project

_ADMIN = "admin"
_GUEST_SCOPES = frozenset({"sessions.write"})
_USER_SCOPES = _GUEST_SCOPES | {"account", "projects.read", "projects.write", "teams.read", "teams.write"}


def identify(call: Call) -> Caller:
    """The caller of a request, past everything but the scopes of its route.

    Raises:
        ApiError: the project does not exist, or a credential is refused.
    """
    named = _named_project(call)
    project = None if named in {"", CONSOLE} else call.store.project(named)
    missing = project is None and named not in {"", CONSOLE}
    admin = _is_admin(call, project, missing=missing)
    if admin and project is None and not missing:
        raise errors.admin_mode_on_console()
    login = None if missing else _login(call, counts=admin or project is None)
    if login and call.request.header("x-appwrite-user") and call.request.header("x-appwrite-key"):
        raise errors.account_key_and_session()
    organization = _organization(call, project)
    secret = call.request.header("x-appwrite-key")
    keys = held(call, secret, project, organization) if secret and not missing else None
    origin.check(call.request, named)
    if missing:
        raise errors.project_not_found()
    if keys is not None:
        return Caller(
            project=project,
            organization=organization,
            who=f"app.{CONSOLE if project is None else project.id}@service.{call.request.hostname}",
            role="applications",
            scopes=keys.scopes,
            grant=keys.grant,
        )
    if login is None or secret:
        who = login.user.email if login else "User"
        return Caller(project=project, organization=organization, who=who, role="guests", scopes=_GUEST_SCOPES)
    return _by_login(call, login, project, organization)


def target_project(call: Call, caller: Caller) -> Project:
    """The project whose keys the call is about."""
    if call.route.family != "organization":
        if caller.project is None:
            raise errors.access_forbidden()
        return caller.project
    project = call.store.project(call.route.project)
    if project is None or caller.organization is None or project.organization != caller.organization.id:
        raise errors.project_not_found()
    if caller.grant is not None and caller.project is not None and caller.project.id != project.id:
        raise errors.unauthorized()
    return project


def _named_project(call: Call) -> str:
    if call.route.family == "alias":
        return call.route.project
    return call.request.text("project") or call.request.header("x-appwrite-project")


def _is_admin(call: Call, project: Project | None, *, missing: bool) -> bool:
    mode = call.request.text("mode") or call.request.header("x-appwrite-mode")
    supplied = call.request.text("project") or call.request.header("x-appwrite-project")
    resolved = "" if missing else CONSOLE if project is None else project.id
    return mode == _ADMIN or supplied not in {"", resolved}


def _login(call: Call, *, counts: bool) -> Login | None:
    if counts:
        return login_of(call.request, call.people, call.signing, call.now)
    check_token(call.request, call.signing, call.now)
    return None


def _organization(call: Call, project: Project | None) -> Organization | None:
    if project is not None:
        return call.people.organization(project.organization)
    named = call.request.header("x-appwrite-organization")
    found = call.people.organization(named) if named else None
    if named and found is None and call.route.family == "organization":
        raise errors.team_not_found()
    return found


def _by_login(call: Call, login: Login, project: Project | None, organization: Organization | None) -> Caller:
    header = call.request.header("x-appwrite-project")
    if call.route.family == "alias" and header not in {"", CONSOLE, call.route.project}:
        raise errors.unauthorized()
    owner = organization is not None
    if organization is not None and not login.user.owns(organization.id):
        raise errors.unauthorized()
    return Caller(
        project=project,
        organization=organization,
        who=login.user.email,
        role="owner" if owner else "users",
        scopes=None if owner else _USER_SCOPES,
        user=login.user,
        session=login.session,
        by_token=login.by_token,
    )
