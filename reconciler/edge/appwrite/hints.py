"""Who must do what about an answer of Appwrite: a hint for each status and error type one can act on."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reconciler.edge.appwrite.answer import ApiError
from reconciler.edge.appwrite.call import Peer

_KINDS = {"project_key": "project key", "organization_key": "organization key", "session": "console session"}
_SCOPE = re.compile(r"missing scopes? \(\W*([A-Za-z]+(?:\.[A-Za-z]+)+)")

_PROJECT = "correct `project:` of {label}: the id as the console of {endpoint} shows it, letter case included"
_ORGANIZATION = "correct `organization:` of {label}: the id as the console shows it"
_API: Mapping[tuple[int, str], str] = {
    (401, "project_key_expired"): (
        "whoever manages the project must give {credential} a later expiry, or hand out another one"
    ),
    (401, "general_access_forbidden"): (
        "the keys of project {project} cannot be managed: correct `project:` of {label}"
    ),
    (403, "key_creation_denied"): (
        "{credential} may not create keys on this server. A project key may on Appwrite 1.9.5 and 1.9.6; on "
        "newer ones (2.0, Cloud since August 2026) give an organization key with keys.read and keys.write "
        "(Cloud), or the console session of an owner, developer or admin: `credential: {{env: VARIABLE}}` or "
        "`{{file: PATH}}`"
    ),
    (403, "project_id_missing"): _PROJECT,
    (404, "project_not_found"): _PROJECT,
    (403, "organization_id_missing"): _ORGANIZATION,
    (404, "team_not_found"): _ORGANIZATION,
    (404, "key_not_found"): "somebody deleted the key meanwhile: run the same command again",
    (409, "key_already_exists"): (
        "ids of keys are unique on a whole server, whatever the project: give the key another name"
    ),
}
_GUEST = {
    "session": (
        "{credential} has ended, or is of another server: log in to the console there and copy the cookie "
        "a_session_console again"
    ),
    "none": "no credential was sent: name one, `credential: {{env: VARIABLE}}` under environments.{label}",
}
_FOREIGN: Mapping[int, str] = {
    401: "a proxy before {endpoint} asks for a password: whoever runs it must let this machine through",
    403: "a proxy or firewall before {endpoint} refuses: whoever runs it must let this machine through",
    404: (
        "there is no Appwrite 1.9.5 or newer at {endpoint}: correct `endpoint:` of {label}, which ends in "
        "/v1, or upgrade the server"
    ),
}


def hint_for(peer: Peer, status: int, error: ApiError | None) -> str:
    """What to do about an answer; `error` is None where it does not come from Appwrite's API."""
    template = _FOREIGN.get(status) if error is None else _for_api(peer, status, error)
    return (template or _by_status(status)).format(
        credential=_credential(peer), endpoint=peer.endpoint, label=peer.label, project=peer.project
    )


def _for_api(peer: Peer, status: int, error: ApiError) -> str | None:
    kind = peer.credential.kind if peer.credential else "none"
    match status, error.type:
        case 401, "general_unauthorized_scope" if "(role: guests)" in error.message:
            unknown = "the server does not know {credential}, or it has expired: give another one"
            return _GUEST.get(kind, unknown)
        case 401, "general_unauthorized_scope":
            return _missing_scope(kind, error.message)
        case 401, "user_unauthorized" if kind == "session":
            return "the account of {credential} is no member of the team that owns project {project}"
        case 401, "user_unauthorized":
            return (
                "{credential} is mistyped, was deleted, belongs to another project than {project}, or is not "
                "among the 1,000 oldest keys there: give another one"
            )
        case _:
            return _API.get((status, error.type))


def _by_status(status: int) -> str:
    match status:
        case 401 | 403:
            return "whoever handed out {credential} must see why it is refused, or hand out another one"
        case 429:
            return "wait some minutes, then run the same command again, with a lower --parallelism"
        case _ if status == 408 or status >= 500:
            return "whoever runs {endpoint} finds the cause in its log; then run the same command again"
        case _:
            return "run plan again; if it stays, {endpoint} follows other rules than this version knows"


def _missing_scope(kind: str, message: str) -> str:
    found = _SCOPE.search(message)
    scope = f"the scope {found[1]}" if found else "the scope that is missing"
    if kind == "session":
        return f"the account of {{credential}} needs the role owner, developer or admin, to have {scope}"
    return f"whoever manages {{credential}} must add {scope} to it"


def _credential(peer: Peer) -> str:
    if peer.credential is None:
        return "the credential"
    return f"the {_KINDS[peer.credential.kind]} in {peer.credential.source}"
