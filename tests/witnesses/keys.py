"""What an official Python client makes of a server: `python keys.py MODULE`, the server on stdin, findings on stdout.

Runs in a process of its own, because two versions of one package cannot be imported into one.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

_MODULE = sys.argv[1]
_GIVEN: dict[str, str] = json.load(sys.stdin)


def _of(path: str, name: str) -> Any:
    return getattr(import_module(f"{_MODULE}.{path}"), name)


def _client(**headers: str) -> Any:
    client = _of("client", "Client")().set_endpoint(_GIVEN["endpoint"]).set_project(_GIVEN["project"])
    for name, value in headers.items():
        client.add_header(name.replace("_", "-"), value)
    return client


def _tried(call: Callable[[], Any]) -> Any:
    """What a call gives, or the status and type of the client's own exception, or that there is no such call."""
    try:
        return call()
    except _of("exception", "AppwriteException") as error:
        return [error.code, error.type]
    except AttributeError:
        return "no such method"


def _project(**headers: str) -> Any:
    return _of("services.project", "Project")(_client(**headers))


def _shown(key: Any) -> dict[str, Any]:
    return {"id": key.id, "name": key.name, "scopes": key.scopes, "expire": key.expire, "secret": key.secret[:9]}


def _keys() -> dict[str, Any]:
    """The six calls, with a key, and with a session where that is asked for."""
    scope = _of("enums.project_key_scopes", "ProjectKeyScopes")
    by_key = _project(x_appwrite_key=_GIVEN["key"])
    by_session = _project(cookie=_GIVEN["session"], x_appwrite_mode="admin")
    found = {
        "create by key": _tried(lambda: _shown(by_key.create_key("by-key", "By key", [scope.USERS_READ]))),
        "create by session": _tried(lambda: _shown(by_session.create_key("by-session", "By session", []))),
        "taken": _tried(lambda: _shown(by_session.create_key("subject", "Taken", []))),
        "list": sorted(key.id for key in by_key.list_keys().keys),
        "get": _shown(by_key.get_key("subject")),
        "update": _shown(by_key.update_key("subject", "Renamed", [scope.KEYS_READ], "2030-01-01T00:00:00.000+00:00")),
        "missing": _tried(lambda: by_key.get_key("missing")),
        "wrong": _tried(lambda: _project(x_appwrite_key="standard_x").list_keys()),
        "invalid": _tried(lambda: by_key.update_key("subject", "", [])),
    }
    ephemeral = by_key.create_ephemeral_key([scope.KEYS_READ], 60)
    found["ephemeral"] = _shown(ephemeral) | {"expire": "", "id": ""}
    found["listed by ephemeral"] = len(_project(x_appwrite_key=ephemeral.secret).list_keys().keys)
    found["delete"] = by_key.delete_key("subject") or None
    found["deleted"] = _tried(lambda: by_key.get_key("subject"))
    return found


def _organization() -> dict[str, Any]:
    """The same by way of the organization."""
    headers = {"x_appwrite_key": _GIVEN["organization_key"], "x_appwrite_organization": _GIVEN["organization"]}
    organization = _of("services.organization", "Organization")(_client(**headers).set_project("console"))
    project = _GIVEN["project"]
    return {
        "projects": _tried(lambda: [found.id for found in organization.list_projects().projects]),
        "list": _tried(lambda: sorted(key.id for key in organization.list_project_keys(project).keys)),
        "create": _tried(lambda: _shown(organization.create_project_key(project, "of-acme", "Acme's", []))),
        "update": _tried(
            lambda: organization.update_project_key(project, "other", "Other", [], None, "described").description
        ),
        "ephemeral": _tried(lambda: organization.create_ephemeral_project_key(project, [], 60).secret[:10]),
        "delete": _tried(lambda: organization.delete_project_key(project, "other") or None),
    }


json.dump({"keys": _keys(), "organization": _organization()}, sys.stdout)
