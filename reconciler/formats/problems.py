"""The problems of a manifest for people: each with its place, what is wrong, the line itself, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.errors import Problem
from reconciler.formats.excerpts import WIDTH, Excerpts


def problems_text(problems: Iterable[Problem], *, width: int | None = None) -> str:
    """One block per problem; folded to a width where there is one, else a message is one line, for editors and grep."""
    excerpts = Excerpts(width or WIDTH)
    return "".join(f"{line}\n" for problem in problems for line in _block(problem, excerpts, width))


def _block(problem: Problem, excerpts: Excerpts, width: int | None) -> Iterator[str]:
    yield _folded("", f"{problem.position}: {problem.message}", width)
    yield from excerpts.of(problem.position)
    if problem.hint:
        yield _folded("  hint: ", problem.hint, width)


def _folded(label: str, text: str, width: int | None) -> str:
    if width is None:
        return label + text
    from reconciler.formats.text import Screen

    return Screen(width=width, color=False).wrap(text, first=label, indent=len(label) or 4)
