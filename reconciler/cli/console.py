"""Where output goes: results to stdout, everything else to stderr; colour and width as the terminal is."""

from __future__ import annotations

import os
import sys
from typing import TextIO

import click

from reconciler.errors import ManifestError, ReconcilerError, SeveralErrors


def width() -> int:
    """Columns of the terminal; 80 where there is none."""
    import shutil

    return shutil.get_terminal_size((80, 24)).columns


def color(stream: TextIO, *, no_color: bool) -> bool:
    """Whether to colour what goes to a stream: on a terminal, unless the user or NO_COLOR objects."""
    return stream.isatty() and not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def result(text: str) -> None:
    """Write a result to stdout."""
    click.echo(text, nl=False, color=True)


def note(text: str) -> None:
    """Write anything else to stderr."""
    click.echo(text, err=True, color=color(sys.stderr, no_color=False))


def show_error(error: ReconcilerError) -> None:
    """Write an error to stderr: what is wrong, and below it what to do."""
    match error:
        case SeveralErrors(errors=errors):
            for each in errors:
                show_error(each)
        case ManifestError(problems=problems):
            for problem in problems:
                note(str(problem))
            note(f"{error.message}.")
        case _:
            note(f"error: {error.message}")
            if error.hint:
                note(f"  hint: {error.hint}")
