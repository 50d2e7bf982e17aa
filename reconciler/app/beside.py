"""Two runs at once end like one: the second to come does what it can, waits for the first, and looks again.

It waits for a minute at most. Then the fresh plan says what is left of what was approved, and that is done: nothing,
where the other run has done it; the rest, where it died or was taken back. What only that plan asks for is not done.
A run that failed otherwise, or is to stop, does not wait: it is to be run again anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from reconciler.app import planning
from reconciler.app.apply import ANOTHER_DID_IT, EnvironmentApply, Progress
from reconciler.app.planning import PlannedEnvironment
from reconciler.app.stopped import AGAIN
from reconciler.core.beside import InHand, left, still_in_hand
from reconciler.core.freshness import Standing
from reconciler.core.guards import check, check_limit
from reconciler.core.keys import LiveKey
from reconciler.core.outcome import DONE, EnvironmentOutcome, Result, Status
from reconciler.core.plan import Change
from reconciler.errors import ReconcilerError
from reconciler.ports import Clock, Journal, Sinks

PATIENCE = 60.0
"""Seconds for which a run waits for others, in all."""

_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0

Waiting = Callable[[Sequence[InHand]], None]
"""Is told at each look what is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The apply of one environment beside other runs; `begin` makes the apply of what is planned there."""

    begin: Callable[[PlannedEnvironment], EnvironmentApply]
    sinks: Sinks
    journal: Journal
    clock: Clock
    stop: asyncio.Event
    progress: Progress
    waiting: Waiting

    async def run(self, planned: PlannedEnvironment) -> EnvironmentOutcome:
        """Do what was planned, and what other runs leave of it; never raises for what a server or a sink does."""
        apply = self.begin(planned)
        outcome = await apply.run()
        until = self.clock.monotonic() + PATIENCE
        while (waited := apply.in_hand) and self.clock.monotonic() < until and not _failed(outcome, waited):
            try:
                if not await self._wait(planned, waited, until):
                    break
                planned, known = await self._what_is_left(planned, outcome, waited)
            except ReconcilerError as error:
                more = f"nobody knows what another run has done since: {error.message}"
                return replace(outcome, warnings=(*outcome.warnings, more))
            apply = self.begin(planned)
            outcome = _together(known, await apply.run())
        return outcome

    async def _wait(self, planned: PlannedEnvironment, waited: Sequence[InHand], until: float) -> bool:
        """Look now and then until other runs are through, or the time is over; False where this one is to stop."""
        pause = _FIRST_PAUSE
        while not self.stop.is_set():
            seen = await planned.site.store.list()
            waited = tuple(still_in_hand(waited, seen, self._is_abandoned))
            over = until - self.clock.monotonic()
            if not waited or over <= 0:
                return True
            self.waiting(waited)
            await self._pause(min(pause, over))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
        return False

    def _is_abandoned(self, key: LiveKey) -> bool:
        return key.expire is not None and self.journal.abandoned(key.id, key.expire)

    async def _pause(self, seconds: float) -> None:
        """Return after that long, or once this run is to stop."""
        async with asyncio.TaskGroup() as both:
            sleeping, watching = both.create_task(self.clock.sleep(seconds)), both.create_task(self.stop.wait())
            await asyncio.wait((sleeping, watching), return_when=asyncio.FIRST_COMPLETED)
            sleeping.cancel()
            watching.cancel()

    async def _what_is_left(
        self, planned: PlannedEnvironment, outcome: EnvironmentOutcome, waited: Sequence[InHand]
    ) -> tuple[PlannedEnvironment, EnvironmentOutcome]:
        """What is left of a plan, judged by the guards once more, and how the rest of it ended."""
        selection, forced = planned.desired.selection, planned.desired.forced
        if forced is not None:
            begun = {each.key_id for each in waited}
            since = [key.created for key in planned.live.keys if key.id in begun]
            forced = replace(forced, since=min([planned.plan.now, *since]))
        looked = await planning.plan_anew([planned.site], self.sinks, planned.allow, selection, forced)
        (fresh,) = looked.environments
        over = [result for result in outcome.results if not _is_open(result)]
        approved = replace(planned.plan, changes=tuple(each.change for each in outcome.results if _is_open(each)))
        stands = left(approved, fresh.plan, fresh.desired, fresh.live)
        kept = replace(fresh.plan, changes=stands.pending)
        refusals = (
            *check(fresh.desired, replace(kept, owned_count=planned.plan.owned_count), planned.allow),
            *check_limit([kept]),
        )
        results = [*over, *self._told(stands, approved.changes)]
        if refusals:
            guards = ", ".join(dict.fromkeys(refusal.guard for refusal in refusals))
            results += [_left_undone(each, f"refused by now ({guards})") for each in stands.pending]
            kept = replace(kept, changes=())
        known = replace(outcome, results=tuple(results), warnings=_warnings(outcome, planned, fresh, stands.beyond))
        return replace(fresh, plan=kept, refusals=(), done=planned.done), known

    def _told(self, stands: Standing, approved: Sequence[Change]) -> list[Result]:
        """The results of what is done by another run, and of what it left in a way that was not approved."""
        done = [Result(change=change, status=Status.ALREADY_SO, message=ANOTHER_DID_IT) for change in stands.done]
        for result in done:
            self.progress(result)
        by_id = {change.key_id: change for change in approved}
        stale = [
            _left_undone(by_id[each.key_id], f"another run left it otherwise: {each.message}") for each in stands.stale
        ]
        return [*done, *stale]


def _failed(outcome: EnvironmentOutcome, waited: Sequence[InHand]) -> bool:
    """Whether something else went wrong than that another run has a key in hand."""
    elsewhere = {each.address for each in waited}
    stopped = (each for each in outcome.results if each.status in {Status.FAILED, Status.UNDELIVERED})
    return any(each.change.address not in elsewhere for each in stopped)


def _is_open(result: Result) -> bool:
    return result.status not in DONE


def _left_undone(change: Change, message: str) -> Result:
    return Result(change=change, status=Status.FAILED, message=message, hint=AGAIN)


def _warnings(
    outcome: EnvironmentOutcome, planned: PlannedEnvironment, fresh: PlannedEnvironment, beyond: Sequence[Change]
) -> tuple[str, ...]:
    """What was said already, what only the fresh plan warns of, and what it would do that nobody approved."""
    new = tuple(text for text in fresh.plan.warnings if text not in planned.plan.warnings)
    more = tuple(f"{each.address}: not approved, and not done: plan again for what it needs now" for each in beyond[:1])
    return (*outcome.warnings, *(each for each in (*new, *more) if each not in outcome.warnings))


def _together(known: EnvironmentOutcome, more: EnvironmentOutcome) -> EnvironmentOutcome:
    results = sorted((*known.results, *more.results), key=lambda each: (each.change.address, each.change.key_id))
    return replace(known, results=tuple(results), warnings=(*known.warnings, *more.warnings))
