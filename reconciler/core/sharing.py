"""Environments of one run that meet, of one manifest or of several: in a sink, or in a key of their common project.

Each would undo at every apply what the other did. Within one environment `meetings` finds the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import permutations
from pathlib import PurePath

from reconciler.core.addresses import EMULATOR
from reconciler.core.delivery import at
from reconciler.core.desired import Desired, DesiredKey, SinkSpec
from reconciler.core.ids import key_id
from reconciler.core.pairing import owned_here
from reconciler.core.places import Places
from reconciler.core.quoting import quoted
from reconciler.core.risks import show_sink
from reconciler.errors import Position, Problem


def as_written(sink: SinkSpec) -> SinkSpec:
    """The place of a sink where nobody can say more of it than the manifest does."""
    return sink


def shared(environments: Iterable[Desired], place: Callable[[SinkSpec], SinkSpec] = as_written) -> Iterator[Problem]:
    """What environments that are planned in one run may not share. `place` spells a sink as all do who name its
    place.
    """
    environments = tuple(environments)
    yield from _sinks(environments, place)
    places: dict[tuple[str, str], list[Desired]] = {}
    for desired in environments:
        places.setdefault(_place(desired), []).append(desired)
    for sharing in places.values():
        yield from _adopted_twice(sharing)
        for one, other in permutations(sharing, 2):
            yield from _taken(one, other)


def _place(desired: Desired) -> tuple[str, str]:
    """The project: server and id. Each folder of manifests has an emulator of its own."""
    where = desired.connection
    folder = f" {PurePath(where.position.file).parent}" if where.endpoint == EMULATOR else ""
    return f"{where.endpoint}{folder}", where.project


def _sinks(environments: Sequence[Desired], place: Callable[[SinkSpec], SinkSpec]) -> Iterator[Problem]:
    places: Places[tuple[DesiredKey, SinkSpec]] = Places()
    for desired in environments:
        for key in desired.keys:
            for sink in key.sinks:
                filled = at(sink, key.adopts or key_id(desired.realm, key.slug))
                other = places.take(place(filled), (key, filled))
                if other is not None:
                    yield _one_place(*other, key, filled)


def _one_place(first: DesiredKey, one: SinkSpec, second: DesiredKey, other: SinkSpec) -> Problem:
    names = show_sink(one) if one == other else f"{show_sink(one)} and {show_sink(other)}"
    if first is second:
        message, hint = f"{second.address} is delivered to one place twice: {names}", "leave one out"
    else:
        both = f"{_beside(first, second)} and {second.address}"
        message, hint = f"{both} are delivered to one place: {names}", _hint(first, second)
    return Problem(position=second.position, message=message, hint=hint)


def _hint(one: DesiredKey, other: DesiredKey) -> str:
    if _environment(one) == _environment(other):
        whose = "each key" if one.position.file == other.position.file else "each file's keys"
        return f"give {whose} a place of their own: another path, variable or name"
    return "put {environment} in its path, or name one environment with -e"


def _environment(key: DesiredKey) -> str:
    return key.address.partition("/")[0]


def _adopted_twice(environments: Iterable[Desired]) -> Iterator[Problem]:
    first: dict[str, DesiredKey] = {}
    for desired in environments:
        for key in filter(lambda key: key.adopts, desired.keys):
            other = first.setdefault((key.adopts or "").lower(), key)
            if other is not key:
                yield Problem(
                    position=key.position,
                    message=f"{_beside(other, key)} and {key.address} adopt one key: {quoted(key.adopts)}",
                    hint="an id belongs to one key: correct one of the two",
                )


def _taken(one: Desired, other: Desired) -> Iterator[Problem]:
    """Ids that one environment names, and that are the other's."""
    for key in one.keys:
        if key.adopts and owned_here(other, key.adopts.lower()) is not None:
            yield Problem(
                position=key.position,
                message=f"{key.address} adopts {quoted(key.adopts)}, which is a key of {_whose(one, other)}",
                hint="leave `id` out, or adopt it once the other one is in no manifest any more",
            )
    adopted = {key.adopts.lower(): key for key in other.keys if key.adopts} if one.absent else {}
    for gone in sorted(one.absent):
        position = one.absent_at.get(gone, one.connection.position)
        if owned_here(other, gone.lower()) is not None:
            yield Problem(
                position=position,
                message=f"{quoted(gone)} is to be absent, and is a key of {_whose(one, other)}",
                hint="leave it out here: that environment deletes it when it is no longer declared there",
            )
        elif (keeper := adopted.get(gone.lower())) is not None:
            yield Problem(
                position=position,
                message=f"{quoted(gone)} is to be absent, and {_beside(keeper, position)} adopts it",
                hint="leave out one of the two",
            )


def _whose(one: Desired, other: Desired) -> str:
    """The other environment, with its file where that is another one."""
    where = other.connection
    same = where.position.file == one.connection.position.file
    return f"environment {quoted(where.environment)}{'' if same else f' ({where.position})'}"


def _beside(key: DesiredKey, told_at: DesiredKey | Position) -> str:
    """A key's address, with its place where that is in another file than the problem is told at."""
    position = told_at if isinstance(told_at, Position) else told_at.position
    return key.address if key.position.file == position.file else f"{key.address} ({key.position})"
