"""Checks a document against a JSON Schema, and what stands in it ten thousand times once per distinct shape.

Two values have one shape when they have the same structure and types, and each text in the one meets the same of the
schema's own patterns, lengths and constants as its counterpart in the other. The schema cannot tell two values of one
shape apart, so ten thousand keys cost a handful of checks. (Holds for the keywords that our schemas use; none compares
values with each other.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from operator import getitem
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

    once = _OncePerShape(schema, repeated, Draft202012Validator.VALIDATORS)
    own = {
        "$ref": once.reference,
        "additionalProperties": once.fields,
        "propertyNames": once.names,
        "pattern": _pattern,
    }
    extended: Any = validators.extend(Draft202012Validator, own)  # type: ignore[no-untyped-call]
    for error in extended(schema).iter_errors(data):
        yield _violation(error)


class _OncePerShape:
    """The keywords by which repeated values are reached, over jsonschema's own `checks`."""

    def __init__(self, schema: Keywords, repeated: Collection[str], checks: Mapping[str, Any]) -> None:
        self._repeated = repeated
        self._checks = checks
        self._shape_of = _shapes(list(_definitions(schema, repeated)))
        self._passed: set[tuple[str, object]] = set()

    def reference(self, validator: Validator, ref: str, value: Any, schema: Keywords) -> Iterator[ValidationError]:
        """`$ref`, which remembers what has passed."""
        errors = self._checks["$ref"](validator, ref, value, schema)
        if ref not in self._repeated:
            yield from errors
            return
        shape = (ref, self._shape_of(value))
        if shape not in self._passed:
            found = list(errors)
            if not found:
                self._passed.add(shape)
            yield from found

    def fields(self, validator: Validator, part: Any, value: Any, schema: Keywords) -> Iterator[ValidationError]:
        """`additionalProperties`, without a look at fields that have passed: the way down to one costs more."""
        for each in self._left(part, value, lambda name: value[name]):
            yield from self._checks["additionalProperties"](validator, part, each, schema)

    def names(self, validator: Validator, part: Any, value: Any, schema: Keywords) -> Iterator[ValidationError]:
        """`propertyNames`, without a look at names that have passed."""
        for each in self._left(part, value, lambda name: name):
            yield from self._checks["propertyNames"](validator, part, each, schema)

    def _left(self, part: Any, value: Any, of: Callable[[str], Any]) -> Iterator[Any]:
        """The value as it is; where all its fields are for one repeated `$ref`, each one alone that has not passed."""
        ref = part["$ref"] if isinstance(part, dict) and part.keys() == {"$ref"} else None
        if ref not in self._repeated or not isinstance(value, dict):
            yield value
            return
        for name, item in value.items():
            if (ref, self._shape_of(of(name))) not in self._passed:
                yield {name: item}


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


def _definitions(schema: Keywords, references: Iterable[str]) -> Iterator[Any]:
    """The parts of the schema that references stand for, and those that these refer to."""
    waiting, met = [*references], set[str]()
    while waiting:
        reference = waiting.pop()
        if reference not in met:
            met.add(reference)
            part: Any = reduce(getitem, reference.removeprefix("#/").split("/"), schema)
            yield part
            waiting += [value for name, value in _keywords(part) if name == "$ref"]


def _shapes(definitions: list[Any]) -> Callable[[Any], object]:
    """The function that gives a value its shape, as those parts of the schema see it."""
    classify = _classifier(definitions)

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


def _classifier(definitions: list[Any]) -> Callable[[str], object]:
    """A function that gives two texts one class only when no keyword there tells them apart."""
    keywords = list(_keywords(definitions))
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
