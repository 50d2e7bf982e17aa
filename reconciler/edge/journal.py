"""The journal of this machine's apply runs: which probation keys each set out to create.

It tells a later run that a young probation key is of a run that died here, so that it need not wait as it must for
a run elsewhere. It is a hint: whatever goes wrong with it is said once, in `warnings`, and fails no run.

The rules:
- Each run holds one file of `runs/`, in the folder `.reconciler` beside the manifest, locked (flock) for its life. The
  system lets go of the lock however the process ends, so a free lock means that the run has ended.
- A line is `id nonce`, appended in one write before the creation is sent. No line holds a secret.
- A run that ended with nothing left open removes its file; what is older than eight days is removed by any run,
  because a probation key lives seven.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler.core.times import format_instant
from reconciler.edge import own_folder

_PREFIX = "run-"
_OUTLIVED = timedelta(days=8).total_seconds()


class RunJournal:
    """The `Journal` port in the folder `.reconciler` of a manifest; a context manager for one apply run.

    Leaving the context without `close(success=True)` keeps the run's file: its keys may be left on probation.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "runs"
        self._descriptor: int | None = None
        self._path: Path | None = None
        self._broken = False
        self.warnings: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(success=False)

    def record(self, key_id: str, nonce: datetime) -> None:
        """Note a key before its creation is sent."""
        if self._broken:
            return
        try:
            if self._descriptor is None:
                self._descriptor = self._open()
            os.write(self._descriptor, f"{_line(key_id, nonce)}\n".encode())
        except OSError as error:
            self._broken = True
            self._warn(
                f"{self._folder} cannot be written ({error.strerror}): if this run dies, the next one waits up to "
                "15 minutes before it takes over its unfinished keys"
            )

    def abandoned(self, key_id: str, nonce: datetime) -> bool:
        """Whether a run of this machine that has ended meant to create this very key."""
        wanted = _line(key_id, nonce)
        try:
            with suppress(FileNotFoundError):
                return any(wanted in lines for _, lines in self._ended())
        except OSError as error:
            self._warn(f"{self._folder} cannot be read ({error.strerror}): runs that died here are not recognised")
        return False

    def close(self, success: bool) -> None:
        """Let go of the run's file, and remove it where the run left nothing open; a second call does nothing."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            if success and self._path is not None:
                self._path.unlink(missing_ok=True)
            self._tidy()
        except OSError as error:
            self._warn(f"{self._folder} cannot be tidied: {error.strerror}")
        finally:
            os.close(descriptor)

    def _tidy(self) -> None:
        for path, _ in self._ended():
            if time.time() - path.stat().st_mtime > _OUTLIVED:
                path.unlink(missing_ok=True)

    def _open(self) -> int:
        own_folder.make(self._folder.parent)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=_PREFIX)
        self._path = Path(name)
        # Waits only for a reader, which holds its lock for one reading.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def _ended(self) -> Iterator[tuple[Path, frozenset[str]]]:
        """The files of runs that have ended, and their lines."""
        for path in sorted(self._folder.iterdir()):
            if path.name.startswith(_PREFIX):
                # Another run may tidy at the same time.
                with suppress(FileNotFoundError):
                    lines = _lines_if_ended(path)
                    if lines is not None:
                        yield path, lines

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings += (warning,)


def _lines_if_ended(path: Path) -> frozenset[str] | None:
    """The lines of a run's file, None while the run holds its lock."""
    with path.open(encoding="utf-8", errors="replace") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        return frozenset(file.read().splitlines())


def _line(key_id: str, nonce: datetime) -> str:
    return f"{key_id} {format_instant(nonce)}"
