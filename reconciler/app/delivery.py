"""Commit by expiry: from nothing to a key whose secret is where it is used, in steps that may each be the last.

create on probation → write the sinks → read them back → try the secret on the server → commit. A crash before
delivery leaves a key that dies by itself, one after it leaves a week in which the next run commits.

What fails with a clear no is undone: sinks are put back, and a key that this run made is deleted. But a no may answer
the second sending of a write that was applied the first time, so the key is looked at before anything is undone; what
somebody may be using already is never undone. Without an answer nothing is undone, because the write may yet land,
and the report says what dies when.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random

from reconciler.app.minting import Mint
from reconciler.app.stopped import InAnothersHands, Stopped
from reconciler.app.trial import works
from reconciler.core.delivery import at
from reconciler.core.desired import SinkSpec, settled
from reconciler.core.holding import UNSEEN, Holding, Note, is_same, note_of
from reconciler.core.keys import KeyState, LiveKey
from reconciler.core.outcome import Status
from reconciler.core.plan import Create, Deliver
from reconciler.core.probation import is_on_probation
from reconciler.core.risks import show_sink
from reconciler.core.secret import Secret
from reconciler.core.times import show_instant
from reconciler.errors import CredentialError, ReconcilerError, Rejected, ServerError, SinkError, SinkUnavailable
from reconciler.ports import Clock, Journal, KeyStore, SecretSink, Sinks, Undoing

_ANOTHER_MADE_IT = "another run made this key"
_OTHER_FIELDS = "another run made this key with other fields"


@dataclass(slots=True, kw_only=True)
class Written:
    """A sink that this run has to write, what it held before, and what was seen `after` the write. `there` says that
    the secret was in it already, `refused` that the sink gave a clear no, `done` that it holds the secret now.
    """

    spec: SinkSpec
    sink: SecretSink
    before: Holding
    after: Holding = UNSEEN
    there: bool = False
    refused: bool = False
    done: bool = False


@dataclass(slots=True, kw_only=True)
class Commit:
    """A key on its way from probation to `final`: how far it came. `minted` when this run created it."""

    key: LiveKey
    final: KeyState
    minted: bool
    tried: bool = False
    written: list[Written]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """The means to make and deliver keys of one project; `now` is the server's time at the plan, `is_foreign` tells of
    a key's id whether reconciler made it for another manifest, environment or project.

    Methods return the key as it is live at the end, and raise Stopped or ReconcilerError.
    """

    store: KeyStore
    sinks: Sinks
    journal: Journal
    clock: Clock
    entropy: Random
    now: datetime
    is_foreign: Callable[[str], bool]

    @property
    def _mint(self) -> Mint:
        return Mint(store=self.store, journal=self.journal, entropy=self.entropy, now=self.now)

    def require_abandoned(self, key: LiveKey) -> None:
        """Raise InAnothersHands for a key on probation with which another run may be at work."""
        self._mint.require_abandoned(key)

    async def create(self, change: Create, leftover: LiveKey | None) -> LiveKey:
        """Make a key; with sinks, deliver and commit it. The leftover must be nobody's work any more."""
        if leftover is not None:
            self.require_abandoned(leftover)
        if not change.sinks:
            return await self._create_without_sinks(change)
        minted = await self._mint.on_probation(change)
        final = _final(change, minted.key)
        if not is_on_probation(minted.key):
            raise InAnothersHands(Status.FAILED, _ANOTHER_MADE_IT, key_id=minted.key.id)
        return await self._commit(minted.key, change.sinks, final, minted=minted.ours)

    async def deliver(self, change: Deliver, key: LiveKey) -> LiveKey:
        """Bring a live key's secret to its sinks and write its declared fields."""
        if is_on_probation(key) and key.expire is not None and key.expire > self.now:
            # One that is dead no run of ours comes for: it is made again, or was adopted and bears such a name.
            self.require_abandoned(key)
            if change.sinks:
                return await self._commit(key, change.sinks, change.after, minted=False)
        await self._write_all(key, change.sinks, [])
        return key if change.before == change.after else await self.store.update(key, change.after)

    async def _create_without_sinks(self, change: Create) -> LiveKey:
        key = await self._mint.create(change.key_id, change.after)
        final = _final(change, key)
        if key.state == final:
            return key
        if key.state == change.after:  # a duration counts from the creation, which came later than the plan
            return await self.store.update(key, final)
        raise InAnothersHands(Status.FAILED, _OTHER_FIELDS, key_id=key.id)

    async def _commit(self, key: LiveKey, sinks: Sequence[SinkSpec], final: KeyState, *, minted: bool) -> LiveKey:
        commit = Commit(key=key, final=final, minted=minted, written=[])
        try:
            await self._write_all(key, sinks, commit.written)
            await self._try(key)
            commit.tried = True
            return await self.store.update(key, final)
        except Stopped as stopped:
            return await self._undo(commit, stopped)
        except (CredentialError, Rejected) as error:
            return await self._undo(commit, Stopped(Status.UNDELIVERED, f"not committed: {error.message}", error.hint))
        except ServerError as error:
            raise Stopped(Status.FAILED, f"delivered but not committed: {error.message}; {_fate(key)}") from error

    async def _write_all(self, key: LiveKey, sinks: Sequence[SinkSpec], written: list[Written]) -> None:
        """Write each sink that holds something else and read it back; `written` tells what can be undone."""
        secret = key.secret
        if secret is None:
            return
        note = note_of(key, secret)
        for spec in sinks:
            place = at(spec, key.id)
            try:
                sink = self.sinks.open(place)
                each = Written(spec=place, sink=sink, before=await asyncio.to_thread(_seen, sink))
                each.there = is_same(each.before, secret, note)
                if not each.there:
                    self._require_ours(place, each.before)
                written.append(each)
                if not each.there:
                    await asyncio.to_thread(_write, each, secret, note)
            except SinkError as error:
                raise Stopped(Status.UNDELIVERED, f"{show_sink(place)}: {error.message}", error.hint) from error

    def _require_ours(self, place: SinkSpec, held: Holding) -> None:
        """Whose value a sink holds that could not be seen at the plan, the guard there could not know."""
        if held.note is not None and not held.is_blank and self.is_foreign(held.note.key_id):
            raise Stopped(
                Status.UNDELIVERED,
                f"{show_sink(place)}: it holds the secret of another manifest's or environment's key, "
                f"{held.note.key_id}",
                "deliver to another place, or remove that value first if nobody needs it",
            )

    async def _try(self, key: LiveKey) -> None:
        """Use the key once; a server before 2.0 may take a moment to know it."""
        if key.secret is None:
            return
        if not await works(self.store, self.clock, key.secret):
            raise Stopped(
                Status.UNDELIVERED,
                "the server refuses the new key's own secret",
                "see whether the project is beyond its 1,000 keys; expired ones count",
            )

    async def _undo(self, commit: Commit, why: Stopped) -> LiveKey:
        """Undo what nobody uses yet and raise why, or find that the commit was applied after all."""
        key = commit.key
        left_alive = why.leaving(key) if commit.minted else why  # else the server has shown its secret, and will again
        try:
            live = await self.store.get(key.id)
        except ReconcilerError as error:
            raise left_alive.adding(_fate(key)) from error
        if live is not None and not (is_on_probation(live) and live.expire == key.expire):
            if commit.tried and live.state == commit.final:
                return live
            raise left_alive.adding("another run has written this key since, so nothing was undone")
        left = [text for each in reversed(commit.written) for text in await self._restored(each, key)]
        used = any(each.there for each in commit.written)
        if live is not None and (left or used or not commit.minted):
            raise left_alive.adding(*left, _fate(key))
        if live is not None:
            try:
                await self.store.delete(key.id)
            except ReconcilerError as error:
                raise left_alive.adding(f"the new key could not be deleted: {error.message}", _fate(key)) from error
        raise why

    async def _restored(self, written: Written, key: LiveKey) -> tuple[str, ...]:
        """Put a sink back to what it held; returns what is left to say."""
        try:
            await asyncio.to_thread(_restore, written, key.secret)
        except SinkError as error:
            holds = "still holds" if written.done else "may hold"
            return (f"{show_sink(written.spec)} {holds} the new key: {error.message}",)
        return ()


