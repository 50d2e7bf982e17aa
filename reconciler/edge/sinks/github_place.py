"""Where secrets of GitHub Actions stand: a repository, one of its environments, or an organization."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from reconciler.core.desired import OptionValue
from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.edge.sinks.http import Service
from reconciler.edge.sinks.http_client import open_client
from reconciler.edge.sinks.sealed_box import PublicKey, public_key_in
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.errors import SinkUnavailable

if TYPE_CHECKING:
    import httpx

_API = "https://api.github.com"
_HEADERS = {
    "Accept": "application/vnd.github+json",
    "User-Agent": "appwrite-reconciler",  # GitHub answers nobody who names himself not
    "X-GitHub-Api-Version": "2022-11-28",
}
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


def open_place(options: Mapping[str, OptionValue], surroundings: Surroundings) -> Place:
    """The place that the options of a sink name. Raises SinkUnavailable where there is no token."""
    address = surroundings.variables.get("GITHUB_API_URL") or _API
    http = surroundings.shared(("github", address), lambda: _client(address, surroundings))
    path, what, absent = _place(options)
    github = Service(name="GitHub", hint=_HINT.format(what), http=http, explain=explain, patience=_PATIENCE)
    return surroundings.shared(("github", address, path.lower()), lambda: Place(github, path, absent))


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


def explain(body: Any) -> str:
    """What GitHub says of an error."""
    match body:
        case {"message": str(message)}:
            return message
        case _:
            return ""
