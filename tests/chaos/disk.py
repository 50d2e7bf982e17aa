"""The disk as a forked program sees it: what goes wrong with files, and a log of what was put into them.

Works where the program calls the system. `log` is a file that gets a JSON line for each file that was put in place:
`path` and `content`, in Latin-1. `troubles` are objects `{"path": P, "what": W, "nth": n}`, about the n-th time, from
1, that the file P is replaced, or about all of them where n is 0:

- `full`: no space is left for the draft of the new content; `denied`: it may not be renamed;
- `down`: the file can be neither read nor written, an error of the device;
- `slow`: it takes its time;
- `lost`: the file is in place, and then the folder cannot be flushed to the disk.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

DRAFT = ".reconciler-draft"
WHATS = ("full", "denied", "down", "slow", "lost")
_SLOW = 2.0


class Disk:
    """Troubles ahead; `mount` puts them between the program and the system, for the rest of the process."""

    def __init__(self, log: str, troubles: list[dict[str, Any]]) -> None:
        self._log, self._troubles = log, troubles
        self._counts: Counter[str] = Counter()
        self._drafts: Counter[str] = Counter()
        self._unflushed: set[str] = set()

    def mount(self) -> None:
        """From now on."""
        put, flush = os.replace, os.fsync

        def replace(source: Any, target: Any, **more: Any) -> None:
            path = os.path.abspath(os.fspath(target))  # noqa: PTH100 - as the system sees it
            self._before(path)
            content = Path(source).read_bytes()
            put(source, target, **more)
            self._note(path, content)

        def fsync(descriptor: int) -> None:
            flush(descriptor)
            folder = str(Path(f"/proc/self/fd/{descriptor}").readlink())
            if folder in self._unflushed:
                self._unflushed.discard(folder)
                raise OSError(errno.EIO, os.strerror(errno.EIO))

        os.replace, os.fsync = replace, fsync  # type: ignore[assignment]
        if self._troubles:
            sys.addaudithook(self._audit)

    def _before(self, path: str) -> None:
        self._counts[path] += 1
        for what in self._due(path, self._counts[path]):
            match what:
                case "slow":
                    time.sleep(_SLOW)
                case "lost":
                    self._unflushed.add(os.path.dirname(path))  # noqa: PTH120
                case "denied":
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
                case _:
                    """The others befall what is opened."""

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(arguments[0], str | os.PathLike):
            return
        path = os.path.abspath(os.fspath(arguments[0]))  # noqa: PTH100
        folder, name = os.path.split(path)
        drafts = name == DRAFT and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        self._drafts[folder] += drafts
        for trouble in self._troubles:
            what, target, nth = trouble["what"], trouble["path"], trouble["nth"]
            beside = drafts and os.path.dirname(target) == folder  # noqa: PTH120
            if what == "down" and (beside or path == target):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            if what == "full" and beside and nth in {0, self._drafts[folder]}:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _due(self, path: str, nth: int) -> list[str]:
        return [each["what"] for each in self._troubles if each["path"] == path and each["nth"] in {0, nth}]

    def _note(self, path: str, content: bytes) -> None:
        with open(self._log, "a", encoding="ascii") as log:  # noqa: PTH123
            log.write(json.dumps({"path": path, "content": content.decode("latin-1")}) + "\n")
