"""One call with all that an answer to it may depend on, and who makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.emulator import errors
from reconciler.emulator.people import Organization, People, Session, User
from reconciler.emulator.profile import Server
from reconciler.emulator.routes import Route
from reconciler.emulator.stale import StaleProjects
from reconciler.emulator.store import Project, Store
from reconciler.emulator.wire import Request

CONSOLE = "console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request with the server it reaches. `signing` is the secret of the server's tokens."""

    request: Request
    route: Route
    server: Server
    store: Store
    people: People
    stale: StaleProjects
    signing: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a project key holds; `key_id` is the stored key, also behind an ephemeral one (None where unknown)."""

    scopes: frozenset[str]
    expire: str | None
    key_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The other side.

    Attributes:
        project: what the call is made to; None on the console.
        organization: whom the project belongs to, or whom the caller names on the console.
        who: the name in an error, with its `role`.
        scopes: None holds all of them.
        grant: for a project key only.
        by_token: a session, by way of a JWT.
    """

    project: Project | None
    organization: Organization | None
    who: str
    role: str
    scopes: frozenset[str] | None
    grant: Grant | None = None
    user: User | None = None
    session: Session | None = None
    by_token: bool = False

    def demand(self, scopes: Sequence[str]) -> None:
        """Refuse the call unless one of the scopes is held."""
        if self.scopes is not None and self.scopes.isdisjoint(scopes):
            raise errors.missing_scope(self.who, self.role, scopes)
