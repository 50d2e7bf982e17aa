"""The schema is asked once per shape, and answers as if it had been asked each time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from reconciler.core.schema_check import violations
from reconciler.edge.resources import schema

REPEATED = {"#/$defs/key", "#/$defs/keyName"}


def found(keys: dict[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    data = {"version": 1, "owner": "o", "keys": keys, "environments": {"e": {"endpoint": "emulator", "project": "p"}}}
    return sorted((error.path, error.keyword) for error in violations(schema("manifest"), data, REPEATED))


def test_a_bad_value_among_good_ones_of_its_structure_is_found() -> None:
    good = {"name": "Good", "scopes": ["users.read"], "expire": "90d"}
    assert found({"a": good, "b": good | {"name": ""}, "c": good | {"expire": "9 d"}, "d": good}) == [
        (("keys", "b", "name"), "minLength"),
        (("keys", "c", "expire"), "pattern"),
    ]


def test_each_bad_value_of_one_shape_is_found() -> None:
    assert found({"a": {"name": ""}, "b": {"name": ""}}) == [
        (("keys", "a", "name"), "minLength"),
        (("keys", "b", "name"), "minLength"),
    ]


@pytest.mark.parametrize("length", [0, 1, 128, 129])
def test_lengths_are_told_apart_at_their_bounds(length: int) -> None:
    key = {"name": "x" * length}
    assert (not found({"a": {"name": "xx"}, "b": key})) == (1 <= length <= 128)


def test_constants_are_told_apart() -> None:
    allowed = {"allow_sensitive": ["keys.read"]}
    assert found({"a": allowed, "b": {"allow_sensitive": ["rows.read"]}}) == [
        (("keys", "b", "allow_sensitive", 0), "enum")
    ]


def test_types_are_told_apart_even_where_python_calls_them_equal() -> None:
    assert found({"a": {"deliver": []}, "b": {"deliver": {}}, "c": {"name": None}, "d": {"name": True}}) == [
        (("keys", "b", "deliver"), "type"),
        (("keys", "d", "name"), "type"),
    ]


def test_bad_names_are_found_among_good_ones() -> None:
    assert found({"good": {}, "-bad": {}, "fine": {}}) == [(("keys",), "pattern")]


def test_a_line_break_at_the_end_is_not_forgiven() -> None:
    assert found({"a": {"expire": "90d"}, "b": {"expire": "90d\n"}}) == [(("keys", "b", "expire"), "pattern")]


def test_a_hundred_keys_of_one_shape_are_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[object] = []
    check_type = Draft202012Validator.VALIDATORS["type"]

    def counting(validator: Any, types: Any, instance: Any, part: Any) -> Any:
        if isinstance(instance, str) and instance.startswith("Key"):
            checked.append(instance)
        return check_type(validator, types, instance, part)

    monkeypatch.setitem(Draft202012Validator.VALIDATORS, "type", counting)
    assert found({f"key-{number}": {"name": f"Key {number}"} for number in range(100)}) == []
    assert len(checked) == 1


_RULES = {"const", "dependentRequired", "enum", "minItems", "minLength", "minProperties", "oneOf", "pattern"}


def _without_words(node: Any, place: str = "#") -> Iterator[str]:
    if isinstance(node, dict):
        if _RULES & set(node) and "errorMessage" not in node:
            yield place
        node = node.items()
    elif isinstance(node, list):
        node = enumerate(node)
    else:
        return
    for name, inner in node:
        yield from _without_words(inner, f"{place}/{name}")


def test_each_rule_of_the_schema_says_in_words_what_it_wants() -> None:
    assert list(_without_words(schema("manifest"))) == []
