"""The nearest of the words that were possible, for hints."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, possible: Iterable[str]) -> str:
    """`did you mean "a" or "b"?`, at most three and the nearest first; empty where nothing is close."""
    candidates = sorted(possible)
    lower = {candidate.lower(): candidate for candidate in candidates}
    close = get_close_matches(word.lower(), lower, n=3, cutoff=0.75)
    return f"did you mean {one_of(lower[match] for match in close)}?" if close else ""


def one_of(words: Iterable[str]) -> str:
    """`"a", "b" or "c"`, in the order given."""
    quoted = [f'"{word}"' for word in words]
    return " or ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1]))) if quoted else ""
