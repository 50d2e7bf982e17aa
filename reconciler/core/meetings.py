"""Keys of one environment that meet: in an id, in a sink, or in a file that is no place for a secret."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from reconciler.core.declared import DeclaredKey
from reconciler.core.delivery import bad_variable, filled
from reconciler.core.desired import SinkSpec
from reconciler.core.document import Document, Path, mapping
from reconciler.core.ids import slug
from reconciler.core.own_files import OwnFiles
from reconciler.core.places import Places
from reconciler.core.quoting import quoted
from reconciler.core.wording import describe
from reconciler.errors import Position, Problem


def meetings(document: Document, environment: str, keys: Collection[DeclaredKey]) -> Iterator[Problem]:
    """Every problem that two keys of one environment make together."""
    yield from _ids(document, environment, keys)
    yield from _renames(keys)
    yield from _sinks(document, environment, keys)


def _ids(document: Document, environment: str, keys: Collection[DeclaredKey]) -> Iterator[Problem]:
    """Keys that would have one id; Appwrite tells no letters apart by case."""
    slugs: dict[str, str] = {}
    adopted: dict[str, str] = {}
    for key in keys:
        other = slugs.setdefault(key.slug, key.name)
        if other != key.name:
            yield Problem(
                position=key.position,
                message=f"keys {quoted(other)} and {quoted(key.name)} would have the same id",
                hint="rename one of the two",
            )
        if key.adopts:
            other = adopted.setdefault(key.adopts.lower(), key.name)
            if other != key.name:
                yield Problem(
                    position=key.position,
                    message=f"keys {quoted(other)} and {quoted(key.name)} adopt one key: {quoted(key.adopts)}",
                    hint="an id belongs to one key: correct one of the two",
                )
    written = mapping(document.data["environments"][environment]).get("absent")
    for index, gone in enumerate(written if isinstance(written, list) else ()):
        if isinstance(gone, str) and gone.lower() in adopted:
            yield Problem(
                position=document.position(("environments", environment, "absent", index)),
                message=f"{quoted(gone)} is to be absent, and key {quoted(adopted[gone.lower()])} adopts it",
                hint="leave out one of the two",
            )


def _renames(keys: Collection[DeclaredKey]) -> Iterator[Problem]:
    declared = {key.slug for key in keys}
    taken: dict[str, str] = {}
    for key in keys:
        if key.renamed_from is None:
            continue
        message, hint = "", "leave renamed_from out"
        former = slug(key.renamed_from)
        other = taken.setdefault(former, key.name)
        if key.adopts:
            message = f"key {quoted(key.name)} has both id and renamed_from, and each names its live key"
        elif former in declared:
            message = f"key {quoted(key.name)} is renamed from {quoted(key.renamed_from)}, which is still declared"
        elif other != key.name:
            message = f"keys {quoted(other)} and {quoted(key.name)} are both renamed from {quoted(key.renamed_from)}"
            hint = "leave renamed_from out of the one that is new"
        if message:
            yield Problem(position=key.position, message=message, hint=hint)


def _sinks(document: Document, environment: str, keys: Collection[DeclaredKey]) -> Iterator[Problem]:
    own_files = OwnFiles(document)
    places: Places[str] = Places()
    for key in keys:
        for index, written in enumerate(key.sinks):
            place = (*key.deliver_at, index)
            # The project is the same for every key of the environment; the id differs where the slug does.
            known = {"environment": environment, "name": key.name, "project": "project", "id": f"{key.slug}."}
            sink = filled(written, known.__getitem__, "")
            if (variable := bad_variable(sink)) is not None:
                yield variable_problem(document, place, variable)
            for option, value in sink.options:
                if option == "path" and isinstance(value, str) and (taken := own_files.occupant(value)):
                    yield _taken(document, place, value, taken)
            other = places.take(sink, key.name)
            if other is not None:
                yield _same_sink(document.position(place), sink, other, key.name)


def variable_problem(document: Document, place: Path, variable: str) -> Problem:
    """A dotenv variable that is none once its placeholders are filled in."""
    return Problem(
        position=document.position(place),
        message=f"{describe(place)}: {quoted(variable)} cannot be the name of a variable",
        hint="letters, digits and underscores only: leave placeholders with other characters to the path",
    )


def _taken(document: Document, place: Path, text: str, occupant: str) -> Problem:
    return Problem(
        position=document.position(place),
        message=f"{describe(place)}: {quoted(text)} is {occupant}",
        hint="give secrets a file of their own, such as secrets/{environment}.env",
    )


def _same_sink(position: Position, sink: SinkSpec, first: str, second: str) -> Problem:
    place = ", ".join(f"{name} {quoted(value)}" for name, value in sink.options if isinstance(value, str))
    if first == second:
        message, hint = f"key {quoted(second)} is delivered to one place twice: {place}", "leave one out"
    else:
        message = f"keys {quoted(first)} and {quoted(second)} are delivered to one place: {place}"
        hint = "give each its own path or variable; {name} in the path stands for the key's name"
    return Problem(position=position, message=message, hint=hint)
