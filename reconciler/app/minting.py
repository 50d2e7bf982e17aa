"""Making a key whose id is known beforehand, so that it is made once, whatever happens to the call.

An id that is taken tells nothing yet: the key may be ours from a lost call, or a run beside us made it. A key on
probation shows by its nonce, any other key by its fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random

from reconciler.app.stopped import InAnothersHands, Stopped
from reconciler.core.ids import next_id
from reconciler.core.keys import KeyState, LiveKey
from reconciler.core.outcome import Status
from reconciler.core.plan import Create
from reconciler.core.probation import (
    IN_PROGRESS,
    can_be_delivered,
    is_on_probation,
    may_be_in_progress,
    probation,
)
from reconciler.core.times import show_instant
from reconciler.errors import KeyExists
from reconciler.ports import Journal, KeyStore

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Minted:
    """A live key with the id asked for; `ours` when this run created it just now."""

    key: LiveKey
    ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mint:
    """Makes keys of one project; `now` is the server's time at the plan. Raises Stopped and ReconcilerError."""

    store: KeyStore
    journal: Journal
    entropy: Random
    now: datetime

    async def on_probation(self, change: Create) -> Minted:
        """A key on probation whose secret is known, or one that a run beside us has committed.

        A key that nobody can deliver is deleted and made again under the next generation's id, never under its own.
        """
        key_id = change.key_id
        for _ in range(_ATTEMPTS):
            state = probation(change.after, self.now, self.entropy.random())
            if state.expire is not None:
                self.journal.record(key_id, state.expire)
            key = await self.create(key_id, state)
            ours = key.expire == state.expire
            if not is_on_probation(key):
                return Minted(key=key, ours=False)
            if not ours:
                self.require_abandoned(key)
            if can_be_delivered(key, self.now):
                return Minted(key=key, ours=ours)
            await self.store.delete(key_id)
            key_id = next_id(key_id)
        raise Stopped(Status.FAILED, "the server did not give its secret, three times over")

    async def create(self, key_id: str, state: KeyState) -> LiveKey:
        """Create a key, or get the one that has its id, whoever made it."""
        for _ in range(_ATTEMPTS):
            try:
                return await self.store.create(key_id, state)
            except KeyExists:
                key = await self.store.get(key_id)
            if key is not None and key.id == key_id:
                return key
            if key is not None:  # servers differ in whether a GET minds upper case
                raise _taken(key_id, "by a key in other letters")
            # A run beside us may have taken its key back just now: ask again before anybody is blamed.
        raise _taken(key_id, "in another project of this server, where ids are unique")

    def require_abandoned(self, key: LiveKey) -> None:
        """A probation key of another run is left alone while that run may be at work on it."""
        if key.expire is None or not may_be_in_progress(key, self.now):
            return
        if not self.journal.abandoned(key.id, key.expire):
            until = show_instant((key.created + IN_PROGRESS).replace(microsecond=0))
            raise InAnothersHands(
                Status.FAILED,
                f"in progress elsewhere: another run created this key at {show_instant(key.created)}",
                f"let it finish, or run it again after {until}",
                key_id=key.id,
            )


def _taken(key_id: str, where: str) -> Stopped:
    return Stopped(
        Status.FAILED,
        f"the id {key_id} is taken {where}",
        "rename the key in the manifest, or change the manifest's owner",
    )
