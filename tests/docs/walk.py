"""A page as its reader meets it: `python -m tests.docs.walk docs/tutorial.md`, or `make tutorial`.

Clones what is committed here into a temporary folder, goes into the clone and does what the page says, step by step,
with its own `make install`: nothing of this checkout is used. A step that fails or shows something else ends it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.docs.commands import environment, steps
from tests.repository import ROOT


def main(page: str) -> int:
    """Walk through a page of the repository; the exit code."""
    with tempfile.TemporaryDirectory(prefix="reconciler-walk.") as home:
        clone = Path(home) / "reconciler"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        for count, step in enumerate(steps(clone / page, clone, _newcomer(Path(home))), start=1):
            sys.stdout.write(f"{count:3}  {step.shown.splitlines()[0]}\n")
            sys.stdout.flush()
            if step.problem:
                sys.stderr.write(f"\n{page} does not hold: {step.problem}\n")
                return 1
    sys.stdout.write(f"{page} holds.\n")
    return 0


def _newcomer(home: Path) -> dict[str, str]:
    """What this shell has, but a home of its own, nothing of this checkout on the path, and the real `make`."""
    ours = environment(home)
    path = [folder for folder in os.environ["PATH"].split(os.pathsep) if not Path(folder).is_relative_to(ROOT)]
    kept = {name: value for name, value in ours.items() if name in {"HOME", "TMPDIR"} or name.startswith("GIT_")}
    dropped = {"NO_COLOR", "COLUMNS", "GITHUB_ACTIONS", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    seen = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**seen, **kept, "PATH": os.pathsep.join(path)}


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
