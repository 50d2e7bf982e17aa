"""Makes a project's first key of its own, and hands its secret over, or leaves nothing.

It is committed as every key with a sink is: born under a marked name with days to live, tried, handed over, and only
then given its real name and expiry. What cannot be handed over is deleted again; where not even that can be done, or a
kill comes between, the key dies by itself. A key that was handed over and not finished is finished by the next run.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from reconciler.app.trial import works
from reconciler.core.first_key import FirstKey, Made, about_held, begun, new_id, state_of
from reconciler.core.keys import KeyState, Listing, LiveKey
from reconciler.core.probation import probation
from reconciler.core.secret import Secret
from reconciler.core.times import show_instant
from reconciler.errors import CredentialError, KeyExists, ReconcilerError, Rejected, ServerError, SinkError
from reconciler.ports import Clock, KeyStore, SecretSink

_ATTEMPTS = 3
_ENTROPY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Makes the first key of one project."""

    store: KeyStore
    project: str
    clock: Clock
    entropy: Random

    async def run(self, wanted: FirstKey, sink: SecretSink) -> Made:
        """Make the key and write its secret to a sink that holds nothing yet, or only what a run that was stopped has
        written.

        Raises UsageError and GuardError before anything is made, and whatever the server and the sink say.
        """
        held = (await asyncio.to_thread(sink.look)).secret
        if held is None:
            await asyncio.to_thread(sink.preflight)
        facts, listing = await self.store.facts(), await self.store.list()
        state = state_of(wanted, facts, listing)
        if held is not None and (started := await self._begun(held, listing, sink)) is not None:
            return await self._finish(started, held, state)
        born, secret = await self._born(probation(state, listing.now, self.entropy.random()))
        try:
            await self._hand_over(born, secret, state, sink)
            creates = await self._may_create(born, secret) if "keys.write" in state.scopes else False
        except (ReconcilerError, asyncio.CancelledError) as error:
            left = await self._take_back(born, sink)
            if left and isinstance(error, ReconcilerError):
                error.hint = f"{error.hint}; {left}" if error.hint else left
            raise
        return Made(key_id=born.id, project=self.project, state=state, may_create=creates)

    async def _begun(self, held: Secret, listing: Listing, sink: SecretSink) -> LiveKey | None:
        """The key whose secret the sink holds already, where it is still to be finished; None where the sink is empty
        by now. Raises what the sink says where it holds anything else.
        """
        if (left := begun(listing, held)) is not None:
            return left
        try:
            await asyncio.to_thread(sink.preflight)
        except SinkError as error:
            error.hint = about_held(listing, held) or error.hint
            raise
        return None

    async def _finish(self, left: LiveKey, held: Secret, state: KeyState) -> Made:
        """Commit a key that was handed over. Where it fails, the next run finds everything as this one did."""
        await self._prove(held)
        await self.store.update(left, state)
        creates = await self._may_create(left, held) if "keys.write" in state.scopes else False
        return Made(key_id=left.id, project=self.project, state=state, may_create=creates, finished=True)

    async def _born(self, state: KeyState) -> tuple[LiveKey, Secret]:
        """A new key on probation, and its secret; one whose secret the server does not show again is deleted."""
        for _ in range(_ATTEMPTS):
            key = await self._create(new_id(self.entropy.randbytes(_ENTROPY)), state)
            if key is not None and key.secret is not None:
                return key, key.secret
            if key is not None:
                await self.store.delete(key.id)
        raise ServerError(
            f"the server did not give the secret of a new key of project {self.project}, {_ATTEMPTS} times over",
            hint="whoever runs the server must see why; the keys were deleted again",
        )

    async def _create(self, key_id: str, state: KeyState) -> LiveKey | None:
        """The key of that id; None where somebody else has it. A taken id with our own nonce is ours, from a call
        whose answer was lost.
        """
        try:
            return await self.store.create(key_id, state)
        except KeyExists:
            found = await self.store.get(key_id)
            return found if found is not None and found.state == state else None
        except (ServerError, asyncio.CancelledError) as error:
            if isinstance(error, Rejected):
                raise
            with suppress(ReconcilerError):
                await self.store.delete(key_id)
            if isinstance(error, ServerError):
                error.hint = f"{error.hint}; {_fate(key_id, state)}"
            raise

    async def _hand_over(self, born: LiveKey, secret: Secret, state: KeyState, sink: SecretSink) -> None:
        await self._prove(secret)
        sink.write(secret, None)  # here and not in a thread, which would go on where this is interrupted
        await self.store.update(born, state)

    async def _prove(self, secret: Secret) -> None:
        if not await works(self.store, self.clock, secret):
            raise CredentialError(
                f"the server refuses the new key of project {self.project}",
                hint="see whether the project has more than 1,000 keys; expired ones count",
            )

    async def _take_back(self, born: LiveKey, sink: SecretSink) -> str:
        """Delete the key, then what was handed over; in words what could not be taken back.

        A key that may live keeps its secret: the commit that got no answer may have been applied.
        """
        try:
            await self.store.delete(born.id)
        except ReconcilerError:
            told = f"key {born.id} could not be deleted again: delete it in the Appwrite Console"
            return f"{told}, then what holds its secret"
        try:
            sink.remove()
        except ReconcilerError as error:
            return error.message
        return ""

    async def _may_create(self, born: LiveKey, secret: Secret) -> bool | None:
        try:
            return await self.store.may_create(born.id, secret)
        except ReconcilerError:  # the key is made and handed over: that is told, whatever becomes of a question
            return None


def _fate(key_id: str, state: KeyState) -> str:
    end = "" if state.expire is None else f" and dies by itself at {show_instant(state.expire.replace(microsecond=0))}"
    return f"should a key {key_id} appear later, nobody has its secret{end}"
