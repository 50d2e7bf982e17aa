"""Which fields differ between two states of a key, and how: in the vocabulary of the plan.

Planning compares states for equality only; this is asked for what is shown. A single value that differs says all there
is to say; the members of scopes are deepdiff's finding, remembered because it takes half a millisecond and a mass
change has few distinct differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from reconciler.core.keys import KeyState
from reconciler.core.times import show_instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueChange:
    """A field with one value: `name`, `expire` or `description`, as text; `never` for no expiry."""

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
    """The fields that differ, in the order name, scopes, expire, description."""
    found: list[FieldChange] = []
    if before.name != after.name:
        found.append(ValueChange(field="name", before=before.name, after=after.name))
    if before.scopes != after.scopes:
        # Without what both hold, ten thousand keys that gain the same scope are one difference, worked out once.
        both = before.scopes & after.scopes
        found.append(_members("scopes", before.scopes - both, after.scopes - both))
    if before.expire != after.expire:
        found.append(ValueChange(field="expire", before=show_expire(before.expire), after=show_expire(after.expire)))
    if before.description != after.description:
        found.append(ValueChange(field="description", before=before.description, after=after.description))
    return tuple(found)


@lru_cache(maxsize=4096)
def _members(field: str, before: frozenset[str], after: frozenset[str]) -> MembersChange:
    from deepdiff import DeepDiff

    found = DeepDiff(before, after, view="tree")
    return MembersChange(
        field=field,
        added=tuple(sorted(item.t2 for item in found.get("set_item_added", ()))),
        removed=tuple(sorted(item.t1 for item in found.get("set_item_removed", ()))),
    )
