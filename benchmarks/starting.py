"""How long `reconciler --help` takes, next to importing click, which no program with click can do without."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.processes import COMMAND, cost

PAIRS = 15
_CLICK: Sequence[str | Path] = [sys.executable, "-c", "import click"]
_WAYS: dict[str, Sequence[str | Path]] = {
    "reconciler --help": [COMMAND, "--help"],
    "python -m reconciler --help": [sys.executable, "-m", "reconciler", "--help"],
}


def figures(*, pairs: int = PAIRS) -> Iterator[Figure]:
    """Medians of whole processes, run in turn so that both meet the same machine."""
    for name, command in _WAYS.items():
        ours: list[float] = []
        clicks: list[float] = []
        for _ in range(pairs):
            ours.append(cost(command).seconds)
            clicks.append(cost(_CLICK).seconds)
        median, least = statistics.median(ours), statistics.median(clicks)
        yield Figure(
            name=f"{name} ÷ import click",
            measured=median / least,
            target=2,
            unit="×",
            detail=f"{1000 * median:.0f} ms, {1000 * least:.0f} ms",
        )
