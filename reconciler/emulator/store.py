"""What the emulated server remembers, in one SQLite database: projects, keys and who may come in.

- Key ids are unique in the whole server and compare without case, as on MariaDB: the unique index
  decides between two creators, also when they are two processes on one file.
- Every write is one transaction. The journal is a WAL with `synchronous=NORMAL`: a process killed at
  any point loses nothing that was committed, and no commit waits for the disk; only a power cut may
  take the last ones back, which no test bed survives anyway.
- A file is the owner's alone (0600), because the server shows secrets again.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_BUSY_SECONDS = 10.0
_AUTHENTICATING_KEYS = 1000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS projects (id TEXT PRIMARY KEY COLLATE NOCASE, organization TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS organization_keys (
    secret TEXT PRIMARY KEY, organization TEXT NOT NULL, scopes TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS keys (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE COLLATE NOCASE,
    project TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL COLLATE NOCASE,
    expire TEXT,
    scopes TEXT NOT NULL,
    secret TEXT NOT NULL UNIQUE,
    accessed_at TEXT,
    sdks TEXT NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS keys_of_project ON keys (project, sequence);
"""
_SELECT = (
    "SELECT id, project, name, expire, scopes, secret, accessed_at, sdks, created_at, updated_at, sequence "
    "FROM keys WHERE "
)
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM keys WHERE "


class Taken(Exception):
    """Another key of this server has the id, perhaps in another project or another case."""


@dataclass(frozen=True, slots=True)
class Project:
    """A project; `id` in the case it was created with."""

    id: str
    organization: str


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
    sequence: int


class Store:
    """The database. Calls are short and blocking; one lock makes each whole, also between threads."""

    def __init__(self, database: Path | None) -> None:
        self._lock = threading.Lock()
        if database is not None:
            _create_private(database)
        self._connection = sqlite3.connect(
            ":memory:" if database is None else database,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        with self._lock:
            _prepare(self._connection)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    def setting(self, name: str, default: str) -> str:
        """The value under `name`; `default` becomes it where none was written yet."""
        with self._lock:
            self._connection.execute("INSERT OR IGNORE INTO settings VALUES (?, ?)", (name, default))
            row = self._connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def ensure_project(self, project: Project) -> None:
        """Add a project unless its id is there."""
        with self._lock:
            self._connection.execute("INSERT OR IGNORE INTO projects VALUES (?, ?)", (project.id, project.organization))

    def project(self, project_id: str) -> Project | None:
        """The project of that id in any case."""
        with self._lock:
            row = self._connection.execute(
                "SELECT id, organization FROM projects WHERE id = ?", (project_id,)
            ).fetchone()
        return None if row is None else Project(*row)

    def add_organization_key(self, secret: str, organization: str, scopes: str) -> None:
        """Add a key of an organization; `scopes` is a JSON list."""
        with self._lock:
            self._connection.execute("INSERT INTO organization_keys VALUES (?, ?, ?)", (secret, organization, scopes))

    def organization_key(self, secret: str) -> tuple[str, str] | None:
        """The organization and the scopes (JSON) of an organization key."""
        with self._lock:
            row = self._connection.execute(
                "SELECT organization, scopes FROM organization_keys WHERE secret = ?", (secret,)
            ).fetchone()
        return None if row is None else (row[0], row[1])

    def add(self, key: Key) -> None:
        """Insert a key; its `sequence` is given by the database.

        Raises:
            Taken: the id exists anywhere on this server.
        """
        values = (
            key.id,
            key.project,
            key.name,
            key.expire,
            key.scopes,
            key.secret,
            key.accessed_at,
            key.sdks,
            key.created_at,
            key.updated_at,
        )
        try:
            with self._lock:
                self._connection.execute(
                    "INSERT INTO keys (id, project, name, expire, scopes, secret, accessed_at, sdks, "
                    "created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    values,
                )
        except sqlite3.IntegrityError as error:
            raise Taken(key.id) from error

    def key(self, project_id: str, key_id: str) -> Key | None:
        """The project's key of that id in any case; a key of another project is none."""
        with self._lock:
            return self._key(project_id, key_id)

    def _key(self, project_id: str, key_id: str) -> Key | None:
        row = self._connection.execute(_SELECT + "id = ? AND project = ?", (key_id, project_id)).fetchone()
        return None if row is None else Key(*row)

    @contextmanager
    def editing(self, project_id: str, key_id: str) -> Iterator[Key | None]:
        """The key with every other writer kept out until the block ends; `change` it inside."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._key(project_id, key_id)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def change(self, key: Key) -> None:
        """Write what an update may change; only within `editing`."""
        self._connection.execute(
            "UPDATE keys SET name = ?, expire = ?, scopes = ?, updated_at = ? WHERE sequence = ?",
            (key.name, key.expire, key.scopes, key.updated_at, key.sequence),
        )

    def delete(self, project_id: str, key_id: str) -> bool:
        """Whether there was a key to delete."""
        with self._lock:
            cursor = self._connection.execute("DELETE FROM keys WHERE id = ? AND project = ?", (key_id, project_id))
        return cursor.rowcount == 1

    def authenticating_key(self, project_id: str, secret: str) -> Key | None:
        """The key of that secret, where it is one of the project's first 1,000; else None."""
        with self._lock:
            row = self._connection.execute(_SELECT + "secret = ? AND project = ?", (secret, project_id)).fetchone()
            if row is None:
                return None
            key = Key(*row)
            older = self._connection.execute(
                "SELECT count(*) FROM keys WHERE project = ? AND sequence < ?", (project_id, key.sequence)
            ).fetchone()[0]
        return key if older < _AUTHENTICATING_KEYS else None

    def touch(self, key: Key, accessed_at: str, sdks: str) -> None:
        """Record a use, which counts as an update."""
        with self._lock:
            self._connection.execute(
                "UPDATE keys SET accessed_at = ?, sdks = ?, updated_at = ? WHERE sequence = ?",
                (accessed_at, sdks, accessed_at, key.sequence),
            )

    def select(self, where: str, order: str, values: Sequence[object]) -> list[Key]:
        """The keys of a list query; `where` and `order` are SQL made by `queries`, never by a client."""
        with self._lock:
            rows = self._connection.execute(f"{_SELECT}{where} {order}", values).fetchall()
        return [Key(*row) for row in rows]

    def count(self, where: str, values: Sequence[object], cap: int) -> int:
        """How many keys match, counted up to `cap`."""
        with self._lock:
            row = self._connection.execute(f"{_COUNT}{where} LIMIT ?)", [*values, cap]).fetchone()
        return int(row[0])


def new_secret(kind: str) -> str:
    """`<kind>_` and 256 lower-case hex characters."""
    return f"{kind}_{secrets.token_hex(128)}"


def _create_private(database: Path) -> None:
    """Make the file before SQLite does, so that it and its journals are 0600 from the first byte."""
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    database.touch(mode=0o600)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
