"""Ends a command whose run has died, however that died: a small shell that waits beside it.

- It reads from a pipe whose other end this process alone holds, so it sees the end of one that was killed (SIGKILL)
  as well. Linux could signal a child whose parent dies, but means the thread that started it, and macOS could not.
- It learns the number of the command's group when there is one. A run that dies in the instant between, far shorter
  than a millisecond, leaves the command to itself, with the whole secret in its stdin (`feed`).
- It gets no secret, no variable but PATH and no file, and is in no group that a terminal or the command signals.
- It asks first, and makes the group end two seconds later, as `end_group` does.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from types import TracebackType
from typing import Self

SHELL = "/bin/sh"
_TENTHS = 20
_WATCH = f"""\
read -r group || exit 0  # the run has ended, and no command was started
read -r ended && exit 0
kill -TERM "-$group"
tenths=0
while [ $tenths -lt {_TENTHS} ] && kill -0 "-$group"; do
    sleep 0.1
    tenths=$((tenths + 1))
done
kill -KILL "-$group"
"""


class Watchman:
    """Watches one command from `watch` on until the context is left. Raises OSError where there is no shell."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - the text above
            [SHELL, "-c", _WATCH],
            cwd="/",
            env={"PATH": self._path},
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return self

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """End the group that this process leads, should this run die."""
        self._tell(str(process.pid))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._tell("ended")
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # somebody has ended it
            os.write(self._process.stdin.fileno(), f"{line}\n".encode())
