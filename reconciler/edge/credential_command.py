"""A credential from a command: its stdout, and nothing else of it.

- It is run as `edge.commands` runs every command, with the caller's own environment, nothing on stdin, and the caller's
  stderr, so that it can say why it fails.
- It has 30 seconds and 64 KiB. What it wrote is in no message: a program that fails may have written half a secret.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.edge.commands import Output, ending, follow
from reconciler.errors import CredentialError

SECONDS = 30.0
_MOST = 64 * 1024


def output_of(environment: str, argv: Sequence[str], folder: Path, *, seconds: float = SECONDS) -> Secret:
    """What a command writes to stdout; blocks. Raises CredentialError where it cannot be run, fails, is late or writes
    too much.
    """
    where = f"{environment}: the credential's command {quoted(argv[0])}"
    output = Output(_MOST)  # what is not ASCII is refused later
    with _started(where, argv, folder) as process:
        try:
            in_time = follow(process, output.take, seconds)
        finally:
            if process.poll() is None:
                process.kill()
    if output.is_too_long:
        raise CredentialError(f"{where} writes too much to be one", hint="it writes the credential and nothing else")
    if not in_time:
        raise CredentialError(
            f"{where} did not end in {seconds:g} s, and was stopped",
            hint="run it by hand: it must not ask anything, and end by itself",
        )
    if process.returncode:
        raise CredentialError(
            f"{where} failed: {ending(process.returncode)}",
            hint="run it by hand in the manifest's folder, and mend what it says; nothing that it wrote was used",
        )
    return output.text


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
