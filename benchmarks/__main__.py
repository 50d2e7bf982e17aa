"""`make bench`: a line for each figure, exit 1 where one is short. How to read it: benchmarks/README.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import creating, delivering, parts, planning, starting
from benchmarks.figures import Figure

Group = Callable[[Path], Iterator[Figure]]

_FULL: dict[str, Group] = {
    "start": lambda _: starting.figures(),
    "plan": planning.figures,
    "create": creating.figures,
    "deliver": delivering.figures,
    "parts": parts.figures,
}
_QUICK: dict[str, Group] = {
    "start": lambda _: starting.figures(pairs=1),
    "plan": lambda folder: planning.figures(folder, keys=10, times=1),
    "create": lambda folder: creating.figures(folder, creating.QUICK),
    "deliver": lambda folder: delivering.figures(folder, keys=4),
    "parts": parts.figures,
}


def main() -> int:
    """Measure, and say whether every target is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"only these: {', '.join(_FULL)}")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs, and judges nothing")
    arguments = parser.parse_args()
    chosen = _QUICK if arguments.quick else _FULL
    if unknown := set(arguments.groups) - chosen.keys():
        parser.error(f"there is no group {', '.join(sorted(unknown))}")
    met = True
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder:
        for group in arguments.groups or chosen:
            for figure in chosen[group](Path(folder, group)):
                print(figure.line(), flush=True)
                met = met and figure.ok
    return 0 if met or arguments.quick else 1


if __name__ == "__main__":
    sys.exit(main())
