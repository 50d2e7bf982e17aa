"""What the use cases need of the world: keys on a server, sinks for secrets, a journal, a clock.

Implementations translate every foreign failure into `reconciler.errors` before it crosses this line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

from reconciler.core.desired import SinkSpec
from reconciler.core.ephemeral import EphemeralKey
from reconciler.core.holding import Held, Holding, Note
from reconciler.core.keys import KeyState, Listing, LiveKey, ServerFacts
from reconciler.core.secret import Secret

Mask = Callable[[Iterable[Secret]], None]
"""Is told of secrets when they come into being, before anything could show one: who owns a log keeps them out of it."""


def unmasked(_: Iterable[Secret]) -> None:
    """The `Mask` where nobody owns a log."""


class KeyStore(Protocol):
    """The keys of one project. Every method may raise CredentialError or ServerError."""

    async def facts(self) -> ServerFacts:
        """What the server says of itself; needs no credential, and is asked for once for each server."""
        ...

    async def now(self) -> datetime:
        """The server's own time; needs no credential."""
        ...

    async def list(self) -> Listing:
        """Every key of the project, however many."""
        ...

    async def create(self, key_id: str, state: KeyState) -> LiveKey:
        """Create a key; a lost answer is asked for again with the same body.

        Raises KeyExists (also when an earlier sending of the same call was applied) and CreationDenied.
        """
        ...

    async def get(self, key_id: str) -> LiveKey | None:
        """One key, None where this project has none of that id."""
        ...

    async def update(self, key: LiveKey, state: KeyState) -> LiveKey:
        """Replace name, scopes, expiry and description; an answer of 500 is judged by reading the key back."""
        ...

    async def touch(self, key: LiveKey) -> None:
        """Write a key back exactly as it is, which makes a server before 2.0 drop its cache of the
        project.
        """
        ...

    async def delete(self, key_id: str) -> None:
        """Delete a key; that it is gone already is success."""
        ...

    async def create_ephemeral(self, scopes: frozenset[str], lifetime: timedelta) -> EphemeralKey:
        """A key that dies after that long; the server keeps nothing of it."""
        ...

    async def accepts(self, secret: Secret) -> bool:
        """Whether the server authenticates a key by its secret in this project, now."""
        ...

    async def may_write(self, absent_id: str) -> bool:
        """Whether the credential may write keys: asks for the deletion of a key that surely does not exist."""
        ...

    async def may_create(self, taken_id: str, secret: Secret | None = None) -> bool:
        """Whether the credential, or a key by its secret, may create keys: asks for one of an id that is taken."""
        ...


class SecretSink(Protocol):
    """One place that holds one secret, and a note of whose it is where there is room for one. Methods block, may be
    called from any thread, and raise SinkError; `preflight` and `look` also UsageError, for what the manifest names and
    is not what it should be.
    """

    def preflight(self) -> None:
        """Prove that `write` can work, before any key is minted; leaves no trace."""
        ...

    def look(self) -> Holding:
        """What can be seen of the sink now. Raises SinkUnavailable where it cannot be reached or may not be read."""
        ...

    def write(self, secret: Secret, note: Note | None) -> None:
        """Make this the value held, all or nothing; the note after it where the two cannot be one write.

        A SinkError is a clear no: nothing was written. What fails later, or without an answer, is SinkUnavailable.
        """
        ...

    def remove(self) -> None:
        """Hold no value, nor note; nothing else changes."""
        ...


@runtime_checkable
class Undoing(Protocol):
    """What a `SecretSink` may be besides, where it can put back what it does not show."""

    def undo(self) -> None:
        """Put back what this object's last `write` replaced, unless somebody else wrote there since."""
        ...


class Sinks(Protocol):
    """Every sink that this installation knows, by kind."""

    def open(self, spec: SinkSpec) -> SecretSink:
        """The sink that an entry of `deliver` names, with every placeholder filled in."""
        ...

    def place(self, spec: SinkSpec) -> SinkSpec:
        """The same sink, spelt as every other way to name its place is; nothing is asked of a service. Raises nothing
        but what `open` raises for its kind.
        """
        ...

    def observe(self, specs: Iterable[SinkSpec]) -> Held:
        """What each sink holds, looked at side by side; a sink that cannot be read although it should be is left out.
        Runs no command.
        """
        ...


class Escrow(Protocol):
    """Where secrets of one environment are kept that did not arrive, encrypted. Methods block and raise SinkError."""

    def preflight(self) -> None:
        """Prove that `keep` can work, before any key is minted; leaves no trace."""
        ...

    def keep(self, key_id: str, secret: Secret) -> str:
        """Keep the secret of a key; returns where, as it is shown to people."""
        ...

    def discard(self, key_id: str) -> None:
        """Let go of the secret of a key; that there is none is success."""
        ...


class Journal(Protocol):
    """A hint, never needed: which probation keys this machine's own runs set out to create."""

    def record(self, key_id: str, nonce: datetime) -> None:
        """Note a key before its creation is sent."""
        ...

    def abandoned(self, key_id: str, nonce: datetime) -> bool:
        """Whether a run of this machine that has ended meant to create this very key."""
        ...


class Clock(Protocol):
    """Time that passes, so that tests need not wait for it."""

    def monotonic(self) -> float:
        """Seconds since some moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after that long."""
        ...
