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
from reconciler.core.secret_forms import looks_secret
from reconciler.core.suggest import did_you_mean
from reconciler.errors import Problem

_ZONELESS = re.compile(r"\d{4}-\d\d-\d\d([Tt ][\d:.]+)?")
_DATED = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d")
_VARIABLE = re.compile(r"^\$|\{\{|^%\w+%$")
"""How other tools write a variable."""
_SPANS: frozenset[Path] = frozenset({("expire",), ("every",), ("overlap",)})
_WORDS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
"""What YAML 1.1 takes for true and false, and what somebody quoted."""
_BY_NAME: frozenset[Path] = frozenset({("keys",), ("environments",), ("scope_sets",)})
_NAMED = {"keys": "a key", "environments": "an environment", "scope_sets": "a scope set"}
_UNQUOTED = frozenset({"credential", "endpoint"})
_TYPES = {"object": "a mapping", "array": "a list", "string": "text", "boolean": "true or false"}


def violation_problems(document: Document, error: Violation) -> Iterator[Problem]:
    """One violation as problems; none where the value is blank, since the reader has said so."""
    path = error.path
    if error.value is BLANK:
        return
    if isinstance(error.value, str) and looks_secret(error.value):  # whatever else is wrong with it
        yield _secret(document, path, error)
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
    known = error.schema["properties"]
    unknown = [name for name in error.value if name not in known]
    for name in error.expected:
        misspelt = any(did_you_mean(other, [name]) for other in unknown)  # one mistake is one problem
        if name not in error.value and not misspelt:
            about = known[name]
            words = about.get("errorMessage") or f"is: {about.get('title', name).lower()}"
            yield Problem(
                position=document.position(path),
                message=f'{describe(path)} has no "{name}"',
                hint=f"{name} {words}",
            )


def _secret(document: Document, path: Path, error: Violation) -> Problem:
    instead = "names, ids and paths are shown in every plan"
    if "credential" in path:
        instead = "a credential is named by where it is read from, such as `credential: {env: APPWRITE_API_KEY}`"
    return Problem(
        position=document.position((*path, error.value)) if error.of_name else document.value_position(path),
        message=f"{_name_of(path) if error.of_name else describe(path)} holds what looks like a secret",
        hint=f"take it out, and revoke it if others have seen this file; {instead}",
    )


def _name_of(path: Path) -> str:
    """What the names in a mapping are names of."""
    return f"the name of {_NAMED[str(path[-1])]}"


def _bad_name(document: Document, path: Path, error: Violation) -> Problem:
    return Problem(
        position=document.position((*path, error.value)),
        message=f"{quoted(error.value)} cannot be {_name_of(path)}",
        hint=f"it {error.schema['errorMessage']}",
    )


def _wrong_type(document: Document, path: Path, error: Violation) -> Problem:
    expected = error.expected
    wanted = expected if isinstance(expected, str) else expected[0]
    return Problem(
        position=document.value_position(path),
        message=f"{describe(path)} must be {_TYPES[wanted]}, not {_kind(error.value)}",
        hint=_hint_for_type(path, wanted, error),
    )


def _hint_for_type(path: Path, wanted: str, error: Violation) -> str:
    rule = f"it {error.schema['errorMessage']}" if "errorMessage" in error.schema else ""
    match wanted, error.value:
        case "string", bool() | int() | float():
            return _hint_for_number(path, error, rule)
        case "boolean", str(text) if text.lower() in _WORDS:
            return f"only true and false are not text here: write {_WORDS[text.lower()]}, without quotes"
        case "array", str() | dict():
            return "put it in brackets: [ ]"
        case "object", _ if not path:
            return "write NAME: VALUE; `reconciler init` writes a manifest to start from"
        case "object", list() if path in _BY_NAME:
            return "write a name before each entry, and no dash: NAME: {…}"
        case "object", list() if "scopes" in error.schema.get("properties", ()):
            return "write the list into its field: {scopes: […]}"
        case "object", None if path in _BY_NAME and not rule:
            return "write {} for none"
        case _:
            return rule


def _hint_for_number(path: Path, error: Violation, rule: str) -> str:
    value = error.value
    if path[-1:] in _SPANS and type(value) is int and value > 0:
        return f"add the unit: {value}d is {value} day{'s' * (value != 1)}"
    if "scopes" in path or not meets(error.schema.get("pattern", ""), str(value)):
        return rule
    exact = not isinstance(value, float) and _may_be_shown(path, value)  # 1.10 has arrived as 1.1
    return f"put it in quotes: {quoted(_shown(value))}" if exact else "put it in quotes"


def _wrong_value(document: Document, path: Path, error: Violation) -> Problem:
    value = error.value
    said = _shown(value) if isinstance(value, bool) else quoted(value)
    shown = f", not {said}" if _may_be_shown(path, value) else ""
    return Problem(
        position=document.value_position(path),
        message=f"{describe(path)} {error.schema['errorMessage']}{shown}",
        hint=_hint_for_value(path, error),
    )


def _hint_for_value(path: Path, error: Violation) -> str:
    text = error.value if isinstance(error.value, str) else ""
    match path[-1:]:
        case ("expire",) if _ZONELESS.fullmatch(text):
            return "add the zone: T00:00:00Z after a date, Z or such as +02:00 after a time"
        case ("expire",) if _DATED.match(text):
            return "write year, month, day, T, time and zone, in two digits each and without spaces"
        case ("endpoint",) if text and not _VARIABLE.search(text):
            return did_you_mean(text, ["emulator"]) or "an address begins with https:// or http://"
        case ("version",) if type(error.value) is not int:
            return f"write version: {error.expected}, without quotes or other signs"
    return "a variable is written ${VAR}" if _VARIABLE.search(text) else ""


def _shown(value: Any) -> str:
    """A value as YAML writes it."""
    return _kind(value) if isinstance(value, bool) else str(value)


def _may_be_shown(path: Path, value: Any) -> bool:
    if "deliver" in path and path[-1] != "path":  # a sink is where people paste what it is to hold
        return False
    return isinstance(value, (str, int, float)) and not _UNQUOTED.intersection(path)


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
