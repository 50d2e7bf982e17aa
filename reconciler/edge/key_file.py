"""A new file that holds one secret, for `credential: {file: PATH}`.

Its mode is 0600; it is whole or not there, and never takes another's place. No folder is made for it: it would be
found nowhere if its path is misspelt.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

from reconciler.core.holding import EMPTY, Holding, Note, holding
from reconciler.core.secret import Secret
from reconciler.edge.regular import open_regular
from reconciler.edge.sinks import files
from reconciler.errors import SinkError

_MAX = 4096
_KEY = re.compile(rb"([!-~]{1,%d})\n?" % _MAX)


class KeyFile:
    """The `SecretSink` port over a file that must not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = False

    def preflight(self) -> None:
        """Raise SinkError where the file exists, or could not be made; leaves no trace."""
        if os.path.lexists(self._path):
            raise SinkError(f"{self._path} exists already", hint="name another file: none is overwritten")
        folder = self._path.parent
        if not folder.exists():
            where = f"there is no folder {folder} to write {self._path.name} to"
            raise SinkError(where, hint=f"mkdir -p {shlex.quote(str(folder))}")
        files.check_writable(self._path)

    def look(self) -> Holding:
        """What the file holds, where that may be a key: one line of visible ASCII; nothing for all else."""
        if self._path.is_symlink() or not self._path.is_file():
            return EMPTY
        with files.translated(self._path), open_regular(self._path) as file:
            key = _KEY.fullmatch(file.read(_MAX + 2))
        return holding(Secret(key[1].decode()) if key else None)

    def write(self, secret: Secret, _: Note | None) -> None:
        """Make the file, all or nothing."""
        with files.locked(self._path):
            files.create(self._path, Secret(f"{secret.reveal()}\n"))
            self._written = True  # also where its name cannot be flushed, which the end of the lock does

    def remove(self) -> None:
        """Remove the file, where this object made it."""
        if self._written:
            with files.translated(self._path):
                self._path.unlink(missing_ok=True)
