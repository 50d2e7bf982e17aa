"""The GitHub Actions sink: a secret of a repository, of one of its environments, or of an organization.

GitHub shows a secret's value to nobody and has no room for a note, so all that can be seen is whether it is there and
when it was last written. One that was written before the key was made is stale; of any other nothing is known.

A value travels in a sealed box for the place's public key, which is asked for once in a run; where GitHub refuses the
box, it is asked again whether that key is still the one. Which repositories see a secret of an organization is settled
when the secret is made, and kept ever after; GitHub wants those that are selected by their numbers.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.core.desired import OptionValue, SinkSpec
from reconciler.core.holding import EMPTY, Holding, Note
from reconciler.core.quoting import clean, quoted
from reconciler.core.secret import Secret
from reconciler.core.times import parse_instant
from reconciler.edge.sinks.http import Answer, Service
from reconciler.edge.sinks.http_client import open_client
from reconciler.edge.sinks.sealed_box import PublicKey, public_key_in, require_nacl
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.edge.sinks.written import at_the_latest
from reconciler.errors import SinkError, SinkUnavailable

if TYPE_CHECKING:
    import httpx

_API = "https://api.github.com"
_HEADERS = {
    "Accept": "application/vnd.github+json",
    "User-Agent": "appwrite-reconciler",  # GitHub answers nobody who names himself not
    "X-GitHub-Api-Version": "2022-11-28",
}
_NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]*", re.ASCII)
_MAX_BYTES = 48 * 1024
_PAGE = 100
_PATIENCE = 60.0
"""GitHub's own advice after a secondary rate limit is to wait for a minute."""
_HINT = "GH_TOKEN or GITHUB_TOKEN must be a token that may write {}: the guide for GitHub Actions says which"


