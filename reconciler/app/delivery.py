"""Commit by expiry: from nothing to a key whose secret is where it is used, in steps that may each be the
last.

create on probation → write the sinks → read them back → try the secret on the server → commit. A crash before
delivery leaves a key that dies by itself, one after it leaves a week in which the next run commits. What
fails is undone: sinks are put back, the new key is deleted. Where the server gave no clear answer nothing is
undone, because the write may yet land, and the report says what dies when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from reconciler.core.desired import SinkSpec, settled
from reconciler.core.keys import KeyState, LiveKey
from reconciler.core.outcome import Status
from reconciler.core.plan import Create, Deliver
from reconciler.core.probation import (
    IN_PROGRESS,
    can_be_delivered,
    is_on_probation,
    may_be_in_progress,
    probation,
)
from reconciler.core.risks import show_sink
from reconciler.core.secret import Secret
from reconciler.core.times import show_instant
from reconciler.errors import CredentialError, KeyExists, ReconcilerError, Rejected, ServerError, SinkError
from reconciler.ports import Clock, Journal, KeyStore, SecretSink, Sinks

_TRIAL_SECONDS = 5.0
_TRIAL_PAUSE = 0.25
_MINT_ATTEMPTS = 3
_AGAIN = "run apply again"


class Stopped(Exception):
    """A change that ended otherwise than applied, and what the report says of it."""

    def __init__(self, status: Status, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.hint = status, message, hint


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A sink that this run wrote, or was about to, and what it held before."""

    spec: SinkSpec
    sink: SecretSink
    before: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The means to make and deliver keys of one project; `now` is the server's time at the plan.

    Methods return the key as it is live at the end, and raise Stopped or ReconcilerError.
    """

    store: KeyStore
    sinks: Sinks
    journal: Journal
    clock: Clock
    entropy: Random
    now: datetime

    async def create(self, change: Create) -> LiveKey:
        """Make a key; with sinks, deliver and commit it."""
        if not change.sinks:
            return await self._create_without_sinks(change)
        sent_by_us: set[datetime | None] = set()
        for _ in range(_MINT_ATTEMPTS):
            sent = probation(change.after, self.now, self.entropy.random())
            if sent.expire is not None:
                self.journal.record(change.key_id, sent.expire)
            sent_by_us.add(sent.expire)
            key = await self._mint(change.key_id, sent)
            final = _final(change, key)
            if not is_on_probation(key):
                return await self._join(key, change.sinks, final)
            if key.expire not in sent_by_us:
                self._require_abandoned(key)
            if can_be_delivered(key, self.now):
                return await self._commit(key, change.sinks, final)
            await self.store.delete(key.id)
        raise Stopped(Status.FAILED, "the server did not give its secret, three times over", _AGAIN)

    async def deliver(self, change: Deliver, key: LiveKey) -> LiveKey:
        """Bring a live key's secret to its sinks and write its declared fields."""
        if is_on_probation(key):
            self._require_abandoned(key)
            if change.sinks:
                return await self._commit(key, change.sinks, change.after)
        await self._write_all(key, change.sinks, [])
        return key if change.before == change.after else await self.store.update(key, change.after)

    async def _create_without_sinks(self, change: Create) -> LiveKey:
        key = await self._mint(change.key_id, change.after)
        if key.state != _final(change, key):
            raise Stopped(Status.FAILED, "another run made this key with other fields", _AGAIN)
        return key

    async def _mint(self, key_id: str, state: KeyState) -> LiveKey:
        """Create a key, or get the one that has its id: ours when its fields are the ones sent."""
        try:
            return await self.store.create(key_id, state)
        except KeyExists as error:
            key = await self.store.get(key_id)
            if key is None or key.id != key_id:  # servers differ in whether a GET minds upper case
                where = (
                    "by a key in other letters" if key else "in another project of this server, where ids are unique"
                )
                raise Stopped(
                    Status.FAILED,
                    f"the id {key_id} is taken {where}",
                    "rename the key in the manifest, or change the manifest's owner",
                ) from error
            return key

    def _require_abandoned(self, key: LiveKey) -> None:
        """A probation key of another run is left alone while that run may be at work on it."""
        if key.expire is None or not may_be_in_progress(key, self.now):
            return
        if not self.journal.abandoned(key.id, key.expire):
            until = show_instant((key.created + IN_PROGRESS).replace(microsecond=0))
            raise Stopped(
                Status.FAILED,
                f"in progress elsewhere: another run created this key at {show_instant(key.created)}",
                f"let it finish, or run apply again after {until}",
            )

    async def _join(self, key: LiveKey, sinks: Sequence[SinkSpec], final: KeyState) -> LiveKey:
        """A run beside us made and committed this key: end like it did."""
        if key.state != final:
            raise Stopped(Status.FAILED, "another run made this key with other fields", _AGAIN)
        if key.secret is not None:
            await self._write_all(key, sinks, [])
        return key

    async def _commit(self, key: LiveKey, sinks: Sequence[SinkSpec], final: KeyState) -> LiveKey:
        written: list[Written] = []
        try:
            await self._write_all(key, sinks, written)
            await self._try(key)
            return await self.store.update(key, final)
        except Stopped as stopped:
            status, message, hint = stopped.status, stopped.message, stopped.hint
        except (CredentialError, Rejected) as error:
            status, message, hint = Status.UNDELIVERED, f"not committed: {error.message}", error.hint
        except ServerError as error:
            raise Stopped(
                Status.FAILED,
                f"delivered but not committed, so the key in its sinks dies at {_death(key)}: {error.message}",
                _AGAIN,
            ) from error
        left = await self._undo(key, written)
        raise Stopped(status, "; ".join((message, *left)), hint)

    async def _write_all(self, key: LiveKey, sinks: Sequence[SinkSpec], written: list[Written]) -> None:
        """Write each sink that holds something else, and read it back; what is noted in `written` can be
        undone.
        """
        secret = key.secret
        if secret is None:
            return
        for spec in sinks:
            try:
                sink = self.sinks.open(spec)
                before = await asyncio.to_thread(sink.read)
                written.append(Written(spec=spec, sink=sink, before=before))
                await asyncio.to_thread(_write, sink, before, secret)
            except SinkError as error:
                raise Stopped(Status.UNDELIVERED, f"{show_sink(spec)}: {error.message}", error.hint) from error

    async def _try(self, key: LiveKey) -> None:
        """Use the key once; a server before 2.0 may take a moment to know it."""
        if key.secret is None:
            return
        deadline = self.clock.monotonic() + _TRIAL_SECONDS
        while not await self.store.accepts(key.secret):
            if self.clock.monotonic() >= deadline:
                raise Stopped(
                    Status.UNDELIVERED,
                    "the server refuses the new key's own secret",
                    "see whether the project is beyond its 1,000 keys; expired ones count",
                )
            await self.clock.sleep(_TRIAL_PAUSE)

    async def _undo(self, key: LiveKey, written: list[Written]) -> tuple[str, ...]:
        """Put the sinks back and delete the key while it is on probation; returns what could not be
        undone.
        """
        left: list[str] = []
        for each in reversed(written):
            try:
                await asyncio.to_thread(_restore, each, key.secret)
            except SinkError as error:
                left.append(f"{show_sink(each.spec)} holds a key that dies at {_death(key)}: {error.message}")
        try:
            now = await self.store.get(key.id)
            if now is not None and is_on_probation(now) and now.expire == key.expire:
                await self.store.delete(key.id)
        except ReconcilerError as error:
            left.append(f"the new key could not be deleted and dies at {_death(key)}: {error.message}")
        return tuple(left)


def _final(change: Create, key: LiveKey) -> KeyState:
    return replace(change.after, expire=settled(change.expiry, key.created, key.expire))


def _write(sink: SecretSink, before: Secret | None, secret: Secret) -> None:
    if before == secret:
        return
    sink.write(secret)
    if sink.read() != secret:
        raise SinkError("it does not hold what was just written", hint="see who else writes there")


def _restore(written: Written, secret: Secret | None) -> None:
    if written.sink.read() != secret or written.before == secret:
        return
    if written.before is None:
        written.sink.remove()
    else:
        written.sink.write(written.before)


def _death(key: LiveKey) -> str:
    return show_instant(key.expire) if key.expire else "no time"
