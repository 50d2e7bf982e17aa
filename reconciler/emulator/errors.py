"""The errors an Appwrite server answers with, to the letter of the recordings.

An error is raised anywhere below the application, and rendered once, there. Its body is
`{message, code, type, version}`; a message belongs to Appwrite and is never improved here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence


class ApiError(Exception):
    """An answer of the error shape; `kind` is Appwrite's `type`, None where it has none (and says HTML)."""

    def __init__(self, status: int, kind: str | None, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


class RouteNotFound(Exception):
    """No such route: the one error that is an HTML page, whatever the client accepts."""


def invalid_param(name: str, reason: str) -> ApiError:
    """A parameter fails its validator; `reason` is the validator's own text."""
    return ApiError(400, "general_argument_invalid", f"Invalid `{name}` param: {reason}")


def missing_param(name: str) -> ApiError:
    """A required parameter was not sent at all."""
    return ApiError(400, "general_argument_invalid", f'Param "{name}" is not optional.')


def cursor_not_found(identity: str, kind: str = "Key") -> ApiError:
    """A cursor names nothing that is listed."""
    return ApiError(400, "general_cursor_not_found", f"{kind} '{identity}' for the 'cursor' value not found.")


def cursor_on_null(attribute: str) -> ApiError:
    """A list is ordered by something that its cursor lacks."""
    return ApiError(
        400,
        "database_query_order_null",
        f"The order attribute '{attribute}' had a null value. "
        "Cursor pagination requires all documents order attribute values are non-null.",
    )


def admin_mode_on_console() -> ApiError:
    """`X-Appwrite-Mode: admin` without a project."""
    return ApiError(400, "general_bad_request", "Admin mode is not allowed for console project")


def missing_scope(who: str, role: str, scopes: Sequence[str]) -> ApiError:
    """The caller is known, if only as a guest, and may not do this."""
    message = f"{who} (role: {role}) missing scopes ({json.dumps(scopes, separators=(',', ':'))})"
    return ApiError(401, "general_unauthorized_scope", message)


def unauthorized() -> ApiError:
    """A key that is not, or not here, or behind the first 1,000."""
    message = "The current user is not authorized to perform the requested action."
    return ApiError(401, "user_unauthorized", message)


def key_expired() -> ApiError:
    """A key whose time has passed."""
    message = "The project key has expired. Please generate a new key using the Appwrite console."
    return ApiError(401, "project_key_expired", message)


def access_forbidden() -> ApiError:
    """A key route on the console itself."""
    return ApiError(401, "general_access_forbidden", "Access to this API is forbidden.")


def owner_header_missing(owner: str) -> ApiError:
    """`owner` is `project`, `organization` or `user`: whom the key belongs to."""
    kind = "account" if owner == "user" else owner
    message = f"When using {kind} API key, make sure to pass x-appwrite-{owner} header with your {owner} ID."
    return ApiError(403, f"{owner}_id_missing", message)


def unknown_origin(description: str) -> ApiError:
    """A web page that no platform of the project stands for."""
    return ApiError(403, "general_unknown_origin", description)


def token_invalid(reason: str) -> ApiError:
    """An `X-Appwrite-JWT` that is none, or over."""
    return ApiError(401, "user_jwt_invalid", f"Failed to verify JWT. {reason}")


def token_and_session() -> ApiError:
    """A JWT beside a session."""
    return ApiError(403, "user_jwt_and_cookie_set", "JWT and cookie are set in the same request")


def account_key_and_session() -> ApiError:
    """An account key beside a session."""
    return ApiError(
        403,
        "user_api_key_and_session_set",
        "API key and session used in same request. Use either setSession or setKey. Learn about which authentication "
        "method to use in the SSR docs: https://appwrite.io/docs/products/auth/server-side-rendering",
    )


def credentials_invalid() -> ApiError:
    """No user of that e-mail address and password."""
    message = "Invalid credentials. Please check the email and password."
    return ApiError(401, "user_invalid_credentials", message)


def session_exists() -> ApiError:
    """A login by somebody who is logged in."""
    message = "Creation of a session is prohibited when a session is active."
    return ApiError(401, "user_session_already_exists", message)


def session_not_found() -> ApiError:
    """The end of a session by somebody who has none."""
    return ApiError(404, "user_session_not_found", "The current user session could not be found.")


def too_many() -> ApiError:
    """More calls than are let through in an hour."""
    message = "Rate limit for the current endpoint has been exceeded. Please try again after some time."
    return ApiError(429, "general_rate_limit_exceeded", message)


def team_not_found() -> ApiError:
    """The organization that a call names does not exist."""
    return ApiError(404, "team_not_found", "Team with the requested ID could not be found.")


def grant_exceeded() -> ApiError:
    """A key that gives more than it holds. Assumed: the real status, type and text are not known."""
    message = "An API key cannot grant scopes or an expiry beyond its own."
    return ApiError(403, "key_grant_exceeded", message)


def creation_denied() -> ApiError:
    """A project key creates a key."""
    return ApiError(
        403,
        "key_creation_denied",
        "An API key cannot be created from a request authorized with an API key. Authenticate with a "
        "session instead. To create a short-lived key from a server, use the ephemeral key endpoint.",
    )


def key_not_found() -> ApiError:
    """No such key in this project, whatever other projects hold."""
    return ApiError(404, "key_not_found", "Key with the requested ID could not be found.")


def project_not_found() -> ApiError:
    """The project that a call names does not exist."""
    return ApiError(
        404,
        "project_not_found",
        "Project with the requested ID could not be found. Please check the value of the "
        "X-Appwrite-Project header to ensure the correct project ID is being used.",
    )


def key_exists() -> ApiError:
    """The id is taken on this server, in whichever project and case."""
    message = "Key with the same ID already exists. Try again with a different ID."
    return ApiError(409, "key_already_exists", message)


def server_error() -> ApiError:
    """What validators let through and the database refuses."""
    return ApiError(500, "general_unknown", "Server Error")


def untyped_server_error() -> ApiError:
    """1.9.x on a JSON body that is a bare scalar: an error outside the API, hence without `type`."""
    return ApiError(500, None, "Error: Server Error")


def query_unsupported(method: str) -> ApiError:
    """Not Appwrite's: a query method that no recording shows, refused rather than guessed."""
    message = f"The emulator does not know the query method '{method}'."
    return ApiError(501, "general_not_implemented", message)
