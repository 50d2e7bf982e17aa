"""The `queries` of a list call as the server reads them: JSON texts in, checked values out.

The first failure is reported, a text that cannot be read before one that is refused.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator import dates, errors
from reconciler.emulator.params import UID_REASON, is_id

ORDERS = frozenset({"orderAsc", "orderDesc"})
FILTERS = frozenset(
    {
        "equal",
        "notEqual",
        "lessThan",
        "lessThanEqual",
        "greaterThan",
        "greaterThanEqual",
        "between",
        "contains",
        "startsWith",
        "endsWith",
        "isNull",
        "isNotNull",
        "search",
    }
)
_PAGING = frozenset({"limit", "offset", "cursorAfter", "cursorBefore"})
_REFUSED = frozenset({"select"})
_UNRECORDED = frozenset({"and", "or", "notContains", "notSearch", "notBetween", "orderRandom"})
_DATES = frozenset({"$createdAt", "$updatedAt", "expire", "accessedAt"})
ATTRIBUTES = _DATES | {"$id", "$sequence", "name", "scopes"}
_LARGEST = 2**63 - 1
_MOST_VALUES = 500


@dataclass(frozen=True, slots=True)
class Query:
    """One query. Dates among the values of a filter are in the stored form."""

    method: str
    attribute: str
    values: Sequence[Any]


def read(texts: object, attributes: Collection[str] = ATTRIBUTES) -> tuple[Query, ...]:
    """The queries of a list call, checked; `texts` is the parameter as it came."""
    if not isinstance(texts, list):
        raise errors.invalid_param("queries", "Queries must be an array")
    return tuple(_checked(query, attributes) for query in [_parse(text) for text in texts])


def _invalid(reason: str) -> errors.ApiError:
    return errors.invalid_param("queries", f"Invalid query: {reason}")


def _parse(text: object) -> Query:
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError as error:
        raise _invalid("Invalid query: Syntax error") from error
    if not isinstance(value, dict):
        raise _invalid("Invalid query. Must be an array")
    method, attribute, values = value.get("method"), value.get("attribute", ""), value.get("values", [])
    known = _PAGING | ORDERS | FILTERS | _REFUSED | _UNRECORDED
    if not isinstance(method, str) or method not in known:
        raise _invalid(f"Invalid query method: {method}")
    if not isinstance(attribute, str):
        raise _invalid("Invalid query attribute. Must be a string")
    if not isinstance(values, list):
        raise _invalid("Invalid query values. Must be an array")
    return Query(method, attribute, values)


def _checked(query: Query, attributes: Collection[str]) -> Query:
    first = query.values[0] if query.values else None
    if query.method in _REFUSED:
        raise errors.invalid_param("queries", f"Invalid query method: {query.method}")
    if query.method in _UNRECORDED:
        raise errors.query_unsupported(query.method)
    if query.method == "limit":
        _in_range("limit", first, 1)
    elif query.method == "offset":
        _in_range("offset", first, 0)
    elif query.method in _PAGING:
        if not is_id(first):
            raise _invalid(f"Invalid cursor: {UID_REASON}")
    elif query.attribute not in attributes and not (query.method in ORDERS and query.attribute == ""):
        raise _invalid(f"Attribute not found in schema: {query.attribute}")
    elif query.method in FILTERS:
        return _with_stored_values(query)
    return query


def _in_range(name: str, value: object, lowest: int) -> None:
    try:
        number = int(value) if isinstance(value, (str, int)) else None
    except ValueError:
        number = None
    if number is None:
        raise _invalid(f"Invalid {name}: Value must be a valid number")
    if not lowest <= number <= _LARGEST:
        reason = f"Value must be a valid range between {lowest} and {_LARGEST:,}"
        raise _invalid(f"Invalid {name}: {reason}")


def _with_stored_values(query: Query) -> Query:
    name = query.method[0].upper() + query.method[1:]
    needed = {"isNull": 0, "isNotNull": 0, "between": 2}.get(query.method, 1)
    if len(query.values) < needed or (query.method == "between" and len(query.values) > needed):
        count = "exactly two values" if query.method == "between" else "at least one value"
        raise _invalid(f"{name} queries require {count}.")
    if len(query.values) > _MOST_VALUES:
        raise _invalid(f"Query on attribute has greater than {_MOST_VALUES} values: {query.attribute}")
    stored = [_stored(query.attribute, value) for value in query.values]
    if None in stored:
        raise _invalid(f'Query value is invalid for attribute "{query.attribute}"')
    return replace(query, values=stored)


def _stored(attribute: str, value: object) -> object:
    """A value as the database holds it; None where the attribute cannot have it."""
    if attribute == "$sequence":
        return value if isinstance(value, (str, int)) else None
    if attribute not in _DATES or not isinstance(value, str):
        return value if isinstance(value, str) else None
    try:
        moment = dates.read(value, datetime.min.replace(tzinfo=UTC))
    except dates.Unstorable:
        return None
    return None if moment is None else dates.render(moment)
