"""An Appwrite server of one's own: a database, a profile, a clock, and the ASGI application over them.

It knows no organizations and users beyond their names: whoever holds the console session is the owner
of every project.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.emulator import actions, dates
from reconciler.emulator.app import App
from reconciler.emulator.params import KeyFields
from reconciler.emulator.profile import Profile, server
from reconciler.emulator.store import Project, Store, Taken, new_secret
from reconciler.emulator.wire import ASGIApp


def _wall_clock() -> datetime:
    return datetime.now(UTC)


class Emulator:
    """An emulated Appwrite server.

    Several may share one database file, in one process or in many.

    Args:
        database: the SQLite file, made with its folder where absent; None keeps everything in memory.
        profile: which server to be.
        clock: the server's time, an aware datetime; tests move it.

    Attributes:
        app: the ASGI application, for `httpx.ASGITransport` or `serve`; may be replaced by a wrapper.
    """

    app: ASGIApp

    def __init__(
        self,
        database: Path | None = None,
        *,
        profile: Profile = "main",
        clock: Callable[[], datetime] = _wall_clock,
    ) -> None:
        self._server = server(profile)
        self._clock = clock
        self._store = Store(database)
        self._session = self._store.setting("console_session", secrets.token_urlsafe(48))
        self.app = App(self._store, self._server, self._session, clock)

    def ensure_project(self, project_id: str, *, organization: str = "emulator") -> None:
        """Make the project unless it is there; ids compare without case, `organization` is then left."""
        self._store.ensure_project(Project(project_id, organization))

    def console_session(self) -> str:
        """The value of the cookie `a_session_console`: the owner's, stable per database."""
        return self._session

    def add_key(
        self,
        project_id: str,
        key_id: str,
        scopes: Sequence[str],
        *,
        name: str | None = None,
        expire: datetime | None = None,
        secret: str | None = None,
    ) -> str:
        """Put a key into a project past all checks, and return its secret.

        Raises:
            ValueError: there is no such project, or the id is taken on this server.
        """
        if self._store.project(project_id) is None:
            raise ValueError(f"the emulator has no project {project_id!r}: call ensure_project first")
        end = None if expire is None else dates.render(expire)
        fields = KeyFields(name=name or key_id, scopes=_compact(scopes), expire=end, expire_as_sent=end)
        key = actions.new_key(project_id, key_id, fields, self._clock())
        key = replace(key, secret=secret or key.secret)
        try:
            self._store.add(key)
        except Taken as error:
            raise ValueError(f"the key id {key_id!r} is taken on this server") from error
        return key.secret

    def add_organization_key(self, organization: str, scopes: Sequence[str]) -> str:
        """Make a key of an organization and return its secret, `organization_<256 hex>`."""
        secret = new_secret("organization")
        self._store.add_organization_key(secret, organization, _compact(scopes))
        return secret

    def close(self) -> None:
        """Let go of the database; the application answers nothing afterwards."""
        self._store.close()


def _compact(scopes: Sequence[str]) -> str:
    return json.dumps(list(scopes), separators=(",", ":"))
