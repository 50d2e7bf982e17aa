"""`make chaos SEEDS=n SEED_START=s`: seed by seed, in several processes; exits 1 where one fails, and says how to see
it again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from tests.chaos.arena import an_arena
from tests.chaos.drawing import draw
from tests.chaos.running import run
from tests.chaos.sorts import SORTS
from tests.repository import ROOT


def main() -> int:
    """Run the seeds that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="how many processes share the seeds")
    parser.add_argument("--every", type=int, default=1, help="only each n-th seed")
    parser.add_argument("--sabotage", default="", help="break the program in a way of tests.chaos.sabotage")
    parser.add_argument("--kinds", default=",".join(SORTS), help="sinks of these kinds only, with commas between them")
    asked = parser.parse_args()
    if asked.jobs > 1:
        return _shared(asked)
    return _run(range(asked.start, asked.start + asked.seeds, asked.every), asked.kinds, asked.sabotage)


def _shared(asked: argparse.Namespace) -> int:
    """The seeds dealt out to processes."""
    processes = [
        subprocess.Popen(
            [
                sys.executable, "-m", "tests.chaos", "--start", str(asked.start + job), "--every", str(asked.jobs),
                "--seeds", str(asked.seeds - job), "--kinds", asked.kinds, "--sabotage", asked.sabotage,
            ],
            cwd=ROOT,
        )
        for job in range(min(asked.jobs, asked.seeds))
    ]  # fmt: skip
    return max(process.wait() for process in processes)


def _run(seeds: range, kinds: str, sabotage: str) -> int:
    failed = []
    began = time.monotonic()
    with an_arena(tuple(kinds.split(","))) as arena:
        for seed in seeds:
            try:
                run(arena, draw(seed, arena.kinds), sabotage)
            except AssertionError as error:
                sys.stdout.write(f"seed {seed} failed: {error}\n")
                failed.append(seed)
            sys.stdout.flush()
    spent = time.monotonic() - began
    sys.stdout.write(f"{len(seeds)} seeds, {len(failed)} failed, {spent / max(1, len(seeds)):.2f} s each\n")
    for seed in failed:
        sys.stdout.write(f"again: make chaos SEEDS=1 SEED_START={seed}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
