"""GitHub's REST API for Actions secrets, on a socket: it opens each sealed box with the private key, as GitHub does.

Where its rules come from:
- routes, statuses (200, 201, 204), fields, pages, and that environments have public keys of their own:
  https://docs.github.com/en/rest/actions/secrets, and cli/cli#3831 for the last
- boxes of libsodium, in base64, for a key that is named by its id:
  https://docs.github.com/en/rest/guides/encrypting-secrets-for-the-rest-api; the words of the refusals from
  github/rest-api-description#419 and #1688, and integrations/terraform-provider-github#2315
- names of secrets and 48 KB: https://docs.github.com/en/actions/reference/security/secrets, and changesets/action#526
- 404 for what a token may not know of, 401 and 403: https://docs.github.com/en/rest/using-the-rest-api/troubleshooting
  and actions/runner#1008; a request without User-Agent is refused, as is an unknown X-GitHub-Api-Version
- a missing environment has no public key, 404: jadolg/klum#97
- rate limits: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
- `selected_repository_ids` of an organization's secret are numbers, as `GET /repos/OWNER/NAME` tells them, and go with
  the visibility `selected` alone: https://docs.github.com/en/rest/actions/secrets
- ETag, If-None-Match and redirects of renamed repositories:
  https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api

Two answers are assumed, for no document has them: that a box for a key that is not the present one is refused with the
words for a bad box, and that the right to write is looked at before a secret that is to be deleted is.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from tests.support.http_service import Calls, Reply, Request, serving

TOKEN = "github_pat_k4n4ry0github0token"
READ_ONLY = "github_pat_k4n4ry0read0only"
WORKFLOW = "ghs_k4n4ry0workflow0token"
"""The token of a workflow, which no permission lets near secrets."""

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BAD_BOX = "Bad request - validation failed due to an improperly encrypted secret"
_MAX = 48 * 1024


@dataclass(slots=True, kw_only=True)
class Kept:
    """A secret as GitHub keeps it."""

    value: str
    created: datetime
    updated: datetime
    visibility: str = ""
    selected: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Place:
    """A repository, an environment or an organization: a key pair, and secrets by name."""

    secrets: dict[str, Kept] = field(default_factory=dict)
    private: PrivateKey = field(default_factory=PrivateKey.generate)
    key_id: str = "1000"

    def rotate(self) -> None:
        """Get a new key pair; boxes for the old one are worth nothing."""
        self.private, self.key_id = PrivateKey.generate(), str(int(self.key_id) + 1)


@dataclass(slots=True, kw_only=True)
class GitHub:
    """The server's state; `address` is where it answers, and `now` its clock."""

    places: dict[str, Place] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    calls: Calls = field(default_factory=Calls)
    address: str = ""

    def add(self, place: str) -> Place:
        """Make `OWNER/NAME`, `OWNER/NAME:ENVIRONMENT` or `ORGANIZATION`."""
        self.places[place.lower()] = Place()
        return self.places[place.lower()]

    def number(self, repository: str) -> int:
        """The id of a repository."""
        return 4000 + [place for place in self.places if "/" in place and ":" not in place].index(repository.lower())

    def now(self) -> datetime:
        """In whole seconds, as GitHub writes its times."""
        return datetime.now(UTC).replace(microsecond=0)

    def answer(self, request: Request) -> Reply:
        """The answer to a call."""
        if not request.headers.get("user-agent"):
            return _error(403, "Request forbidden by administrative rules.")
        if request.headers.get("x-github-api-version", "2022-11-28") != "2022-11-28":
            return _error(400, "Unsupported API version")
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in {TOKEN, READ_ONLY, WORKFLOW}:
            return _error(401, "Bad credentials")
        match request.parts:
            case ("repos", owner, name, *_) if f"{owner}/{name}" in self.moved:
                new = request.path.replace(f"/repos/{owner}/{name}", f"/repos/{self.moved[f'{owner}/{name}']}")
                return Reply(status=301, body={"message": "Moved Permanently"}, headers={"Location": new})
            case ("repos", owner, name):
                if not self._has(owner, name):
                    return _no()
                return Reply(status=200, body={"id": self.number(f"{owner}/{name}"), "full_name": f"{owner}/{name}"})
            case ("repos", owner, name, "environments", environment, "secrets", *rest):
                return self._secrets(request, f"{owner}/{name}:{environment}", token, rest)
            case ("repos", owner, name, "actions", "secrets", *rest):
                return self._secrets(request, f"{owner}/{name}", token, rest)
            case ("orgs", organization, "actions", "secrets", *rest):
                return self._secrets(request, organization, token, rest)
            case _:
                return _no()

    def _has(self, owner: str, name: str) -> bool:
        return f"{owner}/{name}".lower() in self.places

    def _secrets(self, request: Request, where: str, token: str, rest: list[str]) -> Reply:
        place = self.places.get(where.lower())
        if place is None:
            return _no()
        if token == WORKFLOW:
            return _error(403, "Resource not accessible by integration")
        if token == READ_ONLY and request.method != "GET":
            return _error(403, "Resource not accessible by personal access token")
        match request.method, rest:
            case "GET", ["public-key"]:
                return _with_etag(request, {"key_id": place.key_id, "key": _public(place)})
            case "GET", [name]:
                kept = place.secrets.get(name.upper())
                return _with_etag(request, _shown(name, kept)) if kept else _no()
            case "GET", [name, "repositories"] if (kept := place.secrets.get(name.upper())) is not None:
                return _selected(request, kept)
            case "PUT", [name]:
                return self._put(place, name, request.body, organization="/" not in where)
            case "DELETE", [name]:
                return Reply(status=204) if place.secrets.pop(name.upper(), None) else _no()
            case _:
                return _no()

    def _put(self, place: Place, name: str, body: dict[str, object], *, organization: bool) -> Reply:
        complaint = _complaint(name, body, organization=organization)
        if complaint:
            return _error(422, complaint)
        value = _opened(place, body)
        if value is None:
            return _error(422, _BAD_BOX)
        if len(value.encode()) > _MAX:
            return _error(422, "Value is too large.")
        known = place.secrets.get(name.upper())
        selected = body.get("selected_repository_ids", [])
        assert isinstance(selected, list)
        place.secrets[name.upper()] = Kept(
            value=value,
            created=known.created if known else self.now(),
            updated=self.now(),
            visibility=str(body.get("visibility", "")),
            selected=selected,
        )
        return Reply(status=204) if known else Reply(status=201, body={})


