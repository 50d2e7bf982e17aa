"""Projects and their keys, as the emulated server remembers them.

Key ids are unique in the whole server and compare without case, as on MariaDB: the unique index decides
between two creators, also when they are two processes on one file.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass

from reconciler.emulator.database import Database

AUTHENTICATING_KEYS = 1000

_PROJECT = "SELECT id, organization, name, created_at, updated_at, first_key FROM projects "
_SELECT = (
    "SELECT id, project, name, expire, scopes, secret, accessed_at, sdks, created_at, updated_at, description, "
    "sequence FROM keys WHERE "
)
_INSERT = (
    "INSERT INTO keys (id, project, name, expire, scopes, secret, accessed_at, sdks, created_at, updated_at, "
    "description) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM keys WHERE "


class Taken(Exception):
    """Another key of this server has the id, perhaps in another project or another case."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project; `id` in the case it was created with, `first_key` when its first key was made by the API."""

    id: str
    organization: str
    name: str
    created_at: str
    updated_at: str
    first_key: str | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A stored key. Dates are in the form that goes out; `scopes` and `sdks` are compact JSON lists."""

    id: str
    project: str
    name: str
    expire: str | None
    scopes: str
    secret: str
    accessed_at: str | None
    sdks: str
    created_at: str
    updated_at: str
    description: str
    sequence: int


class Store:
    """Projects and keys in a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection = database.connection

    def ensure_project(self, project: Project) -> None:
        """Add a project unless its id is there."""
        self._database.write(
            "INSERT OR IGNORE INTO projects (id, organization, name, created_at, updated_at, first_key) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            astuple(project),
        )

    def project(self, project_id: str) -> Project | None:
        """The project of that id in any case."""
        row = self._database.one(f"{_PROJECT} WHERE id = ?", (project_id,))
        return None if row is None else Project(*row)

    def projects(self) -> list[Project]:
        """Every project, the oldest first."""
        return [Project(*row) for row in self._database.rows(f"{_PROJECT} ORDER BY rowid")]

    def first_key_made(self, project: Project, moment: str, at: str) -> None:
        """Remember the first creation of a key: `moment` as the update of the project, `at` as it is shown."""
        self._database.write(
            "UPDATE projects SET first_key = ?, updated_at = ? WHERE id = ? AND first_key IS NULL",
            (at, moment, project.id),
        )

    def add(self, key: Key) -> None:
        """Insert a key; its `sequence` is given by the database.

        Raises:
            Taken: the id exists anywhere on this server.
        """
        try:
            self._database.write(_INSERT, astuple(key)[:-1])
        except sqlite3.IntegrityError as error:
            raise Taken(key.id) from error

    def key(self, project_id: str, key_id: str) -> Key | None:
        """The project's key of that id in any case; a key of another project is none."""
        row = self._database.one(f"{_SELECT}id = ? AND project = ?", (key_id, project_id))
        return None if row is None else Key(*row)

    @contextmanager
    def editing(self, project_id: str, key_id: str) -> Iterator[Key | None]:
        """The key with every other writer kept out until the block ends; `change` it inside."""
        with self._database.transaction() as connection:
            row = connection.execute(f"{_SELECT}id = ? AND project = ?", (key_id, project_id)).fetchone()
            yield None if row is None else Key(*row)

    def change(self, key: Key) -> None:
        """Write what an update may change; only within `editing`."""
        self._connection.execute(
            "UPDATE keys SET name = ?, expire = ?, scopes = ?, description = ?, updated_at = ? WHERE sequence = ?",
            (key.name, key.expire, key.scopes, key.description, key.updated_at, key.sequence),
        )

    def delete(self, project_id: str, key_id: str) -> bool:
        """Whether there was a key to delete."""
        return self._database.write("DELETE FROM keys WHERE id = ? AND project = ?", (key_id, project_id)) == 1

    def authenticating_key(self, project_id: str, secret: str) -> Key | None:
        """The key of that secret, where it is one of the project's first 1,000; else None."""
        row = self._database.one(f"{_SELECT}secret = ? AND project = ?", (secret, project_id))
        if row is None:
            return None
        key = Key(*row)
        older = self._database.one(
            "SELECT count(*) FROM keys WHERE project = ? AND sequence < ?", (project_id, key.sequence)
        )[0]
        return key if older < AUTHENTICATING_KEYS else None

    def authenticating_keys(self, project_id: str) -> dict[str, Key]:
        """The project's first 1,000 keys by secret."""
        rows = self._database.rows(f"{_SELECT}project = ? ORDER BY sequence LIMIT ?", (project_id, AUTHENTICATING_KEYS))
        return {key.secret: key for key in (Key(*row) for row in rows)}

    def touch(self, key: Key, accessed_at: str, sdks: str) -> None:
        """Record a use, which counts as an update."""
        self._database.write(
            "UPDATE keys SET accessed_at = ?, sdks = ?, updated_at = ? WHERE sequence = ?",
            (accessed_at, sdks, accessed_at, key.sequence),
        )

    def select(self, where: str, order: str, values: Sequence[object]) -> list[Key]:
        """The keys of a list query; `where` and `order` are SQL made by `queries`, never by a client."""
        return [Key(*row) for row in self._database.rows(f"{_SELECT}{where} {order}", values)]

    def count(self, where: str, values: Sequence[object], cap: int) -> int:
        """How many keys match, counted up to `cap`."""
        return int(self._database.one(f"{_COUNT}{where} LIMIT ?)", [*values, cap])[0])


def new_secret(kind: str) -> str:
    """`<kind>_` and 256 lower-case hex characters."""
    return f"{kind}_{secrets.token_hex(128)}"
