"""Which keys `protect` names: by the name that the manifest gives them, by their slug, and by that of a former name.

So a key keeps its protection when it is renamed, when its declaration goes, and when its id is named under `absent`.
What is written without a glob also stands for the slug that such a name has.
"""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.core.desired import Desired
from reconciler.core.globs import first_match
from reconciler.core.ids import slug
from reconciler.core.pairing import owned_here
from reconciler.core.quoting import quoted


def protected(desired: Desired, addresses: Iterable[str]) -> tuple[str, ...]:
    """Those of the addresses that `protect` names, sorted."""
    if not desired.protect:
        return ()
    globs = {*desired.protect, *map(slug, desired.protect)}
    names = {name for old, name in desired.names.items() if first_match(globs, old) or first_match(globs, name)}

    def is_named(name: str) -> bool:
        if name in names or first_match(globs, name) is not None:
            return True
        mark = owned_here(desired, name) if name in desired.absent else None
        return mark is not None and first_match(globs, mark[1].slug) is not None

    return tuple(sorted(address for address in addresses if is_named(address.rpartition("/")[2])))


def unused_protection(desired: Desired, slugs: Iterable[str]) -> list[str]:
    """A warning for each glob that protects nothing: neither what is declared nor any of the live `slugs`."""
    names = {*slugs, *desired.names, *desired.names.values()} if desired.protect else set()
    return [
        f"protect: {quoted(glob)} matches no key here, so it protects nothing"
        for glob in sorted(set(desired.protect))
        if all(first_match({glob, slug(glob)}, name) is None for name in names)
    ]
