"""The `queries` of a list call: JSON texts in, SQL over the `keys` table out.

Without a limit 5,000 keys come, in the order of creation; of two limits, offsets or cursors the first
counts. Texts compare without case, as on MariaDB (here: of ASCII letters only). Orders are made stable
by the sequence. Only names of this module's own tables enter the SQL; values are always bound.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from reconciler.emulator import dates, errors
from reconciler.emulator.params import UID_REASON, is_id
from reconciler.emulator.store import Key

DEFAULT_LIMIT = 5000
_LARGEST = 2**63 - 1
_MOST_VALUES = 500

_COLUMNS = {
    "$id": "id",
    "$createdAt": "created_at",
    "$updatedAt": "updated_at",
    "$sequence": "sequence",
    "name": "name",
    "expire": "expire",
    "accessedAt": "accessed_at",
    "scopes": "scopes",
}
_DATES = frozenset({"$createdAt", "$updatedAt", "expire", "accessedAt"})
_COMPARISONS = {
    "equal": "=",
    "notEqual": "!=",
    "lessThan": "<",
    "lessThanEqual": "<=",
    "greaterThan": ">",
    "greaterThanEqual": ">=",
}
_PATTERNS = {"startsWith": ("", "%"), "endsWith": ("%", "")}
_CONTAINS = {"scopes": "EXISTS (SELECT 1 FROM json_each(scopes) WHERE value = ? COLLATE NOCASE)"}
_PAGING = frozenset({"limit", "offset", "cursorAfter", "cursorBefore"})
_ORDERS = {"orderAsc": "ASC", "orderDesc": "DESC"}
_FILTERS = frozenset({*_COMPARISONS, *_PATTERNS, "contains", "between", "isNull", "isNotNull", "search"})
_REFUSED = frozenset({"select"})
_UNRECORDED = frozenset({"and", "or", "notContains", "notSearch", "notBetween", "orderRandom"})

FindKey = Callable[[str], Key | None]


@dataclass(frozen=True, slots=True)
class Query:
    """One parsed query."""

    method: str
    attribute: str
    values: list[Any]


@dataclass(slots=True)
class Listing:
    """A list call in SQL: `where` counts the total, `page` and `order` narrow it to what is shown."""

    where: str
    values: list[object]
    page: str = ""
    page_values: list[object] = field(default_factory=list)
    order: str = ""
    backwards: bool = False


def listing(texts: object, project_id: str, find: FindKey) -> Listing:
    """The SQL of a list call.

    Args:
        texts: the `queries` parameter as it came.
        project_id: the project whose keys are listed.
        find: the key of the project that a cursor names.
    """
    if not isinstance(texts, list):
        raise errors.invalid_param("queries", "Queries must be an array")
    queries = [_parse(text) for text in texts]
    for query in queries:
        _validate(query)
    plan = Listing("project = ?", [project_id])
    for query in queries:
        if query.method in _FILTERS:
            clause, values = _filter(query)
            plan.where += f" AND {clause}"
            plan.values += values
    orders = [
        (_COLUMNS[query.attribute] if query.attribute else "sequence", _ORDERS[query.method], query.attribute)
        for query in queries
        if query.method in _ORDERS
    ]
    _page(plan, queries, orders, find)
    return plan


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
    known = _PAGING | _ORDERS.keys() | _FILTERS | _REFUSED | _UNRECORDED
    if not isinstance(method, str) or method not in known:
        raise _invalid(f"Invalid query method: {method}")
    if not isinstance(attribute, str):
        raise _invalid("Invalid query attribute. Must be a string")
    if not isinstance(values, list):
        raise _invalid("Invalid query values. Must be an array")
    return Query(method, attribute, values)


def _validate(query: Query) -> None:
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
    elif query.attribute not in _COLUMNS and not (query.method in _ORDERS and query.attribute == ""):
        raise _invalid(f"Attribute not found in schema: {query.attribute}")
    elif query.method in _FILTERS:
        _validate_values(query)


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


def _validate_values(query: Query) -> None:
    name = query.method[0].upper() + query.method[1:]
    needed = {"isNull": 0, "isNotNull": 0, "between": 2}.get(query.method, 1)
    if len(query.values) < needed or (query.method == "between" and len(query.values) > needed):
        count = "exactly two values" if query.method == "between" else "at least one value"
        raise _invalid(f"{name} queries require {count}.")
    if len(query.values) > _MOST_VALUES:
        raise _invalid(f"Query on attribute has greater than {_MOST_VALUES} values: {query.attribute}")
    if not all(_fits(query.attribute, value) for value in query.values):
        raise _invalid(f'Query value is invalid for attribute "{query.attribute}"')


def _fits(attribute: str, value: object) -> bool:
    if attribute == "$sequence":
        return isinstance(value, (str, int))
    return isinstance(value, str) and (attribute not in _DATES or _bound(attribute, value) is not None)


def _bound(attribute: str, value: object) -> object:
    """A value as the database holds it; None for a date that is none."""
    if attribute not in _DATES:
        return value
    try:
        moment = dates.read(str(value), datetime.min.replace(tzinfo=UTC))
    except dates.Unstorable:
        return None
    return None if moment is None else dates.render(moment)


def _filter(query: Query) -> tuple[str, list[object]]:
    column = _COLUMNS[query.attribute]
    values = [_bound(query.attribute, value) for value in query.values]
    match query.method:
        case "isNull" | "isNotNull":
            clause = f"{column} IS {'NOT ' if query.method == 'isNotNull' else ''}NULL"
            values = []
        case "between":
            clause = f"{column} BETWEEN ? AND ?"
        case "search":
            raise errors.server_error()  # no fulltext index: passes the check, fails in the database
        case "contains":
            clause = _any([_CONTAINS.get(column, f"instr(lower({column}), lower(?)) > 0")] * len(values))
        case "startsWith" | "endsWith":
            before, after = _PATTERNS[query.method]
            clause = _any([f"{column} LIKE ? ESCAPE '!'"] * len(values))
            values = [before + _escape_like(str(value)) + after for value in values]
        case "notEqual":
            clause = " AND ".join([f"{column} != ?"] * len(values))
        case _:
            clause = _any([f"{column} {_COMPARISONS[query.method]} ?"] * len(values))
    return clause, values


def _any(clauses: Sequence[str]) -> str:
    return "(" + " OR ".join(clauses) + ")"


def _escape_like(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _first(queries: Sequence[Query], *methods: str) -> Query | None:
    return next((query for query in queries if query.method in methods), None)


def _page(plan: Listing, queries: Sequence[Query], orders: list[tuple[str, str, str]], find: FindKey) -> None:
    """Limit, offset, order and cursor. `cursorBefore` reads backwards and is turned round by the caller."""
    cursor = _first(queries, "cursorAfter", "cursorBefore")
    plan.backwards = cursor is not None and cursor.method == "cursorBefore"
    last = orders[-1][1] if orders and orders[-1][0] == "sequence" else "ASC"
    chain = [order for order in orders if order[0] != "sequence"]
    chain.append(("sequence", last, "$sequence"))
    if cursor is not None:
        key = find(str(cursor.values[0]))
        if key is None:
            raise errors.cursor_not_found(str(cursor.values[0]))
        _after(plan, chain, key)
    flip = {"ASC": "DESC", "DESC": "ASC"}
    order = ", ".join(f"{column} {flip[direction] if plan.backwards else direction}" for column, direction, _ in chain)
    limit, offset = _first(queries, "limit"), _first(queries, "offset")
    plan.order = f"ORDER BY {order} LIMIT ? OFFSET ?"
    plan.page_values += [
        int(limit.values[0]) if limit else DEFAULT_LIMIT,
        int(offset.values[0]) if offset else 0,
    ]


def _after(plan: Listing, chain: Sequence[tuple[str, str, str]], cursor: Key) -> None:
    """Keys strictly beyond the cursor in the chain of orders: `a > x OR (a = x AND b > y) …`."""
    alternatives: list[str] = []
    equal = ""
    held: list[object] = []
    for column, direction, attribute in chain:
        value = getattr(cursor, column)
        if value is None:
            raise errors.cursor_on_null(attribute)
        forward = (direction == "ASC") != plan.backwards
        alternatives.append(f"({equal}{column} {'>' if forward else '<'} ?)")
        plan.page_values += [*held, value]
        equal += f"{column} = ? AND "
        held.append(value)
    plan.page = f" AND {_any(alternatives)}"
