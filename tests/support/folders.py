"""Folders for runs that are made by the hundred."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def a_folder() -> Iterator[Path]:
    """A folder that is gone afterwards; in memory where the system offers that, because flushing to a disk takes most
    of the time of a run.
    """
    memory = Path("/dev/shm")  # a missing one only costs time
    with TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)
