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
        slug = slug_of_absent(desired, name) if name in desired.absent else None
        return slug is not None and (desired.names.get(slug) in names or first_match(globs, slug) is not None)

    return tuple(sorted(address for address in addresses if is_named(address.rpartition("/")[2])))


def slug_of_absent(desired: Desired, key_id: str) -> str | None:
    """The slug of a key that `absent` names by its generated id; None where that is anybody else's."""
    mark = owned_here(desired, key_id)
    return mark[1].slug if mark else None


def unused_protection(desired: Desired, slugs: Iterable[str], absent: Iterable[str]) -> list[str]:
    """A warning for each glob that protects nothing: neither what is declared nor a live key, by its slug or by an id
    that `absent` names.
    """
    if not desired.protect:
        return []
    ids = tuple(absent)
    named = filter(None, (slug_of_absent(desired, key_id) for key_id in ids))
    names = {*slugs, *ids, *named, *desired.names, *desired.names.values()}
    return [
        f"protect: {quoted(glob)} matches no key here, so it protects nothing"
        for glob in sorted(set(desired.protect))
        if all(first_match({glob, slug(glob)}, name) is None for name in names)
    ]
