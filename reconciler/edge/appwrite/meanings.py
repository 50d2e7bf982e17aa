"""What each answer that is not the one asked for means: what happened, and who must do what.

- One row for each error of Appwrite's API that the calls of this program can get, and one for each status whose body
  is not Appwrite's. docs/reference/errors.md is this table.
- The first row that fits counts. What no row names is told by its status, with the server's own words.
- `quotes` rows show the server's own words as well, because they say more than this program can know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Case = Literal["", "guest", "session guest", "nobody", "session", "key"]
"""Which of several meanings: who the server says has called, or with what it was called."""

FOREIGN = "(not Appwrite's)"
"""In the place of a type: the body does not have the form of the API's errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """One row; `type` is empty for any type. {credential}, {endpoint}, {label}, {project} and {scope} are filled in."""

    status: int
    type: str
    happened: str
    remedy: str
    case: Case = ""
    quotes: bool = False


_STRANGE = "report it: {endpoint} follows other rules than this version knows"
_PROJECT = "correct `project:` of {label}: the id as the console of {endpoint} shows it, letter case included"
_ORGANIZATION = "correct `organization:` of {label}: the id as the console shows it"
_PROXY = "a proxy before {endpoint} adds it: whoever runs that must see why"
_LOG = "whoever runs {endpoint} finds the cause in its log; then run the same command again"
_NO_APPWRITE = (
    "there is no Appwrite 1.9.5 or newer at {endpoint}: correct `endpoint:` of {label}, which ends in /v1, or upgrade "
    "the server"
)

