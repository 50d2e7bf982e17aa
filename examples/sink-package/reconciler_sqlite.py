"""The sink `sqlite`: a row of a table `secrets`, by name, in a database that its owner alone can read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.api.sinks import (
    EMPTY,
    Holding,
    Note,
    Secret,
    SinkError,
    SinkSpec,
    SinkUnavailable,
    Surroundings,
    holding,
    parse_note,
)

SCHEMA: dict[str, Any] = {
    "title": "A row of an SQLite database",
    "description": "The table `secrets` is made where it is missing.",
    "type": "object",
    "required": ["path", "name"],
    "additionalProperties": False,
    "properties": {
        "path": {"type": "string", "description": "The database, as seen from the manifest's folder."},
        "name": {"type": "string", "minLength": 1, "description": "Which row."},
    },
}

_TABLE = "CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value TEXT NOT NULL, note TEXT NOT NULL)"


@dataclass(frozen=True, kw_only=True)
class SqliteSink:
    """One row."""

    path: Path
    name: str

    def preflight(self) -> None:
        """Raise SinkError where a row could not be written; leaves no trace."""
        if not self.path.exists():
            if not os.access(self.path.parent, os.W_OK):
                raise SinkError(f"{self.path.parent} is no folder to write in", hint="make it first")
            return
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")  # takes the lock that a write needs
            database.execute(_TABLE)
            database.execute("ROLLBACK")

    def look(self) -> Holding:
        """The row's value now, and its note."""
        if not self.path.exists():
            return EMPTY
        try:
            with self._opened() as database:
                row = database.execute("SELECT value, note FROM secrets WHERE name = ?", (self.name,)).fetchone()
        except SinkError as error:
            if "no such table" in error.message:
                return EMPTY
            raise
        return EMPTY if row is None else holding(Secret(row[0]), parse_note(row[1]))

    def write(self, secret: Secret, note: Note | None) -> None:
        """Put value and note into the row, in one transaction."""
        self.path.touch(mode=0o600)
        with self._opened() as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute(_TABLE)
            values = (self.name, secret.reveal(), str(note or ""))
            database.execute("INSERT OR REPLACE INTO secrets VALUES (?, ?, ?)", values)
            database.execute("COMMIT")

    def remove(self) -> None:
        """Take the row away."""
        with self._opened() as database:
            database.execute("DELETE FROM secrets WHERE name = ?", (self.name,))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """The database, every error of which becomes one that says what to do."""
        try:
            with closing(sqlite3.connect(self.path, isolation_level=None, timeout=5)) as database:
                yield database
        except sqlite3.OperationalError as error:
            kind = SinkUnavailable if "locked" in str(error) else SinkError
            raise kind(f"{self.path}: {error}", hint="see who else uses it, and who owns it") from None
        except sqlite3.DatabaseError as error:
            raise SinkError(f"{self.path}: {error}", hint="name a database of SQLite") from None


def open_sink(spec: SinkSpec, _surroundings: Surroundings) -> SqliteSink:
    """The sink that an entry `sqlite` of `deliver` names; `path` comes joined to the manifest's folder."""
    return SqliteSink(path=Path(spec.option("path")), name=spec.option("name"))