def _final(change: Create, key: LiveKey) -> KeyState:
    return replace(change.after, expire=settled(change.expiry, key.created, key.expire))


def _seen(sink: SecretSink) -> Holding:
    """What a sink holds; one that may be written and not read is written."""
    try:
        return sink.look()
    except SinkUnavailable:
        return UNSEEN


def _write(each: Written, secret: Secret, note: Note) -> None:
    try:
        each.sink.write(secret, note)
    except SinkError as error:
        each.refused = not isinstance(error, SinkUnavailable)
        raise
    each.done = True
    each.after = after = _seen(each.sink)
    if after.occupied is False or (after.secret is not None and after.secret != secret):
        raise SinkError("it does not hold what was just written", hint="see who else writes there")


def _restore(each: Written, secret: Secret | None) -> None:
    """Put back what was there, unless somebody else wrote there since."""
    now, before = _seen(each.sink), each.before
    if each.there or _is_anothers(now, each, secret) or (each.refused and now.secret is None):
        return
    if before.occupied is False:
        each.sink.remove()
    elif isinstance(each.sink, Undoing):
        each.sink.undo()
    elif before.secret is not None:
        each.sink.write(before.secret, before.note)
    else:
        raise SinkError("what it held before cannot be put back, for it shows its value to nobody")


def _is_anothers(now: Holding, each: Written, secret: Secret | None) -> bool:
    """Whether somebody else emptied or wrote a sink since: as its value shows, else the time of the last write, unless
    that was not up to date when it was read after ours.
    """
    if now.occupied is False:
        return True
    if now.secret is not None:
        return now.secret != secret
    after = each.after.written
    told = after is not None and now.written is not None and now.note is None
    return told and after not in {each.before.written, now.written}


def _fate(key: LiveKey) -> str:
    return f"the key dies at {show_instant(key.expire)} unless a later apply commits it" if key.expire else ""
