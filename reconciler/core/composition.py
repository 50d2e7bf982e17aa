"""An environment's keys: the shared ones with the environment's own merged over them (RFC 7396).

What only shows once they are together is found here: what is missing, what null removes in vain, which ids and which
sinks meet.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.delivery import bad_variable, filled, sink_of
from reconciler.core.desired import Expiry, Never, SinkSpec
from reconciler.core.document import Document, Path
from reconciler.core.expiry import parse_expiry
from reconciler.core.ids import slug
from reconciler.core.merge import merge
from reconciler.core.own_files import OwnFiles
from reconciler.core.quoting import quoted
from reconciler.core.wording import describe
from reconciler.errors import Position, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredKey:
    """One key of one environment, composed; sets, globs and placeholders still in it.

    `name` is the key's name in the manifest, `title` the one that Appwrite shows; `scopes_at` and `deliver_at` are
    the lists' places in the layer that wrote them last.
    """

    name: str
    slug: str
    title: str
    scopes: tuple[str, ...]
    scopes_at: Path
    expiry: Expiry
    sinks: tuple[SinkSpec, ...]
    deliver_at: Path
    allow_sensitive: frozenset[str]
    position: Position


def mapping(value: Any) -> dict[str, Any]:
    """The value where it is a mapping, else an empty one: somebody else reports what is wrong with it."""
    return value if isinstance(value, dict) else {}


def check_nulls(
    document: Document, path: Path, below: Mapping[str, Any], broken: Collection[Path]
) -> Iterator[Problem]:
    """Each null under a mapping of keys that removes nothing; `below` are the keys of the layer beneath."""
    keys: Any = document.data
    for step in path:
        keys = mapping(keys).get(str(step))
    for name, key in mapping(keys).items():
        inherited = below.get(name)
        if key is None and inherited is None:
            yield _vain_null(document, (*path, name))
        for field, value in mapping(key).items():
            vain = value is None and mapping(inherited).get(field) is None
            if vain and (*path, name, field) not in broken:
                yield _vain_null(document, (*path, name, field))


def _vain_null(document: Document, path: Path) -> Problem:
    return Problem(
        position=document.position(path),
        message=f"{describe(path)} is null, and there is nothing that it removes",
        hint="leave it out",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """One environment's keys, or the problems that keep it from having them."""

    keys: tuple[DeclaredKey, ...]
    problems: tuple[Problem, ...]


def compose(document: Document, environment: str, broken: Collection[Path]) -> Composition:
    """The keys of an environment; those with a layer in `broken` are left out, for they are reported already."""
    here: Path = ("environments", environment, "keys")
    shared = mapping(document.data.get("keys"))
    own = mapping(mapping(document.data["environments"][environment]).get("keys"))
    positions = dict(document.names(("keys",))) | dict(document.names(here))
    keys: list[DeclaredKey] = []
    problems = list(check_nulls(document, here, shared, broken))
    for name, fields in merge(merge({}, shared), own).items():
        if not isinstance(fields, dict) or ("keys", name) in broken or (*here, name) in broken:
            continue
        owned = mapping(own.get(name))
        layers = {field: (*here, name) if field in owned else ("keys", name) for field in fields}
        if "scopes" not in fields:
            problems.append(_no_scopes(document, (*here, name) if name in own else ("keys", name)))
            continue
        keys.append(_declared(name, fields, layers, positions[name]))
    problems += _meetings(document, environment, keys)
    return Composition(keys=tuple(keys), problems=tuple(problems))


def _declared(name: str, fields: dict[str, Any], layers: Mapping[str, Path], position: Position) -> DeclaredKey:
    return DeclaredKey(
        name=name,
        slug=slug(name),
        title=fields.get("name", name),
        scopes=tuple(fields["scopes"]),
        scopes_at=(*layers["scopes"], "scopes"),
        expiry=_expiry(fields.get("expire", "never")),
        sinks=tuple(sink_of(sink) for sink in fields.get("deliver", ())),
        deliver_at=(*layers.get("deliver", ()), "deliver"),
        allow_sensitive=frozenset(fields.get("allow_sensitive", ())),
        position=position,
    )


def _expiry(text: str) -> Expiry:
    try:
        return parse_expiry(text)
    except ValueError:
        return Never()  # reported where its layer writes it; the keys are composed to find what else is wrong


def _no_scopes(document: Document, path: Path) -> Problem:
    return Problem(
        position=document.position(path),
        message=f'{describe(path)} has no "scopes"',
        hint="list what the key may do; [] is a key that may do nothing",
    )


def _meetings(document: Document, environment: str, keys: Collection[DeclaredKey]) -> Iterator[Problem]:
    """Keys of one environment that would get one id, or overwrite each other's secret."""
    own_files = OwnFiles(document)
    slugs: dict[str, str] = {}
    sinks: dict[SinkSpec, str] = {}
    for key in keys:
        other = slugs.setdefault(key.slug, key.name)
        if other != key.name:
            yield Problem(
                position=key.position,
                message=f"keys {quoted(other)} and {quoted(key.name)} would have the same id",
                hint="rename one of the two",
            )
        for index, written in enumerate(key.sinks):
            place = (*key.deliver_at, index)
            # The project is the same for every key of the environment; the id differs where the slug does.
            known = {"environment": environment, "name": key.name, "project": "project", "id": f"{key.slug}."}
            sink = filled(written, known.__getitem__, "")
            if (variable := bad_variable(sink)) is not None:
                yield variable_problem(document, place, variable)
            for option, text in sink.options:
                if option == "path" and (taken := own_files.occupant(text)):
                    yield _taken(document, place, text, taken)
            if sink in sinks:
                yield _same_sink(document.position(place), sink, sinks[sink], key.name)
            sinks.setdefault(sink, key.name)


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
    place = ", ".join(f"{name} {quoted(value)}" for name, value in sink.options)
    if first == second:
        message, hint = f"key {quoted(second)} is delivered to one place twice: {place}", "leave one out"
    else:
        message = f"keys {quoted(first)} and {quoted(second)} are delivered to one place: {place}"
        hint = "give each its own path or variable; {name} in the path stands for the key's name"
    return Problem(position=position, message=message, hint=hint)
