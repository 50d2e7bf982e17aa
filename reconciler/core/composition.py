"""An environment's keys: `defaults`, the shared keys and the environment's own, merged over each other (RFC 7396).

Lists replace, except lists of scopes whose members all begin with + or -: those change what the layers beneath grant.
What only shows once layers are together is found here: what is missing, and what null removes in vain.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.declared import DeclaredKey, ScopeList, is_relative
from reconciler.core.delivery import sink_of
from reconciler.core.desired import After, Expiry, Never
from reconciler.core.document import Document, Path, mapping
from reconciler.core.expiry import parse_expiry
from reconciler.core.ids import slug
from reconciler.core.meetings import meetings
from reconciler.core.merge import merge
from reconciler.core.rotation_check import composed_problems, rotation_of
from reconciler.core.wording import describe
from reconciler.errors import Position, Problem

Layer = tuple[Path, Mapping[str, Any]]
"""Where a layer of a key stands, and the fields that it writes."""


def check_nulls(
    document: Document, path: Path, below: Mapping[str, Any], broken: Collection[Path]
) -> Iterator[Problem]:
    """Each null under a mapping of keys that removes nothing; `below` are the keys of the layers beneath.

    What stands under no name there is what `defaults` give every key.
    """
    keys: Any = document.data
    for step in path:
        keys = mapping(keys).get(str(step))
    for name, key in mapping(keys).items():
        inherited = below.get(name)
        if key is None and inherited is None:
            yield _vain_null(document, (*path, name))
        for field, value in mapping(key).items():
            if value is None and (*path, name, field) not in broken:
                beneath = merge(mapping(document.data.get("defaults")), mapping(inherited))
                if beneath.get(field) is None:
                    yield _vain_null(document, (*path, name, field))


def check_default_nulls(document: Document) -> Iterator[Problem]:
    """Each null of `defaults`, which stand over nothing."""
    for field, value in mapping(mapping(document.data).get("defaults")).items():
        if value is None:
            yield _vain_null(document, ("defaults", field))


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
    for name in shared | own:
        places: list[Path] = [("defaults",), ("keys", name), (*here, name)]
        written = [document.data.get("defaults"), shared.get(name), own.get(name)]
        if (
            own.get(name, {}) is None
            or written[1:] == [None, None]
            or (broken and any(place in broken for place in places))
        ):
            continue
        layers: list[Layer] = [
            (at, fields) for at, fields in zip(places, written, strict=True) if isinstance(fields, dict)
        ]
        counting, replaced = _scope_lists(layers)
        problems += composed_problems(document, layers)
        if counting:
            keys.append(_declared(name, layers, counting, replaced, positions[name]))
        else:
            problems.append(_no_scopes(document, layers[-1][0]))
    problems += meetings(document, environment, keys)
    return Composition(keys=tuple(keys), problems=tuple(problems))


def _declared(
    name: str,
    layers: list[Layer],
    scopes: tuple[ScopeList, ...],
    replaced_scopes: tuple[tuple[ScopeList, ...], ...],
    position: Position,
) -> DeclaredKey:
    fields: dict[str, Any] = {}
    for _, written in layers:
        fields = merge(fields, written)
    rotation = rotation_of(fields.get("rotation"))
    deliver = [(at, written["deliver"]) for at, written in layers if "deliver" in written]
    return DeclaredKey(
        name=name,
        slug=slug(name),
        title=fields.get("name", name),
        description=fields.get("description", ""),
        scopes=scopes,
        replaced_scopes=replaced_scopes,
        expiry=After(rotation.life) if rotation else _expiry(fields.get("expire", "never")),
        rotation=rotation,
        sinks=tuple(sink_of(sink) for sink in fields.get("deliver", ())),
        replaced_sinks=tuple(sink_of(sink) for _, sinks in deliver[:-1] for sink in sinks or ()),
        deliver_at=(*deliver[-1][0], "deliver") if deliver else (),
        adopts=fields.get("id"),
        renamed_from=fields.get("renamed_from"),
        allow_sensitive=frozenset(fields.get("allow_sensitive", ())),
        position=position,
    )


def _scope_lists(layers: list[Layer]) -> tuple[tuple[ScopeList, ...], tuple[tuple[ScopeList, ...], ...]]:
    """The lists that count, none where null took the last one away, and what counted before each that replaced it."""
    counting: tuple[ScopeList, ...] = ()
    replaced: tuple[tuple[ScopeList, ...], ...] = ()
    for at, written in layers:
        if "scopes" not in written:
            continue
        entries = written["scopes"]
        if counting and (entries is None or not is_relative(entries)):
            replaced, counting = (*replaced, counting), ()
        if entries is not None:
            counting += (ScopeList(entries=tuple(entries), at=(*at, "scopes")),)
    return counting, replaced


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
