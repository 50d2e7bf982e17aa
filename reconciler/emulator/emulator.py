"""An Appwrite server of one's own: a database, a profile, a clock, and the ASGI application over them.

Organizations, users and their passwords are made here, not by calls. The owner of the emulator is a user
of the console who owns every organization; others own those that they are given.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.emulator import account, actions, dates, tokens
from reconciler.emulator.app import App
from reconciler.emulator.database import Database
from reconciler.emulator.ids import random_id
from reconciler.emulator.params import KeyFields
from reconciler.emulator.people import Organization, OrganizationKey, People, User
from reconciler.emulator.profile import Profile, server
from reconciler.emulator.store import Project, Store, Taken, new_secret
from reconciler.emulator.wire import ASGIApp

_TOKEN_SECONDS = 3600
_OWNER = "owner@emulator.invalid"


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
        chosen = server(profile)
        self._has_organization_keys = chosen.organization_keys
        self._clock = clock
        self._database = Database(database)
        self._store = Store(self._database)
        self._people = People(self._database)
        self._owner = self._ensure_owner()
        self.console_session()
        self._signing = self._database.setting("signing", secrets.token_urlsafe(48))
        self.app = App(self._store, self._people, chosen, self._signing, clock)

    def ensure_organization(self, organization: str, *, name: str | None = None) -> None:
        """Make the organization unless it is there; ids compare without case, `name` is then left."""
        moment = dates.render(self._clock())
        self._people.ensure_organization(Organization(organization, name or organization, moment))

    def ensure_project(self, project_id: str, *, organization: str = "emulator", name: str | None = None) -> None:
        """Make the project, and its organization, unless they are there; ids compare without case, the rest is then
        left.
        """
        if self._store.project(project_id) is not None:
            return
        self.ensure_organization(organization)
        moment = dates.render(self._clock())
        self._store.ensure_project(Project(project_id, organization, name or project_id, moment, moment))

    def add_user(self, email: str, password: str, *, name: str = "", organizations: Sequence[str] = ()) -> str:
        """Make a user of the console, an owner of these organizations, and return the user's id.

        Raises:
            ValueError: the address is taken, or an organization does not exist.
        """
        for organization in organizations:
            if self._people.organization(organization) is None:
                raise ValueError(f"the emulator has no organization {organization!r}: call ensure_organization first")
        now = self._clock()
        user = User(random_id(now), email, name, password, organizations, dates.render(now))
        self._people.add_user(user)
        return user.id

    def console_login(self) -> tuple[str, str]:
        """E-mail address and password of the owner, stable per database."""
        return self._owner.email, self._owner.password

    def console_session(self) -> str:
        """The value of the cookie `a_session_console`: the owner's, stable per database, and alive again if it was
        ended.
        """
        session = account.new_session(self._owner, self._clock())
        value = self._database.setting("console_session", session.value)
        self._people.ensure_session(replace(session, value=value, expire="9999-12-31T23:59:59.999+00:00"))
        return value

    def session_of(self, user_id: str) -> str:
        """A new session of a user, as a login would make it.

        Raises:
            ValueError: there is no such user.
        """
        user = self._people.user(user_id)
        if user is None:
            raise ValueError(f"the emulator has no user {user_id!r}: call add_user first")
        session = account.new_session(user, self._clock())
        self._people.ensure_session(session)
        return session.value

    def token_of(self, session: str) -> str:
        """A JWT that stands for a session for an hour, as `POST /v1/account/jwts` would make it.

        Raises:
            ValueError: there is no such session.
        """
        found = self._people.session(session)
        if found is None:
            raise ValueError("the emulator has no such session")
        said = {"userId": found.user, "sessionId": found.id}
        return tokens.encode(said, self._signing, self._clock(), _TOKEN_SECONDS)

    def count_keys(self, project_id: str) -> int:
        """How many keys a project has."""
        return self._store.count("project = ?", [project_id], sys.maxsize)

    def add_key(  # noqa: PLR0913 - what a key has
        self,
        project_id: str,
        key_id: str,
        scopes: Sequence[str],
        *,
        name: str | None = None,
        expire: datetime | None = None,
        secret: str | None = None,
        description: str = "",
    ) -> str:
        """Put a key into a project past all checks, and return its secret.

        Raises:
            ValueError: there is no such project, or the id is taken on this server.
        """
        if self._store.project(project_id) is None:
            raise ValueError(f"the emulator has no project {project_id!r}: call ensure_project first")
        end = None if expire is None else dates.render(expire)
        fields = KeyFields(
            name=name or key_id, scopes=_compact(scopes), expire=end, expire_as_sent=end, description=description
        )
        key = actions.new_key(project_id, key_id, fields, self._clock())
        key = replace(key, secret=secret or key.secret)
        try:
            self._store.add(key)
        except Taken as error:
            raise ValueError(f"the key id {key_id!r} is taken on this server") from error
        return key.secret

    def add_organization_key(self, organization: str, scopes: Sequence[str]) -> str:
        """Make a key of an organization, and that where it is missing; return the secret, `organization_<256 hex>`.

        Raises:
            ValueError: this profile has no keys of organizations.
        """
        if not self._has_organization_keys:
            raise ValueError("no server of this profile has keys of organizations")
        self.ensure_organization(organization)
        secret = new_secret("organization")
        self._people.add_organization_key(OrganizationKey(secret, organization, _compact(scopes)))
        return secret

    def close(self) -> None:
        """Let go of the database; the application answers nothing afterwards."""
        self._database.close()

    def _ensure_owner(self) -> User:
        """The owner, made at the first opening of the database."""
        found = self._people.user_of(_OWNER)
        if found is None:
            now = self._clock()
            password = self._database.setting("console_password", secrets.token_urlsafe(24))
            owner = User(random_id(now), _OWNER, "Owner", password, None, dates.render(now))
            with suppress(ValueError):  # another process on the same file was first
                self._people.add_user(owner)
            found = self._people.user_of(_OWNER)
            assert found is not None
        return found


def _compact(scopes: Sequence[str]) -> str:
    return json.dumps(list(scopes), separators=(",", ":"))
