"""The nearest of the words that were possible, for hints."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import SequenceMatcher

from reconciler.core.quoting import one_of

_NEAR = 0.75
_AS_NEAR = 0.06
"""How much less alike than the nearest word another may be and still be worth its mention."""


def did_you_mean(word: str, possible: Iterable[str]) -> str:
    """`did you mean "a" or "b"?`, at most three and the nearest first; empty where nothing is near."""
    matcher = SequenceMatcher(b=word.lower())
    ratios: list[tuple[float, str]] = []
    for candidate in sorted(possible):
        matcher.set_seq1(candidate.lower())
        if matcher.quick_ratio() >= _NEAR and (ratio := matcher.ratio()) >= _NEAR:
            ratios.append((-ratio, candidate))
    ratios.sort()
    near = [candidate for ratio, candidate in ratios[:3] if ratio <= ratios[0][0] + _AS_NEAR]
    return f"did you mean {one_of(near)}?" if near else ""
