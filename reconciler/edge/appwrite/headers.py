"""Request headers for each kind of credential.

Never `Origin` (refused without a key), never `x-sdk-name` (recorded on the key as its use), never a parameter
named `project` (it overrides the header). No `X-Appwrite-Response-Format` either: without it no filter runs,
in either direction, while a fixed old one would make newer servers drop fields of a key that a PUT then
clears.
"""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from reconciler.core.secret import Secret
from reconciler.edge.credentials import SESSION_COOKIE, Credential


def authenticated(
    base: httpx.Headers, project: str, organization: str | None, credential: Credential | None
) -> httpx.Headers:
    """Headers of the key routes; `base` are the client's own."""
    return _headers(base, {"X-Appwrite-Project": project, **_proof(organization, credential)})


def by_organization(base: httpx.Headers, organization: str | None, credential: Credential | None) -> httpx.Headers:
    """Headers of the key routes of organizations, which name the project in the path and in no header."""
    return _headers(base, _proof(organization, credential))


def on_console(base: httpx.Headers, session: Secret | None = None) -> httpx.Headers:
    """Headers of calls to the console itself, which is where people log in."""
    proof = {"Cookie": f"{SESSION_COOKIE}={session.reveal()}"} if session else {}
    return _headers(base, {"X-Appwrite-Project": "console", **proof})


def as_key(base: httpx.Headers, project: str, secret: Secret) -> httpx.Headers:
    """Headers that show nothing but one project key."""
    return _headers(base, {"X-Appwrite-Project": project, "X-Appwrite-Key": secret.reveal()})


def _proof(organization: str | None, credential: Credential | None) -> Mapping[str, str]:
    if credential is None:
        return {}
    match credential.kind:
        case "project_key" | "ephemeral_key":
            return {"X-Appwrite-Key": credential.secret.reveal()}
        case "organization_key":
            return {
                "X-Appwrite-Key": credential.secret.reveal(),
                "X-Appwrite-Organization": organization or "",
            }
        case "session":
            return {"Cookie": f"{SESSION_COOKIE}={credential.secret.reveal()}", "X-Appwrite-Mode": "admin"}


def _headers(base: httpx.Headers, added: Mapping[str, str]) -> httpx.Headers:
    headers = httpx.Headers(base)
    headers.update({"Content-Type": "application/json", **added})
    return headers
