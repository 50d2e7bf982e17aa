"""The order of an environment's changes: what apply runs, stage by stage, and what a screen may show.

Constructive before destructive, so that nothing is taken where its replacement failed. Only where the
project's 1,000 keys would not do, own expired keys go first: they count, and authenticate nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.keys import MAX_KEYS
from reconciler.core.plan import Change, Create, Delete, Deliver, EnvironmentPlan, Retire, Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Changes that run side by side; `needs_success` of every stage before."""

    changes: tuple[Change, ...]
    needs_success: bool = False


def stages(plan: EnvironmentPlan) -> tuple[Stage, ...]:
    """The stages that hold changes, in order."""
    creates = [change for change in plan.changes if isinstance(change, Create)]
    full = plan.live_count + len(creates) > MAX_KEYS
    deletes = [change for change in plan.changes if isinstance(change, Delete)]
    first = [change for change in deletes if change.expired and full]
    last = [change for change in deletes if not (change.expired and full)]
    ordered = (
        Stage(changes=tuple(first)),
        Stage(changes=tuple(change for change in plan.changes if isinstance(change, Create | Deliver))),
        Stage(changes=tuple(change for change in plan.changes if isinstance(change, Update))),
        Stage(changes=tuple(change for change in plan.changes if isinstance(change, Retire)), needs_success=True),
        Stage(changes=tuple(last), needs_success=True),
    )
    return tuple(stage for stage in ordered if stage.changes)
