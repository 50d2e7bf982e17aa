"""The GitHub Actions sink: a secret of a repository, of one of its environments, or of an organization.

GitHub shows a secret's value to nobody and has no room for a note, so all that can be seen is whether it is there and
when it was last written. One that was written before the key was made is stale; of any other nothing is known.

A value travels in a sealed box for the place's public key, which is asked for once in a run; where GitHub refuses the
box, it is asked again whether that key is still the one. Which repositories see a secret of an organization is settled
when the secret is made, and kept ever after; GitHub wants those that are selected by their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Holding, Note
from reconciler.core.quoting import clean, quoted
from reconciler.core.secret import Secret
from reconciler.core.times import parse_instant
from reconciler.edge.sinks.github_place import Place, explain, open_place
from reconciler.edge.sinks.http import Answer
from reconciler.edge.sinks.sealed_box import PublicKey, require_nacl
from reconciler.edge.sinks.surroundings import Surroundings
from reconciler.edge.sinks.written import at_the_latest
from reconciler.errors import SinkError, SinkUnavailable

_NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]*", re.ASCII)
_MAX_BYTES = 48 * 1024
_PAGE = 100


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
            raise SinkError(f"GitHub answered 422: {clean(explain(answer.body))}")

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
    place = open_place(dict(spec.options), surroundings)
    visibility = spec.option("visibility", "private") if place.path.startswith("orgs/") else None
    return GitHubSecret(
        place=place,
        name=spec.option("secret").upper(),
        visibility=visibility,
        repositories=tuple(f"{spec.option('organization')}/{name}" for name in spec.texts("repositories")),
    )


def _written(found: Any) -> datetime | None:
    match found:
        case {"updated_at": str(updated)}:
            try:
                return at_the_latest(parse_instant(updated))
            except ValueError:
                return None
        case _:
            return None
