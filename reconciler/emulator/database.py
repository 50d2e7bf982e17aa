"""The one SQLite database of an emulated server: its tables, and calls that are whole.

- Every write is one transaction. The journal is a WAL with `synchronous=NORMAL`: a process killed at
  any point loses nothing that was committed, and no commit waits for the disk; only a power cut may
  take the last ones back, which no test bed survives anyway.
- A file is the owner's alone (0600), because the server shows secrets again, and keeps passwords as
  they are.
- A file of an older emulator gets the columns that came since, and the organizations of its projects.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_BUSY_SECONDS = 10.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS organizations (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE COLLATE NOCASE,
    name TEXT NOT NULL,
    created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS projects (id TEXT PRIMARY KEY COLLATE NOCASE, organization TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS organization_keys (
    secret TEXT PRIMARY KEY, organization TEXT NOT NULL, scopes TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY,
    email TEXT NOT NULL UNIQUE COLLATE NOCASE,
    name TEXT NOT NULL,
    password TEXT NOT NULL,
    organizations TEXT,
    created_at TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS sessions (
    value TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL REFERENCES users (id),
    created_at TEXT NOT NULL,
    expire TEXT NOT NULL
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
_COLUMNS_SINCE = (
    ("keys", "description", "TEXT NOT NULL DEFAULT ''"),
    ("projects", "name", "TEXT NOT NULL DEFAULT ''"),
    ("projects", "created_at", "TEXT NOT NULL DEFAULT ''"),
    ("projects", "updated_at", "TEXT NOT NULL DEFAULT ''"),
    ("projects", "first_key", "TEXT"),
)


class Database:
    """A connection and its lock. Calls are short and blocking; the lock makes each whole, also between threads.

    Attributes:
        connection: only for whoever holds `transaction`.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            _create_private(path)
        self._lock = threading.Lock()
        self.connection = sqlite3.connect(
            ":memory:" if path is None else path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        with self._lock:
            _prepare(self.connection)

    def one(self, sql: str, values: Sequence[object] = ()) -> Any:
        """The first row, or None."""
        with self._lock:
            return self.connection.execute(sql, values).fetchone()

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """Every row."""
        with self._lock:
            return self.connection.execute(sql, values).fetchall()

    def write(self, sql: str, values: Sequence[object]) -> int:
        """How many rows were written; one statement is one transaction."""
        with self._lock:
            return self.connection.execute(sql, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection with every other writer kept out until the block ends."""
        with self._lock:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def setting(self, name: str, default: str) -> str:
        """The value under `name`; `default` becomes it where none was written yet."""
        with self._lock:
            self.connection.execute("INSERT OR IGNORE INTO settings VALUES (?, ?)", (name, default))
            row = self.connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return str(row[0])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self.connection.close()


def _create_private(path: Path) -> None:
    """Make the file before SQLite does, so that it and its journals are 0600 from the first byte."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
    connection.execute("BEGIN IMMEDIATE")
    for table, column, kind in _COLUMNS_SINCE:
        if column not in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
    connection.execute(
        "INSERT OR IGNORE INTO organizations (id, name, created_at) SELECT DISTINCT organization, organization, '' "
        "FROM projects"
    )
    connection.execute("COMMIT")
