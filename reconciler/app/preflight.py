"""What is tried before any key is minted: every sink, and every escrow, that a plan may write."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from reconciler.core.delivery import at
from reconciler.core.desired import SinkSpec
from reconciler.core.plan import Create, Deliver, EnvironmentPlan, Plan
from reconciler.core.risks import show_sink
from reconciler.errors import ReconcilerError, SinkError
from reconciler.ports import Escrow, Sinks


async def preflight_escrows(environments: Iterable[tuple[EnvironmentPlan, Escrow | None]]) -> tuple[SinkError, ...]:
    """Try every escrow that may be needed, before any key is minted. Returns what would fail."""
    found: list[SinkError] = []
    for plan, escrow in environments:
        if escrow is None or not any(isinstance(change, Create) and change.sinks for change in plan.changes):
            continue
        try:
            await asyncio.to_thread(escrow.preflight)
        except SinkError as error:
            found.append(SinkError(f"{plan.environment}: escrow: {error.message}", hint=error.hint))
    return tuple(found)


async def preflight(plan: Plan, sinks: Sinks) -> tuple[ReconcilerError, ...]:
    """Try every sink that the plan will write, side by side, before any key is minted. Returns what would fail."""
    wanted = {
        at(spec, change.key_id): change.address
        for change in plan.changes
        if isinstance(change, Create | Deliver)
        for spec in change.sinks
    }

    async def one(place: SinkSpec, address: str) -> ReconcilerError | None:
        try:
            await asyncio.to_thread(lambda: sinks.open(place).preflight())
        except SinkError as error:
            return SinkError(f"{address}: {show_sink(place)}: {error.message}", hint=error.hint)
        return None

    found = await asyncio.gather(*(one(place, address) for place, address in wanted.items()))
    return tuple(error for error in found if error is not None)
