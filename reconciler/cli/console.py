"""Where output goes: results to stdout, everything else to stderr; colour and width as the terminal is.

A result that cannot be written is an error. What cannot be written to stderr is lost, and nothing else: a delivery
under way is not given up because nobody reads of it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import click

from reconciler.core.quoting import quoted
from reconciler.errors import ManifestError, Problem, ReconcilerError, SeveralErrors, UsageError

_LABEL = re.compile(r"( *(?:(?:error|hint|warning): )?)(.*)")


def width() -> int:
    """Columns of the terminal; 80 where there is none."""
    import shutil

    return shutil.get_terminal_size((80, 24)).columns


def color(stream: TextIO, *, no_color: bool) -> bool:
    """Whether to colour what goes to a stream: on a terminal, unless the user or NO_COLOR objects."""
    return stream.isatty() and not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def can_write(stream: TextIO, text: str) -> bool:
    """Whether the encoding of a stream has these characters."""
    try:
        text.encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def fitted(text: str, stream: TextIO) -> str:
    """Each line folded to the terminal where a stream is one; elsewhere as it is, for editors and grep."""
    if not stream.isatty():
        return text
    from reconciler.formats.text import Screen

    screen = Screen(width=width(), color=False)
    parts = [_LABEL.match(line) for line in text.split("\n")]
    return "\n".join(screen.wrap(part[2], first=part[1], indent=len(part[1]) or 4) for part in parts if part)


def result(text: str) -> None:
    """Write a result to stdout; raises UsageError where that cannot be."""
    try:
        click.echo(text, nl=False, color=True)
    except BrokenPipeError:
        raise  # whoever read it has seen enough: click ends the program without a word
    except OSError as error:
        raise UsageError(f"standard output cannot be written: {error.strerror}", hint="see where it goes") from error


def note(text: str) -> None:
    """Write anything else to stderr, above a progress bar that stands there; never raises."""
    with suppress(OSError):
        # Not err=True, which would go around the stand-in by which rich moves its bar out of the way.
        click.echo(text, file=sys.stderr, color=color(sys.stderr, no_color=False))


def open_closed() -> None:
    """Open each standard stream that was closed, such as by `>&-`, on the null device.

    For reading only: writing then fails as on a full disk, and no file of ours gets the number of a standard stream.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDONLY), mode))


def discard_unwritten() -> None:
    """Throw away what a standard stream did not take: Python would try once more at exit, and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)


def problems_text(problems: Iterable[Problem], stream: TextIO) -> str:
    """Problems with the lines that they are about, as a stream takes them."""
    from reconciler.formats import problems as formats

    return formats.problems_text(problems, width=width() if stream.isatty() else None)


def annotate(problems: Iterable[Problem] = (), warnings: Iterable[str] = ()) -> None:
    """Under GitHub Actions, tell problems and warnings once more to its runner, beside the lines that they are about.

    On stderr, which the runner reads as it reads stdout, so that a result stays a result.
    """
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return
    from reconciler.formats.annotations import problem_annotations, warning_annotations

    commands = problem_annotations(problems, _in_checkout) + warning_annotations(warnings, _in_checkout)
    if commands:
        note(commands.removesuffix("\n"))


def _in_checkout(file: str) -> str:
    """The file as seen from the checkout, whose paths annotations need; as named where it lies elsewhere."""
    checkout = os.environ.get("GITHUB_WORKSPACE")
    whole = Path(file).absolute()
    inside = checkout and whole.is_relative_to(checkout)
    return whole.relative_to(checkout).as_posix() if checkout and inside else file


def show_error(error: ReconcilerError) -> None:
    """Write an error to stderr: what is wrong, and below it what to do."""
    match error:
        case SeveralErrors(errors=errors):
            for each in errors:
                show_error(each)
        case ManifestError(problems=problems):
            note(problems_text(problems, sys.stderr).removesuffix("\n"))
            note(f"{error.message}.")
            annotate(problems)
        case _:
            note(fitted(f"error: {error.message}", sys.stderr))
            if error.hint:
                note(fitted(f"  hint: {error.hint}", sys.stderr))


def in_our_words(error: click.ClickException) -> UsageError:
    """What click says of the arguments, as every other error is said: `error: no such option: --frobnicate`."""
    said = " ".join(error.format_message().split()).rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    return UsageError(said[:1].lower() + said[1:], hint=f"{context.command_path if context else 'reconciler'} --help")


def of_the_system(error: OSError) -> UsageError:
    """What the system says, as every other error is said: the path first, cut off where it is long."""
    said = error.strerror or str(error)
    return UsageError(said if error.filename is None else f"{quoted(error.filename)} cannot be used: {said}")
