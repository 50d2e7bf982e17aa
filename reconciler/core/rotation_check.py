"""What `rotation` may say: spans that leave no gap, nothing beside it that contradicts it, and a sink to deliver to.

The rules:
- A generation lives for a day at least: what is to live shorter is an ephemeral key (`reconciler exec`).
- The overlap is shorter than the time between two generations, so that there are never three of them.
- A rotating key's life follows from its rotation: `expire` beside it says something else, wherever either is written.
- A secret that changes by itself must arrive somewhere: without `deliver` nobody would have the new one.
- An overlap under two days is worth a warning: Appwrite tells the day of a key's last use, not the moment, so nobody
  would see in time that somebody still uses the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from reconciler.core.declared import DeclaredKey
from reconciler.core.desired import Rotation
from reconciler.core.document import Document, Path
from reconciler.core.expiry import LONGEST
from reconciler.core.quoting import quoted
from reconciler.core.times import parse_duration, show_duration
from reconciler.core.wording import describe
from reconciler.errors import Problem

SHORTEST = timedelta(days=1)
WELL_SEEN = timedelta(hours=48)
"""The shortest overlap in which a use of the old key is sure to show before it ends."""


def rotation_of(written: Mapping[str, Any] | None) -> Rotation | None:
    """The rotation that a key has once its layers are composed; None for none."""
    if not written:
        return None
    return Rotation(every=parse_duration(written["every"]), overlap=parse_duration(written["overlap"]))


def span_problems(document: Document, path: Path, written: Mapping[str, Any]) -> Iterator[Problem]:
    """What is wrong with the two spans as one layer writes them."""
    rotation = rotation_of(written)
    if rotation is None:
        return
    every, overlap = (*path, "every"), (*path, "overlap")
    if rotation.every < SHORTEST:
        yield Problem(
            position=document.value_position(every),
            message=f"{describe(every)} is less than a day",
            hint="write 1d or more; `reconciler exec` gives a command a key of its own that lives for minutes",
        )
    elif rotation.every > LONGEST:
        yield Problem(
            position=document.value_position(every),
            message=f"{describe(every)} is more than a hundred years",
            hint="leave rotation out for a key that never changes",
        )
    if rotation.overlap >= rotation.every:
        yield Problem(
            position=document.value_position(overlap),
            message=f"{describe(overlap)} is {written['overlap']}, not shorter than every, which is {written['every']}",
            hint="the old key must have ended before the next one comes: shorten the overlap, or rotate less often",
        )


def composed_problems(document: Document, layers: Sequence[tuple[Path, Mapping[str, Any]]]) -> Iterator[Problem]:
    """What only shows once the layers of a key are over each other."""
    at: dict[str, Path] = {}
    for path, written in layers:
        for field in ("rotation", "expire", "deliver"):
            if written.get(field):
                at[field] = path
            elif field in written:  # null and an empty list take away what lower layers say
                at.pop(field, None)
    if "rotation" not in at:
        return
    rotation: Path = (*at["rotation"], "rotation")
    if "expire" in at:
        yield _expire_too(document, layers, rotation, (*at["expire"], "expire"))
    if "deliver" not in at:
        yield _nowhere(document, layers, rotation)


def _nowhere(document: Document, layers: Sequence[tuple[Path, Mapping[str, Any]]], rotation: Path) -> Problem:
    """Rotation without a sink, told where one is to be written: where a layer takes `deliver` away, else beside the
    rotation, or at the key where that is of all keys.
    """
    keys = [path for path, _ in layers if len(path) > 1]
    taken = [path for path, written in layers if "deliver" in written]
    where = taken[-1] if taken else rotation[:-1] if rotation[:-1] in keys else keys[0]
    place: Path = (*where, "deliver") if taken else rotation if where == rotation[:-1] else where
    whose = "" if where == rotation[:-1] else f" in {describe(where)}"
    paths = [path for path, _ in layers]
    null = ", or write `rotation: null` there" if paths.index(where) > paths.index(rotation[:-1]) else ""
    return Problem(
        position=document.position(place),
        message=f"{describe(rotation)} needs deliver{whose}: each generation has a secret that must arrive somewhere",
        hint=f"say under `deliver` where the key's users read it{null}",
    )


def _expire_too(
    document: Document, layers: Sequence[tuple[Path, Mapping[str, Any]]], rotation: Path, expire: Path
) -> Problem:
    paths = [at for at, _ in layers]
    order = paths.index(rotation[:-1]) - paths.index(expire[:-1])
    if order == 0:
        hint = "leave expire out: a generation lives for every + overlap"
    elif order > 0:
        hint = f"write `expire: null` beside it, or take expire out of {describe(expire[:-1])}"
    else:
        hint = f"write `rotation: null` beside it, or take rotation out of {describe(rotation[:-1])}"
    later, other = (rotation, expire) if order >= 0 else (expire, rotation)
    return Problem(
        position=document.position(later),
        message=f"{describe(later)} does not go with {describe(other)}",
        hint=hint,
    )


def short_overlaps(keys: Iterable[DeclaredKey]) -> Iterator[str]:
    """A warning for each overlap that is over before a use of the old key is sure to show, at the first key that has
    it.
    """
    short: dict[timedelta, list[DeclaredKey]] = {}
    for key in keys:
        if key.rotation is not None and key.rotation.overlap < WELL_SEEN:
            short.setdefault(key.rotation.overlap, []).append(key)
    for overlap, (first, *others) in short.items():
        more = f" (and {len(others)} more)" if others else ""
        yield (
            f"{first.position}: the rotation of key {quoted(first.name)}{more} has an overlap of "
            f"{show_duration(overlap)}: Appwrite tells the day of a key's last use, not the moment, so only from "
            f"{show_duration(WELL_SEEN)} on it is sure to show whether the old key is still used"
        )
