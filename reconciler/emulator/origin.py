"""Which web pages may call: a foreign `Origin` without a key is refused, as a guard against forged requests.

Known are the console's own host names. Nobody registers platforms here.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from reconciler.emulator import errors
from reconciler.emulator.wire import Request

_PLATFORMS = {
    "http": "Web",
    "https": "Web",
    "appwrite-ios": "iOS",
    "appwrite-macos": "macOS",
    "appwrite-watchos": "watchOS",
    "appwrite-tvos": "tvOS",
    "appwrite-android": "Android",
    "appwrite-windows": "Windows",
    "appwrite-linux": "Linux",
}
_WEB = frozenset({"http", "https"})


def check(request: Request, project_id: str) -> None:
    """Refuse a call from somewhere unknown."""
    origin = request.header("origin")
    if not origin or request.header("x-appwrite-key"):
        return
    parsed = urlsplit(origin)
    host = parsed.hostname or ""
    known = parsed.scheme in _WEB and host in {"localhost", request.hostname}
    if not known and parsed.scheme not in {"exp", f"appwrite-callback-{project_id}"}:
        raise errors.unknown_origin(_description(origin, parsed.scheme, host))


def _description(origin: str, scheme: str, host: str) -> str:
    if not scheme and not host:
        return "Invalid Origin."
    platform = _PLATFORMS.get(scheme)
    if platform is None:
        return (
            f"Invalid Scheme. The scheme used ({scheme}) in the Origin ({origin}) is not supported. If you are using "
            "a custom scheme, please change it to `appwrite-callback-<PROJECT_ID>`"
        )
    client = f"({host})" if host else ""
    return (
        f"Invalid Origin. Register your new client {client} as a new {platform} platform on your project console "
        "dashboard"
    )
