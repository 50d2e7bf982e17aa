"""Which fields differ between two states of a key: deepdiff's finding, in the vocabulary of the plan.

Planning compares states for equality only; this is asked for what is shown, one field at a time and
remembered, because deepdiff takes half a millisecond and a mass change has few distinct differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from reconciler.core.keys import KeyState
from reconciler.core.times import show_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueChange:
    """A field with one value: `name` or `expire`, as text; `never` for no expiry."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MembersChange:
    """A field with members: `scopes`; both tuples sorted."""

    field: str
    added: tuple[str, ...]
    removed: tuple[str, ...]


FieldChange = ValueChange | MembersChange


def show_expire(expire: datetime | None) -> str:
    """An expiry as people read it."""
    return "never" if expire is None else show_instant(expire)


def diff(before: KeyState, after: KeyState) -> tuple[FieldChange, ...]:
    """The fields that differ, in the order name, scopes, expire."""
    found: list[FieldChange] = []
    if before.name != after.name:
        found.append(_value("name", before.name, after.name))
    if before.scopes != after.scopes:
        found.append(_members("scopes", before.scopes, after.scopes))
    if before.expire != after.expire:
        found.append(_value("expire", show_expire(before.expire), show_expire(after.expire)))
    return tuple(found)


@lru_cache(maxsize=1024)
def _value(field: str, before: str, after: str) -> ValueChange:
    from deepdiff import DeepDiff

    (change,) = DeepDiff(before, after, view="tree")["values_changed"]
    return ValueChange(field=field, before=change.t1, after=change.t2)


@lru_cache(maxsize=1024)
def _members(field: str, before: frozenset[str], after: frozenset[str]) -> MembersChange:
    from deepdiff import DeepDiff

    found = DeepDiff(before, after, view="tree")
    return MembersChange(
        field=field,
        added=tuple(sorted(item.t2 for item in found.get("set_item_added", ()))),
        removed=tuple(sorted(item.t1 for item in found.get("set_item_removed", ()))),
    )
