"""What a violation of the manifest's schema is called when a person reads it.

The schema's own `errorMessage` says what a value must be (editors show the same words); this module says whose value
it is and what it was. A value is quoted only where no secret can have strayed: never from credentials or endpoints.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from reconciler.core.document import BLANK, Document, Path
from reconciler.core.quoting import quoted, redacted
from reconciler.core.schema_check import Violation, meets
from reconciler.core.suggest import did_you_mean
from reconciler.errors import Problem

_ZONELESS = re.compile(r"\d{4}-\d\d-\d\d([Tt ][\d:.]+)?")
_UNQUOTED = frozenset({"credential", "endpoint"})
_TYPES = {"object": "a mapping", "array": "a list", "string": "text", "boolean": "true or false"}


def violation_problems(document: Document, error: Violation) -> Iterator[Problem]:
    """One violation as problems; none where the value is blank, since the reader has said so."""
    path = error.path
    if error.value is BLANK:
        return
    if error.of_name:
        yield _bad_name(document, path, error)
        return
    match error.keyword:
        case "additionalProperties":
            yield from _unknown_fields(document, path, error)
        case "required":
            yield from _missing_fields(document, path, error)
        case "type":
            yield _wrong_type(document, path, error)
        case _:
            yield _wrong_value(document, path, error)


def describe(path: Path) -> str:
    """A place in the manifest in words: `expire of key "ci" of environment "production"`."""
    match path:
        case ():
            return "the manifest"
        case ("environments", str(environment), "keys", str(key), *rest):
            return f"{_inner(rest)}key {quoted(key)} of environment {quoted(environment)}"
        case ("environments", str(environment), *rest):
            return f"{_inner(rest)}environment {quoted(environment)}"
        case ("keys", str(key), *rest):
            return f"{_inner(rest)}key {quoted(key)}"
        case ("scope_sets", str(name), *rest):
            return f"{_inner(rest)}scope set {quoted(name)}"
        case _:
            return _dotted(path)


def _inner(steps: list[str | int]) -> str:
    return f"{_dotted(tuple(steps))} of " if steps else ""


def _dotted(steps: Path) -> str:
    """`deliver[1].dotenv.path`, items counted from 1 as people do."""
    text = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{redacted(step)}" for step in steps)
    return f"entry {text[1:-1]}" if len(steps) == 1 and text.startswith("[") else text.removeprefix(".")


def _unknown_fields(document: Document, path: Path, error: Violation) -> Iterator[Problem]:
    known = error.schema["properties"]
    unused = known.keys() - error.value.keys()
    for name in error.unknown_fields:
        hint = did_you_mean(name, unused)
        if not hint:
            hint = f"this version of reconciler does not know it; it knows {', '.join(known)}"
        yield Problem(
            position=document.position((*path, name)),
            message=f"unknown field {quoted(name)} in {describe(path)}",
            hint=hint,
        )


def _missing_fields(document: Document, path: Path, error: Violation) -> Iterator[Problem]:
    for name in error.expected:
        if name not in error.value:
            about = error.schema["properties"][name]
            words = about.get("errorMessage") or f"is: {about.get('title', name).lower()}"
            yield Problem(
                position=document.position(path),
                message=f'{describe(path)} has no "{name}"',
                hint=f"{name} {words}",
            )


def _bad_name(document: Document, path: Path, error: Violation) -> Problem:
    kind = {"keys": "a key", "environments": "an environment", "scope_sets": "a scope set"}[str(path[-1])]
    return Problem(
        position=document.position((*path, error.value)),
        message=f"{quoted(error.value)} cannot be the name of {kind}",
        hint=f"it {error.schema['errorMessage']}",
    )


def _wrong_type(document: Document, path: Path, error: Violation) -> Problem:
    expected = error.expected
    wanted = expected if isinstance(expected, str) else expected[0]
    hint = ""
    if wanted == "string" and isinstance(error.value, (bool, int, float)):
        hint = _hint_for_number(error)
    elif wanted == "array" and isinstance(error.value, str):
        hint = "put it in brackets: [ ]"
    elif "errorMessage" in error.schema:
        hint = f"it {error.schema['errorMessage']}"
    return Problem(
        position=document.value_position(path),
        message=f"{describe(path)} must be {_TYPES[wanted]}, not {_kind(error.value)}",
        hint=hint,
    )


def _wrong_value(document: Document, path: Path, error: Violation) -> Problem:
    value, hint = error.value, ""
    shown = f", not {quoted(value)}" if _may_be_shown(path, value) else ""
    if isinstance(value, str) and value.startswith("$"):
        hint = "a variable is written ${VAR}"
    if path[-1:] == ("expire",) and _ZONELESS.fullmatch(str(value)):
        hint = "add the zone: T00:00:00Z after a date, Z or such as +02:00 after a time"
    return Problem(
        position=document.value_position(path),
        message=f"{describe(path)} {error.schema['errorMessage']}{shown}",
        hint=hint,
    )


def _may_be_shown(path: Path, value: Any) -> bool:
    return isinstance(value, (str, int, float)) and not _UNQUOTED.intersection(path)


def _hint_for_number(error: Violation) -> str:
    if meets(error.schema.get("pattern", ""), str(error.value)):
        return "put it in quotes"
    return f"it {error.schema['errorMessage']}"


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "a mapping"
