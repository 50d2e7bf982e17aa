"""The secret of one live key, for whoever asks for exactly that one: as the server shows it, else from a sink that is
known to hold it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler.app.planning import Site, look
from reconciler.core.delivery import at
from reconciler.core.desired import Desired
from reconciler.core.globs import Selection
from reconciler.core.holding import is_held
from reconciler.core.keys import Live, LiveKey
from reconciler.core.matching import addresses
from reconciler.core.plan import Create, Delete, is_declared
from reconciler.core.planner import plan_environment
from reconciler.core.probation import is_on_probation
from reconciler.core.quoting import quoted
from reconciler.core.risks import show_sink
from reconciler.core.secret import Secret
from reconciler.core.suggest import did_you_mean
from reconciler.core.times import show_instant
from reconciler.errors import UsageError
from reconciler.ports import Sinks


@dataclass(frozen=True, slots=True, kw_only=True)
class Revealed:
    """A live key, its secret, and where that was read; `now` is the server's time."""

    key: LiveKey
    secret: Secret
    source: str
    now: datetime

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever asked for the secret should know."""
        expire = self.key.expire
        scopes = f"{len(self.key.scopes)} scope{'' if len(self.key.scopes) == 1 else 's'}"
        told = [f"whoever reads this has what key {self.key.id} may do: {scopes}. It comes from {self.source}."]
        if expire is not None and expire <= self.now:
            told.append(f"it expired at {show_instant(expire)}, and the server refuses it")
        elif expire is not None and is_on_probation(self.key):
            told.append(f"it is not committed yet: unless a later apply does that, it dies at {show_instant(expire)}")
        return tuple(told)


async def reveal(sites: Sequence[Site], sinks: Sinks, address: str) -> Revealed:
    """The secret of the live key at an address.

    Raises UsageError where no live key is there, or several are, or nobody shows its secret.
    """
    known: set[str] = set()
    found: list[tuple[Desired, LiveKey, datetime]] = []
    for site in sites:
        live = await look(site)
        desired = replace(site.resolve(live.facts), selection=Selection(targets=(address,)))
        known |= addresses(desired, live)
        if key := _live_key(desired, live, address):
            found.append((desired, key, live.now))
    if len(found) > 1:
        raise UsageError(f"several manifests have a key {quoted(address)}", hint="name one manifest with -f")
    if not found:
        raise _not_found(address, known)
    desired, key, now = found[0]
    if key.secret is not None:
        return Revealed(key=key, secret=key.secret, source="the server", now=now)
    secret, sink = await asyncio.to_thread(_from_sink, desired, key, sinks, address)
    return Revealed(key=key, secret=secret, source=sink, now=now)


def _live_key(desired: Desired, live: Live, address: str) -> LiveKey | None:
    """The live key that a plan speaks of under an address: the one that stays, where others are to go."""
    made = plan_environment(desired, live, {})
    entries = [each for each in (*made.changes, *made.unchanged) if each.address == address]
    staying = [each.key_id for each in entries if not isinstance(each, Create | Delete)]
    declared = [each.key_id for each in entries if is_declared(each) and not isinstance(each, Create)]
    going = [each.key_id for each in entries if isinstance(each, Delete)]
    ids = declared or staying or going
    return next((key for key in live.keys if key.id == ids[-1]), None) if ids else None


def _not_found(address: str, known: set[str]) -> UsageError:
    if address in known:
        return UsageError(f"{quoted(address)} is not live", hint="reconciler apply makes it")
    hint = did_you_mean(address, known) or "an address is ENVIRONMENT/NAME, as in `environments` and `keys`"
    return UsageError(f"no key has the address {quoted(address)}", hint=hint)


def _from_sink(desired: Desired, key: LiveKey, sinks: Sinks, address: str) -> tuple[Secret, str]:
    for spec in (sink for each in desired.keys if each.address == address for sink in each.sinks):
        place = at(spec, key.id)
        held = sinks.observe([place]).get(place)
        if held is not None and held.secret is not None and is_held(held, key):
            return held.secret, show_sink(place)
    raise UsageError(
        f"this server shows the secret of {quoted(address)} to nobody, and none of its sinks is known to hold it",
        hint="a sink that can be read, such as dotenv or vault, keeps what it was given",
    )
