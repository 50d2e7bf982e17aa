"""Apply: walk the stages of a plan with bounded concurrency and tell what became of each change.

A change that fails stops only what depends on it: the destructive stage of its environment. A credential that
the server refuses, or a server that fails as often in a row as there are calls in flight, stops the
environment; the rest is not attempted. Once `stop` is set nothing new is begun, and what is in flight is
finished. Of a key that another run makes at this moment nothing is touched, nor of those whose place it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import assert_never

from reconciler.app.cache import refresh
from reconciler.app.delivery import Delivery
from reconciler.app.proving import proven
from reconciler.app.stopped import AGAIN, InAnothersHands, Stopped
from reconciler.core.beside import InHand, in_hand, made_since, may_be_left
from reconciler.core.desired import Desired
from reconciler.core.keys import KeyState, Live, LiveKey
from reconciler.core.outcome import DONE, EnvironmentOutcome, Result, Status
from reconciler.core.plan import Change, Create, Delete, Deliver, EnvironmentPlan, Retire, Update
from reconciler.core.probation import is_on_probation
from reconciler.core.retiring import is_marked, is_retiring
from reconciler.core.secret import Secret
from reconciler.core.stages import Stage, stages
from reconciler.core.superseding import retired_by_now
from reconciler.core.times import show_instant
from reconciler.errors import CreationDenied, CredentialError, ReconcilerError, Rejected, ServerError, SinkError
from reconciler.ports import Escrow

_FEW = 3
_LATE = timedelta(minutes=15)
_NOT_THERE = "the key that takes its place is not there yet, so this one works on"
_ANOTHERS = "left to the run that made the key in its place"
ANOTHER_DID_IT = "another run did it"
_NO_SINK = "its secret was delivered nowhere"
_SHOWN_HINT = "`reconciler reveal ADDRESS` prints it"
_LOST_HINT = "this server never shows it again: declare deliver, and the next apply makes a key in its place"

Progress = Callable[[Result], None]


@dataclass(slots=True, kw_only=True)
class EnvironmentApply:
    """The apply of one environment's plan: run it once, by `run()`. `leaked` are secrets of keys that have leaked,
    by id, as far as anybody shows them.
    """

    desired: Desired
    plan: EnvironmentPlan
    live: Live
    delivery: Delivery
    parallelism: int
    stop: asyncio.Event
    progress: Progress
    escrow: Escrow | None = None
    leaked: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    _live: dict[str, LiveKey] = field(init=False)
    _results: dict[str, Result] = field(init=False, default_factory=dict)
    _warnings: list[str] = field(init=False, default_factory=list)
    _halted: str = field(init=False, default="")
    _creation_denied: bool = field(init=False, default=False)
    _failures_in_a_row: int = field(init=False, default=0)
    _wrote: bool = field(init=False, default=False)
    _since_plan: timedelta = field(init=False, default=timedelta())
    _seen: dict[str, LiveKey] | None = field(init=False, default=None)
    _elsewhere: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._live = {key.id: key for key in self.live.keys}

    async def run(self) -> EnvironmentOutcome:
        """Every stage in order; never raises for what a server or a sink does."""
        for stage in stages(self.plan):
            if stage.needs == "all" and not self._all_applied():
                self._halted = self._halted or "something before it failed, and nothing is deleted then"
            if any(isinstance(change, Retire) for change in stage.changes) and not self._halted:
                await self._look_again()
            await self._run_stage(await self._not_overtaken(self._ready(stage)))
        if self._wrote and self.live.facts.may_serve_stale_keys:
            self._warnings += await refresh(self.plan, self._results, self.delivery)
        await self._prove()
        return EnvironmentOutcome(
            environment=self.plan.environment,
            owner=self.plan.owner,
            results=tuple(self._results[change.key_id] for change in self.plan.changes),
            warnings=tuple(self._warnings),
        )

    @property
    def in_hand(self) -> tuple[InHand, ...]:
        """The keys that another run has in hand; known once this one has run."""
        return in_hand(self.plan.changes, self._elsewhere)

    def _all_applied(self) -> bool:
        return all(result.status in DONE for result in self._results.values())

    def _ready(self, stage: Stage) -> tuple[Change, ...]:
        """The changes of a stage, but for those that need another one of their address that failed."""
        if stage.needs != "own":
            return stage.changes
        failed = {each.change.address for each in self._results.values() if each.status not in DONE}
        for change in stage.changes:
            if change.address in failed:
                self._leave(change, _ANOTHERS if change.address in self._elsewhere else _NOT_THERE)
        return tuple(change for change in stage.changes if change.address not in failed)

    async def _not_overtaken(self, changes: tuple[Change, ...]) -> tuple[Change, ...]:
        """The changes, but for keys that work and whose next generation another run has made since the plan: the sinks
        are that one's.
        """
        known = [each for each in changes if isinstance(each, Deliver) and not is_on_probation(self._live[each.key_id])]
        if not any(each.sinks for each in known) or self._halted or self.stop.is_set():
            return changes
        try:
            made = made_since(self.desired, self.live, await self.delivery.store.list())
        except ReconcilerError as error:
            self._count_failure(error)
            for change in known:
                self._leave(change, error.message, error.hint)
            return tuple(each for each in changes if each not in known)
        overtaken = [change for change in known if change.address in made]
        self._elsewhere |= {change.address: made[change.address] for change in overtaken}
        for change in overtaken:
            self._leave(change, _ANOTHERS)
        return tuple(each for each in changes if each not in overtaken)

    def _leave(self, change: Change, why: str, hint: str = "") -> None:
        result = Result(change=change, status=Status.NOT_ATTEMPTED, message=why, hint=hint)
        self._results[change.key_id] = result
        if change.address not in self._elsewhere:
            self.progress(result)

    async def _look_again(self) -> None:
        """The end of a key that retires counts from now: what came before it may have taken its time, and somebody
        may have given it an end meanwhile, which is never put off.
        """
        try:
            listing = await self.delivery.store.list()
        except ReconcilerError:
            self._since_plan = _LATE  # a bit too late is well; the key's own end still holds
            return
        self._since_plan = max(listing.now - self.plan.now, timedelta())
        self._seen = {key.id: key for key in listing.keys}

    async def _retire(self, change: Retire) -> bool:
        """Give a key its end; False where it has one by now, or is gone."""
        seen = self._live[change.key_id] if self._seen is None else self._seen.get(change.key_id)
        if seen is None:
            del self._live[change.key_id]
            return False
        if is_on_probation(seen):
            self.delivery.require_abandoned(seen)
        state = retired_by_now(change, seen.expire, self._since_plan)
        if is_marked(seen) and seen.expire == state.expire:
            return False
        await self._update(change.key_id, state)
        return True

    async def _run_stage(self, changes: tuple[Change, ...]) -> None:
        waiting = iter(changes)

        async def work() -> None:
            for change in waiting:
                result = await self._attempt(change)
                self._results[change.key_id] = result
                if change.address not in self._elsewhere:
                    self.progress(result)

        async with asyncio.TaskGroup() as workers:
            for _ in range(min(self.parallelism, len(changes))):
                workers.create_task(work())

    async def _attempt(self, change: Change) -> Result:
        if self.stop.is_set():
            return Result(change=change, status=Status.NOT_ATTEMPTED, message="interrupted", hint=AGAIN)
        if self._halted:
            return Result(change=change, status=Status.NOT_ATTEMPTED, message=self._halted)
        if self._creation_denied and isinstance(change, Create):
            return Result(
                change=change, status=Status.NOT_ATTEMPTED, message="this credential may not create keys here"
            )
        over = self._needs_no_escrow(change)
        try:
            if not await self._perform(change):
                return Result(change=change, status=Status.ALREADY_SO, message=ANOTHER_DID_IT)
            self._wrote = True
        except Stopped as stopped:
            self._wrote = True
            return await self._stopped(change, stopped)
        except ReconcilerError as error:
            self._wrote |= not isinstance(error, CredentialError | Rejected)  # those changed nothing
            self._count_failure(error)
            return Result(change=change, status=Status.FAILED, message=error.message, hint=error.hint)
        self._failures_in_a_row = 0
        if over:
            await self._discard(change)
        undelivered = isinstance(change, Create) and not change.sinks
        return Result(
            change=change,
            status=Status.APPLIED,
            message=_NO_SINK if undelivered else "",
            hint=(_LOST_HINT if self.live.hides_secrets else _SHOWN_HINT) if undelivered else "",
        )

    async def _stopped(self, change: Change, stopped: Stopped) -> Result:
        """What the report says of a change that was not applied; a secret that nobody shows again goes into escrow."""
        if isinstance(stopped, InAnothersHands):
            self._elsewhere[change.address] = stopped.key_id
        result = Result(change=change, status=stopped.status, message=stopped.message, hint=stopped.hint)
        key = stopped.left
        if self.escrow is None or key is None or key.secret is None:
            return result
        try:
            return replace(result, escrow=await asyncio.to_thread(self.escrow.keep, key.id, key.secret))
        except SinkError as error:
            return replace(
                result, message=f"{stopped.message}; its secret could not be put into escrow: {error.message}"
            )

    def _needs_no_escrow(self, change: Change) -> bool:
        """Whether a key's secret has arrived, or opens nothing any more, once the change is made. One that the server
        hides is not delivered by committing its key.
        """
        if isinstance(change, Deliver):
            return bool(change.sinks) and self._live[change.key_id].secret is not None
        return isinstance(change, Create | Delete)

    async def _discard(self, change: Change) -> None:
        if self.escrow is None:
            return
        try:
            await asyncio.to_thread(self.escrow.discard, change.key_id)
        except SinkError as error:
            self._warnings.append(f"the escrow of {change.key_id} is not needed any more: {error.message}")

    def _count_failure(self, error: ReconcilerError) -> None:
        self._failures_in_a_row += isinstance(error, ServerError) and not isinstance(error, Rejected)
        if isinstance(error, CreationDenied):
            self._creation_denied = True
        elif isinstance(error, CredentialError):
            self._halted = "the server refused the credential"
        elif self._failures_in_a_row >= max(self.parallelism, _FEW):
            self._halted = f"the server failed {self._failures_in_a_row} times in a row"

    async def _perform(self, change: Change) -> bool:
        """Make a change; False where that needed no doing any more."""
        match change:
            case Create():
                leftover = self._live.get(change.leftover) if change.leftover else None
                self._live[change.key_id] = await self.delivery.create(change, leftover)
            case Deliver():
                self._live[change.key_id] = await self.delivery.deliver(change, self._live[change.key_id])
            case Update(after=after):
                await self._update(change.key_id, after)
            case Retire():
                return await self._retire(change)
            case Delete():
                if is_on_probation(self._live[change.key_id]) and not await self._is_left(change):
                    return False
                await self.delivery.store.delete(change.key_id)
                del self._live[change.key_id]
            case _:
                assert_never(change)
        return True

    async def _is_left(self, change: Delete) -> bool:
        """Whether a key that no run has committed is still there, and its run dead: nobody else has it in hand. One
        that another run lets end is left to that, unless it is to go whoever uses it.
        """
        seen = await self.delivery.store.get(change.key_id)
        if seen is None:
            del self._live[change.key_id]
        elif is_retiring(seen) and seen.expire is not None:
            if may_be_left(change):
                raise Stopped(Status.ALREADY_SO, f"another run lets it end, at {show_instant(seen.expire)}", "")
        elif not is_on_probation(seen):
            raise Stopped(Status.FAILED, "another run has committed this key since", AGAIN)
        else:
            self.delivery.require_abandoned(seen)
        return seen is not None

    async def _update(self, key_id: str, state: KeyState) -> None:
        self._live[key_id] = await self.delivery.store.update(self._live[key_id], state)

    async def _prove(self) -> None:
        """Try the secrets of leaked keys that were deleted, after the last write to the project."""
        deleted = [
            result
            for result in self._results.values()
            if isinstance(result.change, Delete) and result.change.leaked and result.status is Status.APPLIED
        ]
        store, clock = self.delivery.store, self.delivery.clock
        proofs = (proven(each, self.leaked.get(each.change.key_id), store, clock) for each in deleted)
        self._results |= {each.change.key_id: each for each in await asyncio.gather(*proofs)}