MEANINGS = (
    Meaning(
        status=400,
        type="general_argument_invalid",
        happened="the server refuses what was to be written",
        remedy="correct in the manifest what it names, such as a scope that this server does not know; if nothing is "
        "wrong there, " + _STRANGE,
        quotes=True,
    ),
    Meaning(
        status=400,
        type="general_query_invalid",
        happened="the server does not understand how the list is asked for",
        remedy=_STRANGE,
        quotes=True,
    ),
    Meaning(
        status=400,
        type="general_cursor_not_found",
        happened="a key was deleted while the list was read past it",
        remedy="run the same command again, when nobody else changes keys",
    ),
    Meaning(
        status=400,
        type="database_query_order_null",
        happened="the server cannot continue the list after a key that lacks what it sorts by",
        remedy=_STRANGE,
    ),
    Meaning(
        status=400,
        type="general_bad_request",
        happened="the server takes this for a call to the console itself",
        remedy=_PROJECT,
        quotes=True,
    ),
    Meaning(
        status=401,
        type="general_unauthorized_scope",
        case="session guest",
        happened="the server does not know {credential}: it has ended, or is of another server",
        remedy="log in to the console there and copy the cookie a_session_console again, or run with --login EMAIL",
    ),
    Meaning(
        status=401,
        type="general_unauthorized_scope",
        case="nobody",
        happened="no credential was sent, and the server wants one",
        remedy="name one: `credential: {{env: VARIABLE}}` under environments.{label}",
    ),
    Meaning(
        status=401,
        type="general_unauthorized_scope",
        case="guest",
        happened="the server does not know {credential}, or it has expired",
        remedy="give another one; an ephemeral key lives an hour at most",
    ),
    Meaning(
        status=401,
        type="general_unauthorized_scope",
        case="session",
        happened="the account of {credential} lacks {scope}",
        remedy="whoever owns the organization must give that account the role owner, developer or admin",
    ),
    Meaning(
        status=401,
        type="general_unauthorized_scope",
        case="key",
        happened="{credential} lacks {scope}",
        remedy="whoever manages {credential} must add {scope} to it, or give another one that has it",
    ),
    Meaning(
        status=401,
        type="user_unauthorized",
        case="session",
        happened="the account of {credential} is no member of the team that owns project {project}",
        remedy="a member of that team must invite it, or give a credential of their own",
    ),
    Meaning(
        status=401,
        type="user_unauthorized",
        happened="the server does not accept {credential} for project {project}",
        remedy="it is mistyped, was deleted, belongs to another project or organization, or is not among the 1,000 "
        "oldest keys of the project: give another one",
    ),
    Meaning(
        status=401,
        type="project_key_expired",
        happened="{credential} has expired",
        remedy="whoever manages the project must give it a later expiry, or hand out another one",
    ),
    Meaning(
        status=401,
        type="general_access_forbidden",
        happened="the keys of project {project} cannot be managed by anybody",
        remedy=_PROJECT,
    ),
    Meaning(
        status=401,
        type="user_jwt_invalid",
        happened="the server found a token (JWT) in the call, and none was sent",
        remedy=_PROXY,
    ),
    Meaning(
        status=401,
        type="user_more_factors_required",
        happened="the account of {credential} asks for a second factor, which this program cannot give",
        remedy="log in to the console in a browser, and give the session of there, the cookie a_session_console; or "
        "give a key",
    ),
    Meaning(
        status=401,
        type="user_invalid_credentials",
        happened="no account there has this e-mail address and password",
        remedy="check both, and that {endpoint} is the server of that account; after ten tries it takes none for an "
        "hour",
    ),
    Meaning(
        status=401,
        type="user_session_already_exists",
        happened="the server takes the login for one of somebody who is logged in, and no session was sent",
        remedy=_PROXY,
    ),
    Meaning(
        status=403,
        type="key_creation_denied",
        happened="{credential} may not create keys on this server",
        remedy="since Appwrite 2.0, and on Cloud, no key of a project may: give an organization key with keys.read and "
        "keys.write (Cloud), or the console session of an owner, developer or admin (--login EMAIL at a terminal); or "
        "make the key in the Console with the id that the plan gives it, and run again",
    ),
    Meaning(
        status=403,
        type="key_grant_exceeded",
        happened="the key would get more than {credential} has to give",
        remedy="declare fewer scopes or an earlier `expire`, or give a credential that holds as much",
    ),
    Meaning(
        status=403,
        type="project_id_missing",
        happened="the server finds no project for {credential}",
        remedy=_PROJECT,
    ),
    Meaning(
        status=403,
        type="organization_id_missing",
        happened="the server finds no organization for {credential}",
        remedy=_ORGANIZATION,
    ),
    Meaning(
        status=403,
        type="user_id_missing",
        happened="the server takes {credential} for the key of an account",
        remedy="give a key of the project or the organization: an account's key never manages them",
    ),
    Meaning(
        status=403,
        type="user_blocked",
        happened="the account of {credential} is blocked",
        remedy="whoever runs {endpoint} must unblock it; until then give another credential",
    ),
    Meaning(
        status=403,
        type="user_api_key_and_session_set",
        happened="the server found a key and a session in one call, and only {credential} was sent",
        remedy=_PROXY,
    ),
    Meaning(
        status=403,
        type="user_jwt_and_cookie_set",
        happened="the server found a token (JWT) and a session in one call, and only {credential} was sent",
        remedy=_PROXY,
    ),
    Meaning(
        status=403,
        type="general_unknown_origin",
        happened="the server takes the call for one of a web page that it does not know",
        remedy=_PROXY,
    ),
    Meaning(
        status=404,
        type="key_not_found",
        happened="project {project} has no such key any more",
        remedy="somebody deleted it meanwhile: run the same command again",
    ),
    Meaning(
        status=404,
        type="project_not_found",
        happened="{credential} finds no project {project} there",
        remedy=_PROJECT,
    ),
    Meaning(
        status=404,
        type="team_not_found",
        happened="there is no such organization",
        remedy=_ORGANIZATION,
    ),
    Meaning(
        status=404,
        type="general_route_not_found",
        happened="the server knows no such call",
        remedy=_NO_APPWRITE,
    ),
    Meaning(
        status=408,
        type="database_timeout",
        happened="the server's database took too long, each time it was asked",
        remedy=_LOG,
    ),
    Meaning(
        status=409,
        type="key_already_exists",
        happened="this id is taken on the server, in this project or another one",
        remedy="ids of keys are unique on a whole server: give the key another name",
    ),
    Meaning(
        status=429,
        type="general_rate_limit_exceeded",
        happened="the server was asked too often",
        remedy="wait some minutes, after a login an hour; then run the same command again, with a lower --parallelism",
    ),
    Meaning(
        status=500,
        type="general_unknown",
        happened="the server failed, each time it was asked",
        remedy=_LOG,
        quotes=True,
    ),
    Meaning(
        status=500,
        type="general_server_error",
        happened="the server failed, each time it was asked",
        remedy=_LOG,
        quotes=True,
    ),
    Meaning(
        status=401,
        type=FOREIGN,
        happened="something before the server asks for a password",
        remedy="whoever runs the proxy before {endpoint} must let this machine through",
    ),
    Meaning(
        status=403,
        type=FOREIGN,
        happened="something before the server refuses",
        remedy="whoever runs the proxy or firewall before {endpoint} must let this machine through",
    ),
    Meaning(
        status=404,
        type=FOREIGN,
        happened="the server knows no such call",
        remedy=_NO_APPWRITE,
    ),
    Meaning(
        status=429,
        type=FOREIGN,
        happened="something before the server was asked too often",
        remedy="wait some minutes, then run the same command again, with a lower --parallelism",
    ),
)

BY_STATUS = {
    (401, 403): "whoever handed out {credential} must see why it is refused, or hand out another one",
    (429,): "wait some minutes, then run the same command again, with a lower --parallelism",
    (408, 500, 502, 503, 504): _LOG,
}
"""What to do about an answer that no row is about."""

ELSE = "run plan again; if it stays, {endpoint} follows other rules than this version knows"
_BY_KEY = {(meaning.status, meaning.type, meaning.case): meaning for meaning in MEANINGS}


def meaning_of(status: int, kind: str, case: Case) -> Meaning | None:
    """The row for an answer, in its case or else in any."""
    return _BY_KEY.get((status, kind, case)) or _BY_KEY.get((status, kind, ""))


def remedy_by_status(status: int) -> str:
    """What to do where nothing but the status is known."""
    return next(
        (remedy for statuses, remedy in BY_STATUS.items() if status in statuses), _LOG if status >= 500 else ELSE
    )
