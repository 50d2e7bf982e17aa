"""Workflow commands of GitHub Actions: problems and warnings, which it shows beside the line that they are about, and
secrets, which it masks from then on.

What a command holds is escaped as its runner expects it; nothing in a message can end one command or begin another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from reconciler.core.secret import Secret
from reconciler.errors import Problem

_PLACED = re.compile(
    r"(?:[a-z0-9_-]+: )?(?P<file>\S.*?):(?P<line>[1-9]\d*):(?P<column>[1-9]\d*): (?P<message>.+)", re.DOTALL
)
"""A warning that begins with a place, as problems do; the environment's name may stand before it."""

_SHORTEST = 4
"""Characters of a line that is masked: what is shorter protects nothing, and its mask would cover the whole log."""

Locate = Callable[[str], str]
"""What the checkout calls a file that the user named."""


def problem_annotations(problems: Iterable[Problem], locate: Locate) -> str:
    """A line per problem."""
    return "".join(
        _command(
            "error",
            title="Invalid manifest",
            place=(locate(problem.position.file), problem.position.line, problem.position.column),
            message=f"{problem.message}\nhint: {problem.hint}" if problem.hint else problem.message,
        )
        for problem in problems
    )


def warning_annotations(warnings: Iterable[str], locate: Locate) -> str:
    """A line per warning that has a place; what several environments warn of alike is said once."""
    placed = dict.fromkeys(match.groups() for match in map(_PLACED.fullmatch, warnings) if match)
    return "".join(
        _command("warning", title="Manifest", place=(locate(file), int(line), int(column)), message=message)
        for file, line, column, message in placed
    )


def mask_commands(secrets: Iterable[Secret]) -> str:
    """A line per line of each secret, for the runner looks for masks line by line."""
    lines = (line.strip() for secret in secrets for line in secret.reveal().splitlines())
    return "".join(f"::add-mask::{_data(line)}\n" for line in dict.fromkeys(lines) if len(line) >= _SHORTEST)


def _command(kind: str, *, title: str, place: tuple[str, int, int], message: str) -> str:
    file, line, column = place
    properties = {"file": file, "line": str(line), "col": str(column), "title": title}
    named = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{kind} {named}::{_data(message)}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
