"""Validate and plan: what `reconciler plan` takes for 10,000 keys, as a process and with all that belongs to it.

The live keys come from the built-in emulator, whose work is counted too. Run as a module it measures the work alone,
without the start of Python, which would hide growth; each time in a process of its own, for much is remembered.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.processes import COMMAND, Cost, cost, module
from benchmarks.worlds import build
from reconciler.cli.main import main

ENVIRONMENTS = 10
KEYS = 1000


def figures(folder: Path, *, keys: int = KEYS, times: int = 5) -> Iterator[Figure]:
    """Time, memory and growth; `keys` in each of ten environments, the best of so many `times`."""
    worlds = {
        (name, count): _world(folder, count, name) for name in ("unchanged", "changed") for count in (keys, keys // 10)
    }
    total = f"{ENVIRONMENTS * keys:,} keys"
    for name, target, what in (("unchanged", 3.0, "nothing changed"), ("changed", 5.0, "every key changed")):
        best, peak = _best(worlds[name, keys], times, is_changed=name == "changed")
        yield Figure(name=f"plan of {total}, {what}", measured=best, target=target, unit="s")
        yield Figure(name=f"plan of {total}, {what}: memory", measured=peak, target=200, unit="MB")
    for name, what in (("unchanged", "nothing changed"), ("changed", "every key changed")):
        small, large = growth(worlds[name, keys // 10], worlds[name, keys], times)
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


def _best(manifest: Path, times: int, *, is_changed: bool) -> tuple[float, float]:
    """Seconds and megabytes of the command; the least of each, for the machine only ever adds. A world that has drifted
    where nothing should have changed fails.
    """
    proof = [] if is_changed else ["--detailed-exitcode"]
    costs: list[Cost] = [cost([COMMAND, "plan", "-f", manifest, *proof]) for _ in range(times)]
    return min(each.seconds for each in costs), min(each.megabytes for each in costs)


def growth(small: Path, large: Path, times: int) -> tuple[float, float]:
    """Seconds of processor time for each manifest, the best of several, in turn."""
    rounds = [(float(module("planning", small)), float(module("planning", large))) for _ in range(times)]
    return min(first for first, _ in rounds), min(second for _, second in rounds)


def _run(path: Path) -> float:
    sys.argv[1:] = ["plan", "-f", str(path)]
    started = time.process_time()
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        try:
            main()
        except SystemExit as done:
            if done.code:
                raise
    return time.process_time() - started


def _import_all(folder: Path) -> None:
    """What runs import on use, diffs included: a world of one key that differs."""
    _run(build(folder / "tiny", 1, 1, changed=True))


if __name__ == "__main__":
    manifest = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as scratch:
        _import_all(Path(scratch))
    print(_run(manifest))
