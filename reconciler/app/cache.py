"""The last write of a run: a server before 2.0 may answer from an old cache of the project until the next write."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, islice

from reconciler.app.delivery import Delivery
from reconciler.core.keys import LiveKey
from reconciler.core.outcome import DONE, Result
from reconciler.core.plan import Delete, EnvironmentPlan
from reconciler.errors import ReconcilerError

_NOTHING_LEFT = (
    "no owned key is left to refresh the server's cache with; "
    "it may accept a deleted key until the next write to the project"
)
_PAUSE = 1.0
_FEW = 3


async def refresh(plan: EnvironmentPlan, results: Mapping[str, Result], delivery: Delivery) -> tuple[str, ...]:
    """Write a key back as it is, after a moment; returns what is to be warned of."""
    await delivery.clock.sleep(_PAUSE)
    try:
        key = await _to_write_back(plan, results, delivery)
        if key is not None:
            await delivery.store.touch(key)
        elif any(isinstance(each.change, Delete) and each.status in DONE for each in results.values()):
            return (_NOTHING_LEFT,)
    except ReconcilerError as error:
        return (f"the server's cache could not be refreshed: {error.message}",)
    return ()


async def _to_write_back(plan: EnvironmentPlan, results: Mapping[str, Result], delivery: Delivery) -> LiveKey | None:
    """A key as it is at this moment: one that this run wrote, if there is one. Whatever somebody has made of it since,
    this run has read, and does not revert; but for the moment until it is written back.
    """
    done = (each for each, result in results.items() if result.status in DONE and not isinstance(result.change, Delete))
    others = (each.key_id for each in plan.unchanged)
    for key_id in islice(chain(done, others), _FEW):
        if (key := await delivery.store.get(key_id)) is not None:
            return key
    return None
