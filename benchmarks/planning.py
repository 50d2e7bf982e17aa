"""Validate and plan: what `reconciler plan` takes for 10,000 keys, as a process and with all that belongs to it.

The live keys come from the built-in emulator, whose work is counted too. Run as a module it measures the work alone,
without the start of Python: that is what growth is judged by.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.processes import COMMAND, Cost, cost, module
from reconciler import api
from reconciler.formats.text import plan_text

ENVIRONMENTS = 10
KEYS = 1000
BEST_OF = 3


def figures(folder: Path, *, keys: int = KEYS) -> Iterator[Figure]:
    """Time, memory and growth; `keys` in each of ten environments."""
    worlds = {
        (name, count): _world(folder, count, name) for name in ("unchanged", "changed") for count in (keys, keys // 10)
    }
    total = f"{ENVIRONMENTS * keys:,} keys"
    for name, target, what in (("unchanged", 3.0, "nothing changed"), ("changed", 5.0, "every key changed")):
        best, peak = _best(worlds[name, keys])
        yield Figure(name=f"plan of {total}, {what}", measured=best, target=target, unit="s")
        yield Figure(name=f"plan of {total}, {what}: memory", measured=peak, target=200, unit="MB")
    for name, what in (("unchanged", "nothing changed"), ("changed", "every key changed")):
        small, large = growth([worlds[name, keys // 10], worlds[name, keys]])
        yield Figure(
            name=f"growth to ten times the keys, {what}",
            measured=large / small,
            target=11,
            unit="×",
            detail=f"{small:.3f} s → {large:.2f} s",
        )


def _world(folder: Path, keys: int, name: str) -> Path:
    place = folder / f"{name}-{keys}"
    module("worlds", place, str(ENVIRONMENTS), str(keys), name)
    return place / "keys.yaml"


def _best(manifest: Path) -> tuple[float, float]:
    """Seconds and megabytes of the command; the least of each, for the machine only ever adds."""
    costs: list[Cost] = [cost([COMMAND, "plan", "-f", manifest]) for _ in range(BEST_OF)]
    return min(each.seconds for each in costs), min(each.megabytes for each in costs)


def growth(manifests: Sequence[Path]) -> list[float]:
    """Seconds of processor time for each manifest, the best of several, side by side in one process."""
    best: list[float] = json.loads(module("planning", *manifests))
    return best


def _run(path: Path) -> float:
    started = time.process_time()
    planned = asyncio.run(_plan(path))
    plan_text(planned.plan, planned.refusals)
    return time.process_time() - started


async def _plan(path: Path) -> api.Planned:
    async with api.connect(api.read_manifest(path), (), variables=os.environ) as reconciler:
        return await reconciler.plan()


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]]
    _run(paths[0])  # imports
    rounds = [[_run(path) for path in paths] for _ in range(BEST_OF)]
    print(json.dumps([min(times) for times in zip(*rounds, strict=True)]))
