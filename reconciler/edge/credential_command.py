"""A credential from a command: its stdout, and nothing else of it.

- No shell: the program gets its arguments as they are written. It runs in the manifest's folder with the caller's own
  environment, nothing on stdin, and the caller's stderr, so that it can say why it fails.
- It has 30 seconds and 64 KiB. What it wrote is in no message: a program that fails may have written half a secret.
- A child of its own that keeps stdout open is not waited for.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.errors import CredentialError

SECONDS = 30.0
_MOST = 64 * 1024
_GLANCE = 0.1


def output_of(environment: str, argv: Sequence[str], folder: Path, *, seconds: float = SECONDS) -> Secret:
    """What a command writes to stdout; blocks. Raises CredentialError where it cannot be run, fails, is late or writes
    too much.
    """
    where = f"{environment}: the credential's command {quoted(argv[0])}"
    with _started(where, argv, folder) as process:
        try:
            written, in_time = _read(process, time.monotonic() + seconds)
        finally:
            if process.poll() is None:
                process.kill()
    if len(written.reveal()) > _MOST:
        raise CredentialError(f"{where} writes too much to be one", hint="it writes the credential and nothing else")
    if not in_time:
        raise CredentialError(
            f"{where} did not end in {seconds:g} s, and was stopped",
            hint="run it by hand: it must not ask anything, and end by itself",
        )
    if process.returncode:
        raise CredentialError(
            f"{where} failed: {_ending(process.returncode)}",
            hint="run it by hand in the manifest's folder, and mend what it says; nothing that it wrote was used",
        )
    return written


def _started(where: str, argv: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)  # noqa: S603 - the manifest's own command
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "an argument cannot be passed to a program"
        raise CredentialError(
            f"{where} cannot be run: {reason}",
            hint="`credential: {command: [PROGRAM, ARGUMENT, …]}` names a program in PATH, or one beside the "
            "manifest as ./PROGRAM; there is no shell",
        ) from error


def _read(process: subprocess.Popen[bytes], deadline: float) -> tuple[Secret, bool]:
    """Its output, one byte more than is allowed at most, and whether that came to an end in time."""
    assert process.stdout is not None
    taken = Secret("")
    while (left := deadline - time.monotonic()) > 0:
        ended = process.poll() is not None
        if _ready(process.stdout, 0 if ended else min(left, _GLANCE)):
            chunk = Secret(
                os.read(process.stdout.fileno(), _MOST).decode("latin-1")
            )  # what is not ASCII is refused later
            if not chunk.reveal():
                return taken, _ended(process, deadline)
            taken = Secret(taken.reveal() + chunk.reveal())
            if len(taken.reveal()) > _MOST:
                return taken, True
        elif ended:
            return taken, True
    return taken, False


def _ready(stream: IO[bytes], seconds: float) -> bool:
    readable, _, _ = select.select([stream], [], [], seconds)
    return bool(readable)


def _ended(process: subprocess.Popen[bytes], deadline: float) -> bool:
    """Whether it ends in time, now that it has closed its output."""
    try:
        process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return False
    return True


def _ending(code: int) -> str:
    if code > 0:
        return f"exit code {code}"
    try:
        return f"ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"ended by signal {-code}"
