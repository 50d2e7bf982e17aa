"""The repository as the checks of docs and packaging see it: what Git tracks, or would after ``git add``."""

import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that is in Git or could be added to it, so that a mistake is found before the commit."""
    listing = subprocess.run(
        [
            "git",
            *("-c", f"safe.directory={ROOT}"),  # CI checkouts may belong to another user
            *("ls-files", "-z", "--cached", "--others", "--exclude-standard"),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
    ).stdout.decode()
    return tuple(sorted(path for name in listing.split("\0") if name and (path := ROOT / name).is_file()))


@cache
def project() -> dict[str, Any]:
    """pyproject.toml, parsed."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def relative(path: Path) -> str:
    """How a failing test names a file."""
    return path.relative_to(ROOT).as_posix()
