"""A new file that holds one secret, for `credential: {file: PATH}`.

Its mode is 0600; it is whole or not there, and never takes another's place.
"""

from __future__ import annotations

import os
from pathlib import Path

from reconciler.core.holding import EMPTY, Holding, Note, holding
from reconciler.core.secret import Secret
from reconciler.edge.sinks import files
from reconciler.errors import SinkError


class KeyFile:
    """The `SecretSink` port over a file that must not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = False

    def preflight(self) -> None:
        """Raise SinkError where the file exists, or could not be made; leaves no trace."""
        if os.path.lexists(self._path):
            raise SinkError(f"{self._path} exists already", hint="name another file: none is overwritten")
        files.check_writable(self._path)

    def look(self) -> Holding:
        """What this object wrote."""
        content = files.read(self._path) if self._written else None
        return EMPTY if content is None else holding(Secret(content.decode().rstrip("\n")))

    def write(self, secret: Secret, _: Note | None) -> None:
        """Make the file, all or nothing."""
        with files.locked(self._path):
            files.create(self._path, Secret(f"{secret.reveal()}\n"))
        self._written = True

    def remove(self) -> None:
        """Remove the file, where this object made it."""
        if self._written:
            with files.translated(self._path):
                self._path.unlink(missing_ok=True)
