"""A plan in the making, and the one change that several reasons lead to: the next generation of a key."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from reconciler.core import denials
from reconciler.core.changes import create, follow, free_id, may_be_held
from reconciler.core.desired import Desired, DesiredKey
from reconciler.core.holding import Held
from reconciler.core.ids import next_id
from reconciler.core.keys import Live, LiveKey
from reconciler.core.plan import Change, Create, Delete, Entry, Reason, Retire, Unchanged, Unseen
from reconciler.core.pruning import delete
from reconciler.core.rotation import Due
from reconciler.core.superseding import retire_unfinished
from reconciler.errors import Problem


@dataclass(slots=True, kw_only=True)
class Draft:
    """A plan in the making; takes in what the selection admits. `problems` keep it from being one."""

    desired: Desired
    live: Live
    ids: Collection[str] = frozenset()
    changes: list[Change] = field(default_factory=list)
    unchanged: list[Unchanged] = field(default_factory=list)
    unseen: list[Unseen] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def add(self, entries: Iterable[Entry]) -> None:
        """Take in the entries that the selection admits, with what the credential may not do about them."""
        for entry in entries:
            if not self.desired.selection.admits(entry.address):
                continue
            if isinstance(entry, Unchanged):
                self.unchanged.append(entry)
            else:
                denied = tuple(denials.denied(entry, self.live))
                self.changes.append(replace(entry, marks=(*entry.marks, *denied)) if denied else entry)


def next_generation(draft: Draft, key: DesiredKey, match: LiveKey, held: Held, why: Due) -> Create | None:
    """The creation of the generation after a live key; None where its id has room for none."""
    new_id = free_id(draft.desired, key, match, draft.ids)
    if new_id is None:
        return None
    made = create(draft.desired, key, draft.live, held, at_id=new_id)
    return follow(draft.desired, made, key, match, held, why)


def end_of_unfinished(draft: Draft, key: DesiredKey, match: LiveKey, held: Held) -> Delete | Retire | Unchanged:
    """The end of a key that is made again: under rotation it has its overlap where somebody may have read it."""
    if key.rotation is not None and may_be_held(key, match, draft.live.now, held):
        return retire_unfinished(key, match, draft.live, key.rotation, next_id(match.id))
    return delete(key.address, match, draft.live, Reason.UNFINISHED)
