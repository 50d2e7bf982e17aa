"""The exec sink: a command of the user's, which keeps the secret wherever it wants.

- The secret is on its stdin, without a line end; whose it is stands in `RECONCILER_*` variables. What manages keys is
  not in its environment, and the secret never is, nor in its arguments.
- Exit code 0: it keeps the secret. Any other: it does not. Ended by a signal, or by us because it is late: nobody
  knows. What is late is asked to end, with all that it started, and made to after two seconds; so is one whose run
  has died, by the watchman, lest it overwrite what the next run stores.
- What it says is told line by line, a hundred lines at most, with the secret covered; the last line of one that fails
  is in the error as well.
- It is run by `write` only: nothing can be seen of it, and nothing taken back.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.desired import SinkSpec, Subject
from reconciler.core.holding import UNSEEN, Holding, Note
from reconciler.core.quoting import clean, quoted
from reconciler.core.secret import Secret
from reconciler.edge.commands import end_group, ending, follow
from reconciler.edge.feed import Feed
from reconciler.edge.sinks.said import Said
from reconciler.edge.sinks.surroundings import Surroundings, Tell
from reconciler.edge.watchman import SHELL, Watchman
from reconciler.errors import SinkError, SinkUnavailable

_SECONDS = "1m"
_UNITS = {"s": 1, "m": 60}
_HINT = "name a program in PATH, or one beside the manifest as ./PROGRAM; there is no shell"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecSink:
    """One command; the `SecretSink` port."""

    argv: tuple[str, ...]
    folder: Path
    seconds: float
    subject: Subject | None
    variables: Mapping[str, str] = field(repr=False)
    tell: Tell

    def preflight(self) -> None:
        """Raise SinkError where the program is not there, or cannot be run; runs nothing."""
        self._watchman()
        program = self._program()
        if not os.access(program, os.X_OK):
            raise SinkError(f"{quoted(self.argv[0])} may not be executed", hint=f"chmod +x {program}")
        interpreter = _interpreter(program)
        if interpreter and not os.access(self.folder / interpreter, os.X_OK):
            raise SinkError(
                f"{quoted(self.argv[0])} is to be run by {quoted(interpreter)}, which is no program here",
                hint="mend its first line: #! and a program, ended as Unix ends lines",
            )

    def look(self) -> Holding:
        """Nothing: planning runs no command."""
        return UNSEEN

    def write(self, secret: Secret, note: Note | None) -> None:
        """Run the command. Raises SinkError where it says no, SinkUnavailable where it does not come to say."""
        said = Said(secret, self._told)
        with ExitStack() as opened:
            feed, watchman = self._prepared(opened, secret)
            process = opened.enter_context(self._started(note, feed))
            watchman.watch(process)
            try:
                in_time = follow(process, said.take, self.seconds, feed)
            finally:
                if process.poll() is None:
                    end_group(process)
            said.end()
        if not in_time:
            raise SinkUnavailable(
                f"the command did not end in {self.seconds:g} s, and was stopped{said.last}",
                hint="see whether it stored the secret; `timeout` gives it longer, and it must not ask anything",
            )
        if process.returncode < 0:
            raise SinkUnavailable(
                f"the command was {ending(process.returncode)}{said.last}", hint="see whether it stored the secret"
            )
        if process.returncode:
            raise SinkError(
                f"the command failed: {ending(process.returncode)}{said.last}",
                hint="mend what it says; it must not have stored the secret",
            )

    def remove(self) -> None:
        """Raise SinkError: what a command did only its author can undo."""
        raise SinkError("what a command did cannot be taken back", hint="see where it put the secret")

    def _program(self) -> Path:
        """The file that is to be run; raises SinkError where there is none."""
        found = shutil.which(self.argv[0], path=self._path)
        program = self.folder.absolute() / self.argv[0] if "/" in self.argv[0] else Path(found or os.devnull)
        if not program.is_file():
            raise SinkError(f"there is no program {quoted(self.argv[0])}", hint=_HINT)
        return program

    def _prepared(self, opened: ExitStack, secret: Secret) -> tuple[Feed, Watchman]:
        """What the command needs beside it; raises SinkError where this machine has no room for that."""
        try:
            return opened.enter_context(Feed(secret)), opened.enter_context(self._watchman())
        except OSError as error:
            said = f"{quoted(self.argv[0])} cannot be run: {error.strerror}"
            raise SinkError(said, hint="see what this machine has run out of") from None

    def _watchman(self) -> Watchman:
        if not os.access(SHELL, os.X_OK):
            raise SinkError(f"there is no {SHELL} to end the command, should this run die", hint=f"install {SHELL}")
        return Watchman(self._path)

    @property
    def _path(self) -> str:
        return self.variables.get("PATH", os.defpath)

    def _started(self, note: Note | None, feed: Feed) -> subprocess.Popen[bytes]:
        program = self._program()
        try:
            process = subprocess.Popen(  # noqa: S603 - the manifest's own command
                self.argv,
                executable=program,
                cwd=self.folder,
                env=self._environment(note),
                bufsize=0,
                stdin=feed.reader,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # no terminal to ask on, and a group to end
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "an argument cannot be passed to a program"
            raise SinkError(f"{quoted(self.argv[0])} cannot be run: {reason}", hint=_HINT) from None
        feed.hand_over()
        return process

    def _environment(self, note: Note | None) -> dict[str, str]:
        told = {"KEY_ID": note.key_id} if note else {}
        if self.subject is not None:
            told |= {
                "ADDRESS": self.subject.address,
                "ENVIRONMENT": self.subject.environment,
                "PROJECT": self.subject.project,
                "NAME": self.subject.name,
            }
        return {**self.variables, **{f"RECONCILER_{name}": value for name, value in told.items()}}

    def _told(self, line: str) -> None:
        who = self.subject.address if self.subject else clean(self.argv[0])
        self.tell(f"{who}: {line}")


def open_sink(spec: SinkSpec, surroundings: Surroundings) -> ExecSink:
    """The sink that an entry `exec` of `deliver` names."""
    timeout = spec.option("timeout", _SECONDS)
    return ExecSink(
        argv=spec.texts("command"),
        folder=Path(spec.folder),
        seconds=int(timeout[:-1]) * _UNITS[timeout[-1]],
        subject=spec.subject,
        variables=surroundings.command_variables,
        tell=surroundings.tell,
    )


def _interpreter(program: Path) -> str:
    """The program that a script names in its first line, as the kernel reads it; empty for any other file."""
    try:
        with program.open("rb") as file:
            first = file.readline(256)
    except OSError:
        return ""  # it may be run and not read
    words = first.removeprefix(b"#!").rstrip(b"\n").replace(b"\t", b" ").split(b" ")
    return next((os.fsdecode(word) for word in words if word), "") if first.startswith(b"#!") else ""
