"""Runs beside this one: when another run is through with a key that it has in hand, and what is then left to do.

The rules:
- A key is in another run's hands while it is on probation and young, unless its maker is known to be dead. Once it is
  committed, the keys whose place it takes are still that run's to let end.
- What is left is judged by a fresh plan. A name for which it asks nothing is done, whoever did it, and so is the end of
  a key on probation that its maker has finished. What else was approved is done, left or stale as a saved plan's
  changes are: nothing that was not approved is ever added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from reconciler.core.desired import Desired
from reconciler.core.freshness import Standing, standing
from reconciler.core.keys import Listing, Live, LiveKey
from reconciler.core.pairing import owned_here
from reconciler.core.plan import Change, Create, Delete, Deliver, Entry, EnvironmentPlan, Reason, Retire, Unchanged
from reconciler.core.probation import is_on_probation, may_be_in_progress
from reconciler.core.retiring import is_retiring


@dataclass(frozen=True, slots=True, kw_only=True)
class InHand:
    """A key that another run made just now; `ending` are the ids of those that this run would let end after that."""

    address: str
    key_id: str
    ending: frozenset[str] = frozenset()


def in_hand(changes: Iterable[Change], made: Mapping[str, str]) -> tuple[InHand, ...]:
    """What to wait for; `made` tells by address the id of a key that another run has in hand."""
    ending: dict[str, set[str]] = {address: set() for address in made}
    for change in changes:
        if isinstance(change, Retire | Deliver) and change.key_id != made.get(change.address, change.key_id):
            ending[change.address].add(change.key_id)
    return tuple(
        InHand(address=address, key_id=key_id, ending=frozenset(ending[address])) for address, key_id in made.items()
    )


def still_in_hand(waited: Iterable[InHand], seen: Listing, is_abandoned: Callable[[LiveKey], bool]) -> Iterator[InHand]:
    """Those with which the other run is not through; `is_abandoned` tells of a key whether its maker is dead."""
    live = {key.id: key for key in seen.keys}
    for each in waited:
        key = live.get(each.key_id)
        if key is None:
            continue
        if is_on_probation(key):
            if may_be_in_progress(key, seen.now) and not is_abandoned(key):
                yield each
        elif any(_works_on(live.get(key_id), seen) for key_id in each.ending):
            yield each


def may_be_left(change: Delete) -> bool:
    """Whether a key that is to be deleted may be left to the end that another run has given it: it is tidied away only,
    for nobody is known to use it. Any other one is to go at once.
    """
    return change.reason in {Reason.LEFT_OVER, Reason.UNFINISHED, Reason.UNDECLARED}


def made_since(desired: Desired, planned: Live, seen: Listing) -> dict[str, str]:
    """By address the id of an owned key that another run has made since the plan, which was made of the keys `planned`:
    its secret is in the sinks of that address by now, or will be.
    """
    known = {key.id for key in planned.keys}
    since = ((owned_here(desired, key.id), key.id) for key in seen.keys if key.id not in known)
    return {desired.address(found[1].slug): key_id for found, key_id in since if found is not None}


def _works_on(key: LiveKey | None, seen: Listing) -> bool:
    """Whether nobody has given a key its end yet."""
    return key is not None and not is_retiring(key) and not key.has_ended(seen.now)


def _finished(approved: EnvironmentPlan, fresh: EnvironmentPlan) -> frozenset[str]:
    """The keys that were to be made again, and that are by now those of their names."""
    leftovers = {change.leftover for change in approved.changes if isinstance(change, Create)}
    entries: tuple[Entry, ...] = (*fresh.changes, *fresh.unchanged)
    return frozenset(
        each.key_id for each in entries if each.key_id in leftovers and isinstance(each, Unchanged) and each.is_declared
    )


def left(approved: EnvironmentPlan, fresh: EnvironmentPlan, desired: Desired, live: Live) -> Standing:
    """Where the changes of an approved plan stand that this run has not made; `beyond` is of their addresses alone, but
    for those that are stale.
    """
    asked = {change.address for change in fresh.changes}
    finished = _finished(approved, fresh)
    loud = tuple(each for each in approved.changes if each.address in asked and each.key_id not in finished)
    quiet = [each for each in approved.changes if each.address not in asked or each.key_id in finished]
    stands = standing(replace(approved, changes=loud), fresh, desired, live)
    addresses = {change.address for change in loud} - {each.address for each in stands.stale}
    return replace(
        stands,
        done=(*quiet, *stands.done),
        beyond=tuple(change for change in stands.beyond if change.address in addresses),
    )
