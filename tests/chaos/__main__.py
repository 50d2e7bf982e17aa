"""`make chaos SEEDS=n SEED_START=s`: seed by seed, over several processes; exits 1 where one fails, and says how to see it
again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from tests.chaos.arena import an_arena
from tests.chaos.drawing import draw
from tests.chaos.running import run
from tests.repository import ROOT


def main() -> int:
    """Run the seeds that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="how many processes share the seeds")
    parser.add_argument("--every", type=int, default=1, help="only each n-th seed")
    parser.add_argument("--sabotage", default="", help="break the program in a way of tests.chaos.sabotage")
    parser.add_argument("--show", action="store_true", help="tell what each run said")
    asked = parser.parse_args()
    if asked.jobs > 1:
        return _shared(asked.seeds, asked.start, asked.jobs)
    return _run(range(asked.start, asked.start + asked.seeds, asked.every), asked.sabotage)


def _shared(seeds: int, start: int, jobs: int) -> int:
    """The seeds dealt out to processes; each stops at its first failure."""
    processes = [
        subprocess.Popen(
            [
                sys.executable, "-m", "tests.chaos", "--start", str(start + job), "--seeds", str(seeds - job),
                "--every", str(jobs),
            ],
            cwd=ROOT,
        )
        for job in range(min(jobs, seeds))
    ]  # fmt: skip
    return max(process.wait() for process in processes)


def _run(seeds: range, sabotage: str) -> int:
    failed = []
    began = time.monotonic()
    with an_arena() as arena:
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