class Place:
    """A repository, an environment or an organization, with what all its sinks need: good for any thread."""

    def __init__(self, github: Service, path: str, absent: Callable[[Service], SinkUnavailable]) -> None:
        self.github = github
        self.path = path
        self._absent = absent
        self._lock = threading.Lock()
        self._key: PublicKey | None = None
        self._writable = False
        self._numbers: dict[str, int] = {}

    def public_key(self) -> PublicKey:
        """The place's public key. Raises SinkUnavailable where the token may not read it."""
        with self._lock:
            if self._key is None:
                answer = self.github.read(f"{self.path}/public-key")
                if answer.status == 404:
                    raise self._absent(self.github)
                self._key = public_key_in(answer)
            return self._key

    def renewed_key(self, refused: PublicKey) -> PublicKey | None:
        """The public key that has taken the place of a refused one; None where that still is the one."""
        with self._lock:
            if self._key is not None and self._key.id != refused.id:  # another thread was here
                return self._key
            conditional = {"If-None-Match": refused.etag} if refused.etag else {}
            answer = self.github.read(f"{self.path}/public-key", known=frozenset({200, 304}), headers=conditional)
            if answer.status == 304:
                return None
            self._key = public_key_in(answer)
            return self._key if self._key.id != refused.id else None

    def number(self, repository: str) -> int:
        """A repository's number, by its path. Raises SinkUnavailable where the token sees none."""
        with self._lock:
            if repository not in self._numbers:
                answer = self.github.read(f"repos/{quote(repository)}")
                match answer.status, answer.body:
                    case 200, {"id": int(number)}:
                        self._numbers[repository] = number
                    case 404, _:
                        raise _not_there(f"repository {quoted(repository)}")
                    case _:
                        raise SinkUnavailable("GitHub answered with something that is no repository")
            return self._numbers[repository]

    def prove_writable(self) -> None:
        """Raise SinkError where the token may not write secrets here: it is asked to delete one that is not there."""
        with self._lock:
            if not self._writable:
                nobody = f"{self.path}/RECONCILER_{secrets.token_hex(16).upper()}"
                self.github.call("DELETE", nobody, known=frozenset({204, 404}))
                self._writable = True


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHubSecret:
    """One secret; the `SecretSink` port. `visibility` is that of an organization's secret that is made, else None;
    where that is `selected`, `repositories` are the paths of those that see it.
    """

    place: Place
    name: str
    visibility: str | None
    repositories: tuple[str, ...] = ()

    def preflight(self) -> None:
        """Raise SinkError where the name is none for a secret, the token may not write secrets there, or a repository
        that is to see the secret is not there.
        """
        if not _NAME.fullmatch(self.name):
            raise SinkError(
                f"GitHub has no secrets called {quoted(self.name)}",
                hint="letters, digits and underscores, not beginning with a digit or with GITHUB_",
            )
        require_nacl()
        self.place.public_key()
        self.place.prove_writable()
        for repository in self.repositories:
            self.place.number(repository)

    def look(self) -> Holding:
        """Whether the secret is there, and when it was written at the latest."""
        found = self._found()
        return EMPTY if found is None else Holding(occupied=True, written=_written(found))

    def write(self, secret: Secret, note: Note | None) -> None:  # noqa: ARG002 - there is no room for a note
        """Set the secret."""
        if len(secret.reveal().encode()) > _MAX_BYTES:
            raise SinkError("a secret of GitHub Actions holds 48 KB at most")
        audience = self._audience() if self.visibility else {}
        key = self.place.public_key()
        answer = self._put(secret, key, audience)
        if answer.status == 422 and (renewed := self.place.renewed_key(key)):
            answer = self._put(secret, renewed, audience)
        if answer.status == 422:
            raise SinkError(f"GitHub answered 422: {clean(_explain(answer.body))}")

    def remove(self) -> None:
        """Delete the secret."""
        self.place.github.call("DELETE", self._path, known=frozenset({204, 404}))

    @property
    def _path(self) -> str:
        return f"{self.place.path}/{self.name}"

    def _found(self) -> Any:
        """What GitHub says of the secret; None where it is not there."""
        answer = self.place.github.read(self._path)
        if answer.status == 404:
            self.place.public_key()  # 404 is also the answer to those who may not know
            return None
        return answer.body

    def _audience(self) -> Mapping[str, Any]:
        """Who sees an organization's secret: as it is now, else as the manifest has it."""
        match self._found():
            case None if self.visibility == "selected":
                numbers = [self.place.number(repository) for repository in self.repositories]
                return {"visibility": "selected", "selected_repository_ids": numbers}
            case None:
                return {"visibility": self.visibility}
            case {"visibility": "selected"}:
                return {"visibility": "selected", "selected_repository_ids": self._selected()}
            case {"visibility": str(visibility)}:
                return {"visibility": visibility}
            case _:
                raise SinkUnavailable("GitHub does not say who sees the secret as it is now")

    def _selected(self) -> list[int]:
        ids: list[int] = []
        while True:
            page = {"per_page": str(_PAGE), "page": str(len(ids) // _PAGE + 1)}
            answer = self.place.github.read(f"{self._path}/repositories", known=frozenset({200}), params=page)
            match answer.body:
                case {"repositories": [*repositories]}:
                    ids += [repository["id"] for repository in repositories]
                case _:
                    raise SinkUnavailable("GitHub does not say which repositories see the secret as it is now")
            if len(repositories) < _PAGE:
                return ids

    def _put(self, secret: Secret, key: PublicKey, audience: Mapping[str, Any]) -> Answer:
        body = {"encrypted_value": key.sealed(secret), "key_id": key.id, **audience}
        return self.place.github.call("PUT", self._path, known=frozenset({201, 204, 422}), json=body)


def open_sink(spec: SinkSpec, surroundings: Surroundings) -> GitHubSecret:
    """The sink of a `github_actions:` entry. Raises SinkUnavailable where there is no token."""
    address = surroundings.variables.get("GITHUB_API_URL") or _API
    http = surroundings.shared(("github", address), lambda: _client(address, surroundings))
    path, what, absent = _place(dict(spec.options))
    github = Service(name="GitHub", hint=_HINT.format(what), http=http, explain=_explain, patience=_PATIENCE)
    place = surroundings.shared(("github", address, path.lower()), lambda: Place(github, path, absent))
    visibility = spec.option("visibility", "private") if path.startswith("orgs/") else None
    return GitHubSecret(
        place=place,
        name=spec.option("secret").upper(),
        visibility=visibility,
        repositories=tuple(f"{spec.option('organization')}/{name}" for name in spec.texts("repositories")),
    )


def _place(options: Mapping[str, OptionValue]) -> tuple[str, str, Callable[[Service], SinkUnavailable]]:
    """The path of the secrets, what the token must be able to write, and why they may not be there."""
    match options:
        case {"organization": str(organization)}:
            path, what = f"orgs/{quote(organization, safe='')}", f"the Actions secrets of {organization}"
            return f"{path}/actions/secrets", what, lambda _: _not_there(f"organization {quoted(organization)}")
        case {"repository": str(repository), "environment": str(environment)}:
            above = f"repos/{quote(repository)}"

            def absent(github: Service) -> SinkUnavailable:
                if github.read(above).status == 404:
                    return _not_there(f"repository {quoted(repository)}")
                return SinkUnavailable(
                    f"{repository} has no environment {quoted(environment)}",
                    hint="create it first, in the repository's settings under Environments",
                )

            return (
                f"{above}/environments/{quote(environment, safe='')}/secrets",
                f"the environments of {repository}",
                absent,
            )
        case {"repository": str(repository)}:
            path, what = f"repos/{quote(repository)}", f"the Actions secrets of {repository}"
            return f"{path}/actions/secrets", what, lambda _: _not_there(f"repository {quoted(repository)}")
        case _:
            raise KeyError("repository")


def _not_there(what: str) -> SinkUnavailable:
    return SinkUnavailable(
        f"GitHub has no {what}, or shows it not to this token", hint="see how it is spelt, and what the token may do"
    )


def _client(address: str, surroundings: Surroundings) -> httpx.Client:
    token = surroundings.secret("GH_TOKEN", "GITHUB_TOKEN")  # in the order of GitHub's own program
    if token is None:
        raise SinkUnavailable(
            "there is no credential for GitHub: neither GH_TOKEN nor GITHUB_TOKEN is set",
            hint="the guide for GitHub Actions says which token can write secrets",
        )
    credential = ("Authorization", Secret(f"Bearer {token.reveal()}"))
    return open_client(address, "GitHub", _HEADERS, credential, moves=True)


def _written(found: Any) -> datetime | None:
    match found:
        case {"updated_at": str(updated)}:
            try:
                return at_the_latest(parse_instant(updated))
            except ValueError:
                return None
        case _:
            return None


def _explain(body: Any) -> str:
    match body:
        case {"message": str(message)}:
            return message
        case _:
            return ""
