"""The exception tree, sorted by who must act, and the exit code that each class ends the command with.

Every message says what is wrong and where; `hint` says what to do about it. No message ever holds a secret,
nor a response body that does not have the API's error shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """The whole text of one file. It may hold a secret: only `formats.excerpts` shows anything of it."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Position:
    """A place in a manifest: the file as the user named it, line and column counted from 1.

    `source` is what the file held when it was read, so that whoever shows the place can show its line; None where
    there is nothing to show.
    """

    file: str
    line: int
    column: int
    source: Source | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Problem:
    """Something wrong in a manifest, and where; the hint says what to write instead."""

    position: Position
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.position}: {self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text


class ReconcilerError(Exception):
    """The base of every error that a user may see."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SeveralErrors(ReconcilerError):
    """More than one thing went wrong side by side, each with its own message."""

    def __init__(self, errors: Iterable[ReconcilerError]) -> None:
        self.errors = tuple(errors)
        self.exit_code = max(error.exit_code for error in self.errors)
        super().__init__(f"{len(self.errors)} things went wrong")


class UsageError(ReconcilerError):
    """Whoever typed the command must change it."""


class ManifestError(ReconcilerError):
    """The author of the manifest must mend it; holds every problem that was found, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        count = len(self.problems)
        super().__init__(f"the manifest has {count} problem{'s' if count != 1 else ''}")


class CredentialError(ReconcilerError):
    """Whoever hands out the credential must give another one, or more rights to this one."""


class CreationDenied(CredentialError):
    """403 `key_creation_denied`: this kind of credential may not create keys on this server."""


class ServerError(ReconcilerError):
    """Whoever runs the server, or the network between, must act; or nobody, and it passes."""


class Unreachable(ServerError):
    """No connection comes about."""


class Untrusted(ServerError):
    """Something answers, and cannot prove that it is the server."""


class Rejected(ServerError):
    """A clear no: a 4xx that passes with no retry. Nothing was changed, and nothing will be."""


class KeyExists(Rejected):
    """409 `key_already_exists`: the id is taken somewhere on this server."""


class SinkError(ReconcilerError):
    """Whoever owns the place where a secret is delivered must act."""


class SinkUnavailable(SinkError):
    """The place cannot be reached from here, or nothing here may read it: what it holds is not known."""


class GuardError(ReconcilerError):
    """A guard refused; the message names the one flag or field that allows it."""

    exit_code = 4


def problems_of(error: ReconcilerError) -> tuple[Problem, ...]:
    """The problems of a manifest among what went wrong; none where it is something else."""
    match error:
        case ManifestError(problems=problems):
            return problems
        case SeveralErrors(errors=errors):
            return tuple(problem for each in errors for problem in problems_of(each))
        case _:
            return ()


def raise_together(errors: Sequence[ReconcilerError]) -> None:
    """Raise what went wrong side by side as one error, nothing for none; the problems of a manifest make one list."""
    problems = {problem for error in errors if isinstance(error, ManifestError) for problem in error.problems}
    distinct = list(dict.fromkeys(error for error in errors if not isinstance(error, ManifestError)))
    if problems:
        distinct.append(ManifestError(problems))
    if len(distinct) > 1:
        raise SeveralErrors(distinct)
    if distinct:
        raise distinct[0]
