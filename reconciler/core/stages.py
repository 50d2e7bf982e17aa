"""The order of an environment's changes: what apply runs, stage by stage, and what a screen may show.

Constructive before destructive, so that nothing is taken where its replacement failed. A key that retires beside the
one that took its place, or whose secret has leaked, needs only that one: what fails for one of many tenants lets no
other's old key live on. Only where the project's 1,000 keys would not do, own expired keys go first: they count, and
authenticate nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reconciler.core.keys import MAX_KEYS
from reconciler.core.plan import Change, Create, Delete, Deliver, EnvironmentPlan, Retire, Update, addresses_kept


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Changes that run side by side; each `needs` success of what was done before: to its own address, or to all."""

    changes: tuple[Change, ...]
    needs: Literal["nothing", "own", "all"] = "nothing"


def stages(plan: EnvironmentPlan) -> tuple[Stage, ...]:
    """The stages that hold changes, in order."""
    creates = [change for change in plan.changes if isinstance(change, Create)]
    full = plan.live_count + len(creates) > MAX_KEYS
    deletes = [change for change in plan.changes if isinstance(change, Delete)]
    first = [change for change in deletes if change.expired and full]
    leaked = [change for change in deletes if change.leaked]
    last = [change for change in deletes if not change.leaked and not (change.expired and full)]
    kept = addresses_kept(plan)
    retires = [change for change in plan.changes if isinstance(change, Retire)]
    ordered = (
        Stage(changes=tuple(first)),
        Stage(changes=tuple(change for change in plan.changes if isinstance(change, Create | Deliver))),
        Stage(changes=tuple(change for change in plan.changes if isinstance(change, Update))),
        Stage(changes=tuple(change for change in retires if change.address in kept), needs="own"),
        Stage(changes=tuple(leaked), needs="own"),
        Stage(changes=tuple(change for change in retires if change.address not in kept), needs="all"),
        Stage(changes=tuple(last), needs="all"),
    )
    return tuple(stage for stage in ordered if stage.changes)
