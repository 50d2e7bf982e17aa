"""Files that are one file under two names: an absolute and a relative path, or a way through a symbolic link.

Paths are compared as written before anybody looks at a disk; this is the look at the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from os.path import realpath

from reconciler.core.desired import SinkSpec
from reconciler.core.places import Places
from reconciler.core.risks import show_sink
from reconciler.errors import UsageError


def check_files(specs: Iterable[SinkSpec]) -> None:
    """Raise UsageError where two different sinks write the same place of one file."""
    resolved = cache(realpath)
    places: Places[SinkSpec] = Places()
    for spec in specs:
        path = dict(spec.options).get("path")
        if not isinstance(path, str):
            continue
        real = tuple((name, resolved(path) if name == "path" else value) for name, value in spec.options)
        other = places.take(replace(spec, options=real), spec)
        if other is not None:
            raise UsageError(
                f"{show_sink(other)} and {show_sink(spec)} are one file under two names",
                hint="give each key a path or a variable of its own",
            )
