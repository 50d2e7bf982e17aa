"""A list call in SQL over the `keys` table.

Without a limit 5,000 keys come, in the order of creation; of two limits, offsets or cursors the first
counts. Texts compare without case, as on MariaDB (here: of ASCII letters only). Orders are made stable
by the sequence. Only names of this module's own tables enter the SQL; values are always bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from reconciler.emulator import errors
from reconciler.emulator.queries import FILTERS, ORDERS, Query
from reconciler.emulator.store import Key

DEFAULT_LIMIT = 5000

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
_COMPARISONS = {
    "equal": "=",
    "lessThan": "<",
    "lessThanEqual": "<=",
    "greaterThan": ">",
    "greaterThanEqual": ">=",
}
_PATTERNS = {"startsWith": ("", "%"), "endsWith": ("%", "")}
_CONTAINS = {"scopes": "EXISTS (SELECT 1 FROM json_each(scopes) WHERE value = ? COLLATE NOCASE)"}

FindKey = Callable[[str], Key | None]


@dataclass(frozen=True, slots=True)
class _Step:
    """One order of a list, in the direction in which the page is read."""

    attribute: str
    column: str
    ascending: bool

    @property
    def sql(self) -> str:
        return f"{self.column} {'ASC' if self.ascending else 'DESC'}"


@dataclass(frozen=True, slots=True)
class Listing:
    """A list call in SQL. `where` selects what the total counts, `page` what comes beyond the cursor.

    `backwards` says that the page is read from its end, and has to be turned round.
    """

    where: str
    values: Sequence[object]
    page: str
    page_values: Sequence[object]
    order: str
    backwards: bool


def listing(queries: Sequence[Query], project_id: str, find: FindKey) -> Listing:
    """The SQL of a list call.

    Args:
        queries: what is asked for.
        project_id: the project whose keys are listed.
        find: the key of the project that a cursor names.
    """
    filters = [_filter(query) for query in queries if query.method in FILTERS]
    cursor = _first(queries, "cursorAfter", "cursorBefore")
    backwards = cursor is not None and cursor.method == "cursorBefore"
    chain = _chain(queries, backwards)
    page, beyond = ("", []) if cursor is None else _beyond(chain, str(cursor.values[0]), find)
    limit, offset = _first(queries, "limit"), _first(queries, "offset")
    return Listing(
        where=" AND ".join(["project = ?", *(clause for clause, _ in filters)]),
        values=[project_id, *(value for _, values in filters for value in values)],
        page=page,
        page_values=[
            *beyond,
            int(limit.values[0]) if limit else DEFAULT_LIMIT,
            int(offset.values[0]) if offset else 0,
        ],
        order=f"ORDER BY {', '.join(step.sql for step in chain)} LIMIT ? OFFSET ?",
        backwards=backwards,
    )


def _filter(query: Query) -> tuple[str, list[object]]:
    """One filter as a condition and the values bound in it."""
    column = _COLUMNS[query.attribute]
    values = list(query.values)
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


def _chain(queries: Sequence[Query], backwards: bool) -> list[_Step]:
    """The orders asked for, ended by the sequence, which no two keys share."""
    chain: list[_Step] = []
    for query in queries:
        if query.method in ORDERS:
            attribute = query.attribute or "$sequence"
            ascending = (query.method == "orderAsc") != backwards
            chain.append(_Step(attribute, _COLUMNS[attribute], ascending))
            if attribute == "$sequence":
                return chain
    return [*chain, _Step("$sequence", "sequence", not backwards)]


def _beyond(chain: Sequence[_Step], key_id: str, find: FindKey) -> tuple[str, list[object]]:
    """Keys strictly beyond the cursor in the chain of orders: `a > x OR (a = x AND b > y) …`."""
    cursor = find(key_id)
    if cursor is None:
        raise errors.cursor_not_found(key_id)
    alternatives: list[str] = []
    values: list[object] = []
    equal = ""
    held: list[object] = []
    for step in chain:
        value = getattr(cursor, step.column)
        if value is None:
            raise errors.cursor_on_null(step.attribute)
        alternatives.append(f"({equal}{step.column} {'>' if step.ascending else '<'} ?)")
        values += [*held, value]
        equal += f"{step.column} = ? AND "
        held.append(value)
    return f" AND {_any(alternatives)}", values
