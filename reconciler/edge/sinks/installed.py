"""Sinks of other packages: entry points of the group `reconciler.sinks`, whose name is the kind.

- What an entry point names has `open_sink(spec, surroundings)`, and `SCHEMA`: its part of the manifest's schema, an
  object whose fields are texts, lists of texts, `true` or `false`. A kind of ours cannot be replaced.
- A package that cannot be loaded, or is no such thing, is an error in every command that reads a manifest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from reconciler.core.quoting import quoted
from reconciler.errors import UsageError

GROUP = "reconciler.sinks"


def schemas(built_in: Collection[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The part of the manifest's schema of each kind. Raises UsageError."""
    for name, point in _points(built_in).items():
        yield name, _schema(point, _loaded(point))


def kind(name: str, built_in: Collection[str]) -> Any:
    """The kind of that name, which opens sinks. Raises UsageError."""
    point = _points(built_in).get(name)
    if point is None:
        raise UsageError(f"no sink of kind {quoted(name)} is installed")
    return _loaded(point)


def _points(built_in: Collection[str]) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        other = found.setdefault(point.name, point)
        if other.value != point.value:
            raise UsageError(
                f"two packages bring a sink {quoted(point.name)}: {other.value} and {point.value}",
                hint="remove one of them",
            )
        if point.name in built_in:
            raise UsageError(
                f"{point.value} brings a sink {quoted(point.name)}, which is here already",
                hint="remove the package that brings it, or give its sink another name",
            )
    return found


def _loaded(point: EntryPoint) -> Any:
    try:
        loaded = point.load()
    except Exception as error:
        raise _broken(point, f"cannot be loaded: {type(error).__name__}: {error}") from error
    if not callable(getattr(loaded, "open_sink", None)):
        raise _broken(point, "has no function open_sink(spec, surroundings)")
    return loaded


def _schema(point: EntryPoint, loaded: Any) -> Mapping[str, Any]:
    from jsonschema import Draft202012Validator, SchemaError

    schema = getattr(loaded, "SCHEMA", None)
    if not isinstance(schema, dict):
        raise _broken(point, "has no SCHEMA, a dict")
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise _broken(point, f"its SCHEMA is no JSON Schema: {error.message[:200]}") from error
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        raise _broken(point, 'its SCHEMA needs "type": "object" and "properties"')
    for name, field in schema["properties"].items():
        if not _is_option(field):
            raise _broken(point, f"its field {quoted(name)} is neither text, a list of texts nor a boolean")
    return _worded(schema) | {"properties": {name: _worded(field) for name, field in schema["properties"].items()}}


def _worded(part: dict[str, Any]) -> dict[str, Any]:
    """A part of a schema with words for what it refuses, where it brings none."""
    more = {"items": _worded(part["items"])} if "items" in part else {}
    return {"errorMessage": "must be as the package of this sink wants it", **part, **more}


def _is_option(field: Any) -> bool:
    if not isinstance(field, dict):
        return False
    return field.get("type") in {"string", "boolean"} or (
        field.get("type") == "array" and isinstance(field.get("items"), dict) and field["items"].get("type") == "string"
    )


def _broken(point: EntryPoint, why: str) -> UsageError:
    return UsageError(
        f"the sink {quoted(point.name)} of {point.value} {why}", hint="install it anew, or remove the package"
    )
