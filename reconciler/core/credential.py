"""The credential of a run as plans and guards know it: everything but its secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

PROJECT_VARIABLE = "APPWRITE_API_KEY"
ORGANIZATION_VARIABLE = "APPWRITE_ORGANIZATION_API_KEY"
"""Where a credential is read that no manifest names, as Appwrite's own tools call it."""

CredentialKind = Literal["project_key", "ephemeral_key", "organization_key", "session"]

KINDS: dict[CredentialKind, str] = {
    "project_key": "project key",
    "ephemeral_key": "ephemeral key",
    "organization_key": "organization key",
    "session": "console session",
}
"""What each is called in messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialInUse:
    """What is known of a credential before it is used.

    Attributes:
        source: where it was read, in words.
        id: the id that the manifest says it has; of an ephemeral key, that of the key which made it.
        declared_end: when it ends, as the manifest says.
        end: when it ends, as an ephemeral key says of itself.
        scopes: what it may do, as an ephemeral key says of itself.
    """

    kind: CredentialKind
    source: str
    id: str | None = None
    declared_end: datetime | None = None
    end: datetime | None = None
    scopes: frozenset[str] | None = None

    def __str__(self) -> str:
        return f"the {KINDS[self.kind]} in {self.source}"

    def ends(self, own: datetime | None) -> datetime | None:
        """When it ends, as far as anybody has said; `own` is the end of the live key that it is."""
        told = [each for each in (self.declared_end, self.end, own) if each is not None]
        return min(told, default=None)

    @property
    def is_of_project(self) -> bool:
        """Whether it is a key of the project, or made by one."""
        return self.kind in {"project_key", "ephemeral_key"}
