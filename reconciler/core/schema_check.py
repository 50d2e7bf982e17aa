"""Checks a document against a JSON Schema, and what stands in it ten thousand times once per distinct shape.

Two values have one shape when they have the same structure and types, and each text in the one meets the same of the
schema's own patterns, lengths and constants as its counterpart in the other. The schema cannot tell two values of one
shape apart, so ten thousand keys cost a handful of checks. (Holds for the keywords that our schemas use; none compares
values with each other.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from reconciler.core.document import Path

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

Keywords = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """A value that a keyword of the schema refuses; `schema` is the part that holds the keyword.

    `of_name` tells that `value` is the name of a field, and `path` that of the mapping around it.
    """

    path: Path
    value: Any
    keyword: str
    expected: Any
    schema: Keywords
    of_name: bool

    @property
    def unknown_fields(self) -> list[str]:
        """The fields of the value that the schema does not know, where that is what the violation is about."""
        if self.keyword != "additionalProperties":
            return []
        return [name for name in self.value if name not in self.schema["properties"]]


def violations(schema: Keywords, data: Any, repeated: Collection[str]) -> Iterator[Violation]:
    """Every violation; `repeated` are the `$ref`s whose values are checked once per shape."""
    from jsonschema import Draft202012Validator, validators

    check_reference = Draft202012Validator.VALIDATORS["$ref"]
    shape_of = _shapes(schema)
    passed: set[tuple[str, object]] = set()

    def reference(validator: Validator, ref: str, value: Any, schema: Keywords) -> Iterator[ValidationError]:
        if ref not in repeated:
            yield from check_reference(validator, ref, value, schema)
            return
        shape = (ref, shape_of(value))
        if shape not in passed:
            errors = list(check_reference(validator, ref, value, schema))
            if not errors:
                passed.add(shape)
            yield from errors

    extended: Any = validators.extend(  # type: ignore[no-untyped-call]
        Draft202012Validator, {"$ref": reference, "pattern": _pattern}
    )
    for error in extended(schema).iter_errors(data):
        yield _violation(error)


def _violation(error: Any) -> Violation:
    return Violation(
        path=tuple(error.absolute_path),
        value=error.instance,
        keyword=error.validator,
        expected=error.validator_value,
        schema=error.schema,
        of_name="propertyNames" in error.absolute_schema_path,
    )


def meets(pattern: str, text: str) -> bool:
    """Whether a text meets a pattern as JSON Schema means it."""
    return _compiled(pattern).search(text) is not None


def _pattern(_: Validator, pattern: str, value: Any, _schema: Keywords) -> Iterator[ValidationError]:
    from jsonschema import ValidationError

    if isinstance(value, str) and not meets(pattern, value):
        yield ValidationError("the pattern is not met")


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """JSON Schema means ECMA's regular expressions, whose `$` is the very end; Python's forgives a line break."""
    return re.compile(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern)


def _shapes(schema: Keywords) -> Callable[[Any], object]:
    """The function that gives a value its shape."""
    classify = _classifier(schema)

    def shape_of(value: Any) -> object:
        kind = type(value)
        if kind is str:
            return classify(value)
        if kind is dict:
            return (tuple(value), *[shape_of(item) for item in value.values()])
        if kind is list:
            return ("[]", *[shape_of(item) for item in value])
        return (kind, value)

    return shape_of


def _classifier(schema: Keywords) -> Callable[[str], object]:
    """A function that gives two texts one class only when no keyword of the schema tells them apart."""
    keywords = list(_keywords(schema))
    patterns = {value for name, value in keywords if name == "pattern"}
    searches = [_compiled(pattern).search for pattern in patterns]
    lengths = sorted({value for name, value in keywords if name in {"minLength", "maxLength"}})
    constants = {value for name, values in keywords if name == "enum" for value in values}
    constants |= {value for name, value in keywords if name == "const"}

    @cache
    def classify(text: str) -> object:
        if text in constants:
            return text
        size = len(text)
        met = [search(text) is not None for search in searches]
        return (*met, *[(size > length) - (size < length) for length in lengths])

    return classify


def _keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every pair of keyword and value at any depth; names of properties come along and do no harm."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            if not isinstance(value, dict):
                yield name, value
            yield from _keywords(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _keywords(item)
