"""Live keys sorted by what this manifest may do with them.

Only keys whose id carries the realm's mark are owned; every other one is unmanaged: listed, never touched.
Of several generations of one slug the newest is the key; older ones are superseded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.core.ids import Realm, owned
from reconciler.core.keys import LiveKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """`newest` holds one owned key for each slug."""

    newest: dict[str, LiveKey]
    superseded: tuple[LiveKey, ...]
    unmanaged: tuple[LiveKey, ...]


def pair(realm: Realm, keys: Iterable[LiveKey]) -> Pairing:
    """Sort keys, whatever their order."""
    generations: dict[str, list[tuple[int, LiveKey]]] = {}
    unmanaged: list[LiveKey] = []
    for key in keys:
        mark = owned(realm, key.id)
        if mark is None:
            unmanaged.append(key)
        else:
            generations.setdefault(mark.slug, []).append((mark.generation, key))
    for each in generations.values():
        each.sort(key=lambda generation: generation[0])
    return Pairing(
        newest={slug: each[-1][1] for slug, each in generations.items()},
        superseded=tuple(key for each in generations.values() for _, key in each[:-1]),
        unmanaged=tuple(sorted(unmanaged, key=lambda key: key.id)),
    )
