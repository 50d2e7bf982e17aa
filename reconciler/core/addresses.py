"""What endpoints, projects and organizations look like.

Complaints never repeat a value, because variables fill them; `presentable` is what may be shown of an endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import SplitResult, urlsplit

EMULATOR = "emulator"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,35}")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

Complaint = tuple[str, str]
"""What is wrong, as the rest of a sentence, and a hint."""


def clean_endpoint(text: str) -> str:
    """The endpoint without the slash that people leave at its end."""
    return text.rstrip("/")


def endpoint_complaint(text: str) -> Complaint | None:
    """Why a text is no endpoint; None where it is one."""
    if text == EMULATOR:
        return None
    url = _web_address(text)
    if url is None:
        return "is not the address of a server", "write emulator, or such as https://fra.cloud.appwrite.io/v1"
    return _url_complaint(url)


def _web_address(text: str) -> SplitResult | None:
    try:
        url = urlsplit(clean_endpoint(text))
        has_port = url.port is None or url.port > 0
    except ValueError:
        return None
    valid = url.scheme in {"http", "https"} and url.hostname and has_port
    return url if valid and not any(character.isspace() for character in text) else None


def _url_complaint(url: SplitResult) -> Complaint | None:
    if url.username is not None or url.password is not None:
        return "holds a user name or password", "name the credential with `credential:` instead"
    if url.query or url.fragment:
        return "holds more than an address", "leave out what follows ? or #"
    if not url.path.endswith("/v1"):
        return "does not end in /v1", f"write {url.scheme}://{url.netloc}{url.path}/v1"
    return None


def presentable(endpoint: str) -> str:
    """Scheme, host and path of a web address; empty for any other text, and for one that may hold a password."""
    try:
        url = urlsplit(endpoint)
    except ValueError:
        return ""
    whole = url.scheme and url.hostname and "@" not in endpoint
    return f"{url.scheme}://{url.netloc}{url.path}" if whole else ""


def same_server(address: str) -> str:
    """A text that all ways to write a server's address have in common: host in lower case, usual ports left out."""
    try:
        url = urlsplit(clean_endpoint(address))
        usual = {"http": 80, "https": 443}.get(url.scheme)
        port = "" if url.port in {None, usual} else f":{url.port}"
    except ValueError:
        return address
    return f"{url.scheme}://{url.hostname}{port}{url.path}" if url.hostname else address


def is_clear_text(endpoint: str) -> bool:
    """Whether credentials and secrets would cross a network unencrypted."""
    url = urlsplit(endpoint)
    return url.scheme == "http" and url.hostname not in _LOCAL


def project_complaint(text: str) -> Complaint | None:
    """Why a text is no project id; None where it is one."""
    if text == "console":
        return "is the console's own project", "name one of yours"
    return _id_complaint(text, "a project")


def organization_complaint(text: str) -> Complaint | None:
    """Why a text is no organization id; None where it is one."""
    return _id_complaint(text, "an organization")


def _id_complaint(text: str, what: str) -> Complaint | None:
    if _ID.fullmatch(text):
        return None
    return f"is not the id of {what}", "ids have 1 to 36 letters, digits, dots, hyphens and underscores"


COMPLAINTS: dict[str, Callable[[str], Complaint | None]] = {
    "endpoint": endpoint_complaint,
    "project": project_complaint,
    "organization": organization_complaint,
}
"""By field: the fields in which variables are expanded."""
