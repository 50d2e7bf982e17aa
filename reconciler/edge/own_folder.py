"""The folder `.reconciler`, for its owner alone, and out of Git by a file of its own."""

from __future__ import annotations

from pathlib import Path


def make(folder: Path) -> None:
    """Make it where it is missing; raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