@contextmanager
def github() -> Iterator[GitHub]:
    """GitHub with the repository `acme/shop`, its environment `production`, and the organization `acme`."""
    server = GitHub()
    for place in ("acme/shop", "acme/shop:production", "acme"):
        server.add(place)
    with serving(server.answer, server.calls) as address:
        server.address = address
        yield server


def _complaint(name: str, body: dict[str, object], *, organization: bool) -> str:
    box = body.get("encrypted_value")
    if not isinstance(box, str):
        return 'Invalid request.\n\n"encrypted_value" wasn\'t supplied.'
    if "key_id" not in body:
        return 'Invalid request.\n\n"key_id" wasn\'t supplied.'
    if not _BASE64.fullmatch(box):
        return f"Invalid request.\n\n{box} does not match /^{_BASE64.pattern}$/."
    if name.upper().startswith("GITHUB_"):
        return "Secret names must not start with GITHUB_."
    if not _NAME.fullmatch(name):
        return (
            "Secret names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_). "
            "Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_)."
        )
    if not organization:
        return ""
    visibility = body.get("visibility")
    if visibility not in {"all", "private", "selected"}:
        return 'Invalid request.\n\n"visibility" wasn\'t supplied.'
    selected = body.get("selected_repository_ids")
    if visibility != "selected" and selected is not None:
        return "Repository ids may only be given where the visibility is selected."
    if selected is not None and not (isinstance(selected, list) and all(type(each) is int for each in selected)):
        return 'Invalid request.\n\nFor "items", a repository is not a number.'
    return ""


def _opened(place: Place, body: dict[str, object]) -> str | None:
    if body["key_id"] != place.key_id:
        return None
    try:
        return SealedBox(place.private).decrypt(b64decode(str(body["encrypted_value"]))).decode()
    except (CryptoError, ValueError):
        return None


def _public(place: Place) -> str:
    return b64encode(bytes(place.private.public_key)).decode()


def _shown(name: str, kept: Kept) -> dict[str, object]:
    times = {"created_at": _time(kept.created), "updated_at": _time(kept.updated)}
    more = {"visibility": kept.visibility} if kept.visibility else {}
    return {"name": name.upper(), **times, **more}


def _selected(request: Request, kept: Kept) -> Reply:
    if kept.visibility != "selected":
        return _error(409, "Conflict when visibility type is not set to selected")
    size, page = int(request.query.get("per_page", "30")), int(request.query.get("page", "1"))
    shown = kept.selected[(page - 1) * min(size, 100) : page * min(size, 100)]
    body = {"total_count": len(kept.selected), "repositories": [{"id": each, "name": f"r{each}"} for each in shown]}
    return Reply(status=200, body=body)


def _with_etag(request: Request, body: dict[str, object]) -> Reply:
    etag = f'W/"{hashlib.sha256(json.dumps(body).encode()).hexdigest()}"'
    if request.headers.get("if-none-match") == etag:
        return Reply(status=304, headers={"ETag": etag})
    return Reply(status=200, body=body, headers={"ETag": etag})


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _error(status: int, message: str) -> Reply:
    body = {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}
    return Reply(status=status, body=body)


def _no() -> Reply:
    return _error(404, "Not Found")
