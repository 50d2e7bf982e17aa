"""Looks at the sinks of an environment for the doctor: whether each could be written, and what those hold that could.

Nothing is written: `preflight` leaves no trace. What does not answer in time is told as a sink that cannot be reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.app.planning import check_places
from reconciler.core.desired import Desired, SinkSpec
from reconciler.core.guards import check_exec
from reconciler.core.holding import UNSEEN, Held, Holding
from reconciler.core.keys import Live
from reconciler.core.places import EXEC
from reconciler.core.planner import sinks_to_look_at
from reconciler.core.sink_checks import SinkSeen
from reconciler.errors import GuardError, ReconcilerError, SinkError, SinkUnavailable
from reconciler.ports import Sinks


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkLooks:
    """How to look at sinks: each step waits `patience` seconds for all of them; with `no_exec` no command is one."""

    sinks: Sinks
    patience: float
    no_exec: bool = False

    async def at(self, desired: Desired, live: Live) -> tuple[tuple[SinkSeen, ...], ReconcilerError | None]:
        """Every sink that a plan may ask about, and why no plan may ask about them."""
        trouble = await self._meeting(desired)
        places = tuple(dict.fromkeys(sinks_to_look_at(desired, live)))
        errors = {place: self._refused(desired) for place in places if self.no_exec and place.kind == EXEC}
        errors |= await self._errors([place for place in places if place not in errors])
        found = await self._held([place for place in places if _may_show(errors[place])])
        if isinstance(found, ReconcilerError):
            return tuple(SinkSeen(sink=place, error=errors[place], held=UNSEEN) for place in places), trouble or found
        return tuple(_seen(place, errors[place], found, desired) for place in places), trouble

    async def _meeting(self, desired: Desired) -> ReconcilerError | None:
        try:
            await asyncio.to_thread(check_places, [desired], self.sinks)
        except ReconcilerError as error:
            return error
        return None

    def _refused(self, desired: Desired) -> ReconcilerError | None:
        refusal = next(iter(check_exec(desired)))
        return GuardError("a command delivers, and --no-exec refuses it", hint=refusal.hint)

    async def _errors(self, places: Sequence[SinkSpec]) -> dict[SinkSpec, ReconcilerError | None]:
        """Why each could not be written, None where it could."""
        asked = {asyncio.create_task(self._error(place)): place for place in places}
        if not asked:
            return {}
        done, late = await asyncio.wait(asked, timeout=self.patience)
        for task in late:
            task.cancel()
        return {place: task.result() if task in done else self._late() for task, place in asked.items()}

    async def _error(self, place: SinkSpec) -> ReconcilerError | None:
        try:
            await asyncio.to_thread(lambda: self.sinks.open(place).preflight())
        except ReconcilerError as error:
            return error
        return None

    async def _held(self, places: Sequence[SinkSpec]) -> Held | ReconcilerError:
        if not places:
            return {}
        try:
            async with asyncio.timeout(self.patience):
                return await asyncio.to_thread(self.sinks.observe, places)
        except ReconcilerError as error:
            return error
        except TimeoutError:
            return dict.fromkeys(places, Holding(occupied=None, why=self._late().message))

    def _late(self) -> SinkUnavailable:
        return SinkUnavailable(
            f"nothing was heard of it within {self.patience:g} s", hint="see what keeps it, or the network before it"
        )


def held(seen: Sequence[SinkSeen]) -> Held:
    """What a plan may know of the sinks that were looked at; those that could not be read are left out, as ever."""
    found: dict[SinkSpec, Holding] = {}
    for each in seen:
        if isinstance(each.error, SinkUnavailable | GuardError):
            found[each.sink] = Holding(occupied=None, why=each.error.message)
        elif each.held is not None:
            found[each.sink] = each.held
    return found


def _may_show(error: ReconcilerError | None) -> bool:
    """Whether to look: what may not be written may be read all the same; what cannot be reached is not asked twice."""
    return error is None or (isinstance(error, SinkError) and not isinstance(error, SinkUnavailable))


def _seen(place: SinkSpec, error: ReconcilerError | None, found: Held, desired: Desired) -> SinkSeen:
    holding = found.get(place)
    foreign = (
        holding is not None
        and not holding.is_blank
        and holding.note is not None
        and desired.is_foreign(holding.note.key_id)
    )
    return SinkSeen(sink=place, error=error, held=holding, foreign=foreign)
