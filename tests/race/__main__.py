"""`make two-runs RUNS=n`: on each profile, n times two `apply` at once over a due rotation; says what became of them,
and exits 1 where they did not end like one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import get_args

from reconciler.emulator import Profile
from tests.race.racing import a_course


def main() -> int:
    """Race as often as asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.race", description=__doc__)
    parser.add_argument("--runs", type=int, default=200, help="on each profile")
    asked = parser.parse_args()
    return max(_on(profile, asked.runs) for profile in get_args(Profile))


def _on(profile: Profile, runs: int) -> int:
    ends: Counter[str] = Counter()
    codes: Counter[int] = Counter()
    spent: list[float] = []
    failed = twice = 0
    with tempfile.TemporaryDirectory() as folder, a_course(profile, Path(folder)) as course:
        for number in range(runs):
            began = time.monotonic()
            try:
                race = course.race(same_machine=number % 2 == 0)
            except AssertionError as error:
                sys.stdout.write(f"{profile}, race {number}: {error}\n")
                failed += 1
                continue
            finally:
                spent.append(time.monotonic() - began)
            ends[race.second] += 1
            codes.update(race.codes)
            twice += race.retired > 1
        generations = course.generations
    spent.sort()
    sys.stdout.write(
        f"{profile}: {runs} races, {failed} failed; {generations} new generations; "
        f"exit codes {dict(codes)}; the second run {dict(ends)}; the old key's end written twice {twice} times; "
        f"{spent[len(spent) // 2]:.1f} s each, {spent[-1]:.1f} s at most\n"
    )
    sys.stdout.flush()
    return 1 if failed or generations != runs else 0


if __name__ == "__main__":
    sys.exit(main())
