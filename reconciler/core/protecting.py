"""Which keys `protect` names: by the names that the manifest gives them, and by their slugs once it no longer does.

What is written without a glob also stands for the slug that such a name has, so that a key keeps its protection when
its declaration goes, whatever its name is.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.desired import Desired
from reconciler.core.globs import first_match
from reconciler.core.ids import slug
from reconciler.core.quoting import quoted


def protected(desired: Desired, addresses: Iterable[str]) -> tuple[str, ...]:
    """Those of the addresses that `protect` names, sorted."""
    if not desired.protect:
        return ()
    slugs = {slug(glob) for glob in desired.protect}

    def is_named(name: str) -> bool:
        return name in slugs or first_match(desired.protect, name) is not None

    return tuple(sorted(address for address in addresses if is_named(address.rpartition("/")[2])))


def unused_protection(desired: Desired, slugs: Iterable[str]) -> list[str]:
    """A warning for each glob that protects nothing: neither what is declared nor any of the live `slugs`."""
    if not desired.protect:
        return []
    names = {*slugs, *desired.names.values()}
    return [
        f"protect: {quoted(glob)} matches no key here, so it protects nothing"
        for glob in dict.fromkeys(desired.protect)
        if slug(glob) not in names and all(first_match([glob], name) is None for name in names)
    ]
