"""Who may come in other than by a project's key: console users, their sessions, organizations and their keys."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.emulator.database import Database

_USER = "SELECT id, email, name, password, organizations, created_at FROM users WHERE "
_SESSION = "SELECT value, id, user, created_at, expire FROM sessions WHERE "


@dataclass(frozen=True, slots=True)
class Organization:
    """A team of the console, which projects belong to."""

    id: str
    name: str
    created_at: str


@dataclass(frozen=True, slots=True)
class OrganizationKey:
    """A key of an organization; `scopes` is a JSON list."""

    secret: str
    organization: str
    scopes: str


@dataclass(frozen=True, slots=True)
class User:
    """Somebody at the console: an owner of the organizations listed, or of all where None are."""

    id: str
    email: str
    name: str
    password: str
    organizations: Sequence[str] | None
    created_at: str

    def owns(self, organization: str) -> bool:
        """Whether this is a member of the organization."""
        return self.organizations is None or organization in self.organizations


@dataclass(frozen=True, slots=True)
class Session:
    """A login; `value` is what cookie and headers carry."""

    value: str
    id: str
    user: str
    created_at: str
    expire: str


class People:
    """Organizations, users, sessions and organization keys in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ensure_organization(self, organization: Organization) -> None:
        """Add an organization unless its id is there."""
        self._database.write(
            "INSERT OR IGNORE INTO organizations (id, name, created_at) VALUES (?, ?, ?)",
            (organization.id, organization.name, organization.created_at),
        )

    def organizations(self) -> list[Organization]:
        """Every organization, the oldest first."""
        rows = self._database.rows("SELECT id, name, created_at FROM organizations ORDER BY sequence")
        return [Organization(*row) for row in rows]

    def organization(self, organization_id: str) -> Organization | None:
        """The organization of that id in any case."""
        row = self._database.one("SELECT id, name, created_at FROM organizations WHERE id = ?", (organization_id,))
        return None if row is None else Organization(*row)

    def add_organization_key(self, key: OrganizationKey) -> None:
        """Add a key of an organization."""
        self._database.write(
            "INSERT INTO organization_keys VALUES (?, ?, ?)", (key.secret, key.organization, key.scopes)
        )

    def organization_key(self, secret: str) -> OrganizationKey | None:
        """The organization key of that secret."""
        row = self._database.one(
            "SELECT secret, organization, scopes FROM organization_keys WHERE secret = ?", (secret,)
        )
        return None if row is None else OrganizationKey(*row)

    def add_user(self, user: User) -> None:
        """Add a user.

        Raises:
            ValueError: the e-mail address or the id is taken.
        """
        organizations = None if user.organizations is None else json.dumps(list(user.organizations))
        values = (user.id, user.email, user.name, user.password, organizations, user.created_at)
        try:
            self._database.write("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?)", values)
        except sqlite3.IntegrityError as error:
            raise ValueError(f"the emulator has a user {user.email!r} already") from error

    def user(self, user_id: str) -> User | None:
        """The user of that id."""
        return _user(self._database.one(f"{_USER} id = ?", (user_id,)))

    def user_of(self, email: str) -> User | None:
        """The user of that e-mail address in any case."""
        return _user(self._database.one(f"{_USER} email = ?", (email,)))

    def ensure_session(self, session: Session) -> None:
        """Add a session unless it is there."""
        self._database.write(
            "INSERT OR IGNORE INTO sessions VALUES (?, ?, ?, ?, ?)",
            (session.value, session.id, session.user, session.created_at, session.expire),
        )

    def session(self, value: str) -> Session | None:
        """The session of that value."""
        row = self._database.one(f"{_SESSION} value = ?", (value,))
        return None if row is None else Session(*row)

    def has_session(self, session_id: str) -> bool:
        """Whether a session of that id lives."""
        return self._database.one(f"{_SESSION} id = ?", (session_id,)) is not None

    def end_session(self, session: Session) -> None:
        """Let nobody come in with it any more."""
        self._database.write("DELETE FROM sessions WHERE value = ?", (session.value,))


def _user(row: Sequence[str] | None) -> User | None:
    if row is None:
        return None
    identity, email, name, password, organizations, created_at = row
    return User(identity, email, name, password, json.loads(organizations) if organizations else None, created_at)
