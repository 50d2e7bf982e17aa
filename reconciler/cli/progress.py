"""Progress on stderr: a bar on a terminal, a line now and then elsewhere. It never raises: it is told in mid-apply."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from reconciler.cli import console

if TYPE_CHECKING:
    from reconciler.core.outcome import Result

_SECONDS_BETWEEN_LINES = 2.0

Report = Callable[["Result"], None]


@contextmanager
def progress(total: int, *, color: bool) -> Iterator[Report]:
    """A function to call with each result."""
    if not total:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar(total, color=color) as report:
            yield report
    else:
        yield _lines(total)


@contextmanager
def _bar(total: int, *, color: bool) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    terminal = Console(stderr=True, no_color=not color)
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    bar = Progress(*columns, console=terminal, transient=True)
    task = bar.add_task("applying", total=total)
    with suppress(OSError):  # the terminal may be gone
        bar.start()
    try:
        yield lambda result: bar.update(task, advance=1, description=result.change.address)
    finally:
        with suppress(OSError):
            bar.stop()


def _lines(total: int) -> Report:
    from reconciler.formats.text import progress_text

    done, told = 0, time.monotonic()

    def report(result: Result) -> None:
        nonlocal done, told
        done += 1
        if time.monotonic() - told >= _SECONDS_BETWEEN_LINES:
            told = time.monotonic()
            console.note(progress_text(result, done, total))

    return report
