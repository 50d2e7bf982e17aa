"""Looks at every environment side by side, as far as each lets itself be looked at, and has what was seen judged.

Nothing here raises for what is wrong with an environment, and nothing waits longer than a minute for one. Nothing is
written: the two calls that ask for a refusal are made only where that is wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import TypeVar

from reconciler.app.planning import Site, live_of
from reconciler.core.checks import checkup
from reconciler.core.checkup import EnvironmentCheckup
from reconciler.core.first_key import new_id
from reconciler.core.keys import Listing, Live
from reconciler.core.observed import Observed
from reconciler.core.planner import plan_environment
from reconciler.errors import ReconcilerError, ServerError

PATIENCE = 30.0
"""Seconds for one look; there are two of them."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """An environment to look at. `trouble` is why it has no credential, `server` what it shares with others there."""

    site: Site
    trouble: ReconcilerError | None
    server: Hashable


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """How to look: this machine's clock, randomness for an id that nobody has, and whether to ask for refusals."""

    here: Callable[[], datetime]
    entropy: Random
    write_probes: bool = False
    patience: float = PATIENCE

    async def examine(self, patients: Sequence[Patient]) -> tuple[EnvironmentCheckup, ...]:
        """A checkup of each, in the order given."""
        seen = await asyncio.gather(*map(self._observe, patients))
        places = list(zip(patients, seen, strict=True))
        return tuple(checkup(replace(each, elsewhere=_elsewhere(patient, places))) for patient, each in places)

    async def _observe(self, patient: Patient) -> Observed:
        site, connection = patient.site, patient.site.empty.connection
        facts, (listing, here) = await asyncio.gather(self._try(site.store.facts()), self._listed(patient))
        seen = Observed(
            environment=connection.environment,
            endpoint=connection.endpoint,
            project=connection.project,
            credential=patient.trouble or site.credential,
            facts=facts,
            live=listing if isinstance(listing, ReconcilerError) else None,
            here=here,
        )
        if isinstance(facts, ReconcilerError):
            return seen
        desired = _caught(lambda: site.resolve(facts))
        seen = replace(seen, desired=desired)
        if not isinstance(listing, Listing):
            return seen
        live = live_of(site, facts, listing)
        plan = None if isinstance(desired, ReconcilerError) else _caught(lambda: plan_environment(desired, live, {}))
        seen = replace(seen, live=live, plan=plan)
        return await self._probed(site, seen, live) if self.write_probes else seen

    async def _listed(self, patient: Patient) -> tuple[Listing | ReconcilerError | None, datetime]:
        """The list, where there is a credential to ask with, and the time here when it came."""
        listing = None if patient.trouble else await self._try(patient.site.store.list())
        return listing, self.here()

    async def _probed(self, site: Site, seen: Observed, live: Live) -> Observed:
        absent = new_id(self.entropy.randbytes(10))
        writes, creates = await asyncio.gather(
            self._try(site.store.may_write(absent)),
            self._try(site.store.may_create(live.keys[0].id)) if live.keys else _unasked(),
        )
        return replace(seen, writes=writes, creates=creates)

    async def _try(self, asking: Awaitable[_T]) -> _T | ReconcilerError:
        try:
            async with asyncio.timeout(self.patience):
                return await asking
        except ReconcilerError as error:
            return error
        except TimeoutError:
            return ServerError(
                f"there was no answer within {self.patience:g} s",
                hint="see what keeps the server, or the network before it",
            )


async def _unasked() -> None:
    """What stands in for a question that cannot be put."""


def _caught(make: Callable[[], _T]) -> _T | ReconcilerError:
    try:
        return make()
    except ReconcilerError as error:
        return error


def _elsewhere(patient: Patient, places: Iterable[tuple[Patient, Observed]]) -> Mapping[str, str] | None:
    """Ids in other projects of the same server, in lower case, and whose they are; None where none was seen."""
    project = patient.site.empty.connection.project
    others = [
        (other.project, other.seen)
        for each, other in places
        if each.server == patient.server and other.project != project and other.seen
    ]
    return {key.id.lower(): whose for whose, live in others for key in live.keys} if others else None
