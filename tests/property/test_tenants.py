"""Five hundred keys of one manifest, and a run every night: how many of them rotate in one night.

The server is a list of keys here, to which each plan is done at once.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.keys import Live, LiveKey
from reconciler.core.plan import Create, Delete, Deliver, EnvironmentPlan, Retire, Update
from reconciler.core.planner import plan_environment
from tests.support.builders import NOW, desired, live_key, owned_id
from tests.support.screens import DAY, rotated

TENANTS = 500
MADE, ADOPTED = TENANTS * 8 // 100, TENANTS * 4 // 100
"""Evenly it would be 500 in 22 nights, a quarter of `every`, and in all 90: chance may not quite double that."""


def done(plan: EnvironmentPlan, live: Live) -> Live:
    """The keys after an apply of the plan."""
    keys: dict[str, LiveKey] = {key.id: key for key in live.keys}
    for change in plan.changes:
        match change:
            case Create(key_id=key_id, after=after):
                scopes = tuple(sorted(after.scopes))
                keys[key_id] = LiveKey(id=key_id, name=after.name, scopes=scopes, expire=after.expire, created=live.now)
            case Update() | Deliver() | Retire():
                after, key_id = change.after, change.key_id
                keys[key_id] = replace(keys[key_id], name=after.name, expire=after.expire)
            case Delete(key_id=key_id):
                del keys[key_id]
            case _:
                raise AssertionError(change)
    return replace(live, keys=tuple(keys.values()))


@pytest.mark.parametrize("adopted", [False, True], ids=["made on one day", "adopted on one day"])
def test_five_hundred_tenants_do_not_rotate_in_one_night(adopted: bool) -> None:
    names = [f"tenant-{number}" for number in range(TENANTS)]
    wish = desired(*(rotated(name, adopts=f"by-hand-{name}" if adopted else None) for name in names))
    by_hand = [live_key(id=f"by-hand-{name}", age=700 * DAY) for name in names] if adopted else []
    live = Live(keys=tuple(by_hand), now=NOW)
    first = {f"by-hand-{name}" if adopted else owned_id(name) for name in names}
    nights: Counter[int] = Counter()
    for night in range(91):
        live = replace(live, now=NOW + timedelta(days=night))
        plan = plan_environment(wish, live, {})
        nights[night] = sum(isinstance(change, Create) and change.follows in first for change in plan.changes)
        live = done(plan, live)

    assert sum(nights.values()) == TENANTS, "each rotates once"
    assert max(nights.values()) <= (ADOPTED if adopted else MADE), nights
