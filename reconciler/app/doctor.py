"""Looks at every environment side by side, as far as each lets itself be looked at, and has what was seen judged.

Nothing here raises for what is wrong with an environment, and nothing waits longer than two minutes for one. Nothing is
written: the two calls that ask for a refusal are made only where that is wanted. Sinks are looked at whether or not the
server answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import TypeVar

from reconciler.app.planning import Site, live_of
from reconciler.app.sink_looks import SinkLooks, held
from reconciler.core.checks import checkup
from reconciler.core.checkup import EnvironmentCheckup
from reconciler.core.desired import Desired
from reconciler.core.escrowed import Escrowed
from reconciler.core.first_key import new_id
from reconciler.core.keys import Listing, Live, ServerFacts
from reconciler.core.observed import Observed
from reconciler.core.plan import EnvironmentPlan
from reconciler.core.planner import plan_environment
from reconciler.core.sink_checks import SinkSeen
from reconciler.errors import ReconcilerError, ServerError
from reconciler.ports import Escrow, Sinks

PATIENCE = 30.0
"""Seconds for one look; there are four of them."""

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """An environment to look at. `trouble` is why it has no credential, `server` what it shares with others there;
    `escrow` is where secrets go that do not arrive, and `escrowed` what is there.
    """

    site: Site
    trouble: ReconcilerError | None
    server: Hashable
    escrow: Escrow | None = None
    escrowed: Escrowed = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doctor:
    """How to look: this machine's clock, randomness for an id that nobody has, whether to ask for refusals, and whether
    commands may deliver.
    """

    here: Callable[[], datetime]
    entropy: Random
    sinks: Sinks
    write_probes: bool = False
    no_exec: bool = False
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
            escrow=await self._try(asyncio.to_thread(patient.escrow.preflight)) if patient.escrow else None,
            escrowed=patient.escrowed,
        )
        known = ServerFacts() if isinstance(facts, ReconcilerError) else facts
        listed = listing if isinstance(listing, Listing) else None
        live = live_of(site, known, listed) if listed else Live(keys=(), now=self.here(), facts=known)
        desired = _caught(lambda: site.resolve(known))
        sinks, trouble = await self._sinks_of(desired, live)
        seen = replace(seen, sinks=sinks)
        if isinstance(facts, ReconcilerError):
            return seen
        seen = replace(seen, desired=desired)
        if listed is None:
            return seen
        plan: EnvironmentPlan | ReconcilerError | None = trouble
        if plan is None and not isinstance(desired, ReconcilerError):
            plan = _caught(lambda: plan_environment(desired, live, held(sinks)))
        seen = replace(seen, live=live, plan=plan)
        return await self._probed(site, seen, live) if self.write_probes else seen

    async def _sinks_of(
        self, desired: Desired | ReconcilerError, live: Live
    ) -> tuple[tuple[SinkSeen, ...], ReconcilerError | None]:
        """The sinks as they were found, and why no plan may ask about them."""
        if isinstance(desired, ReconcilerError):
            return (), None
        return await SinkLooks(sinks=self.sinks, patience=self.patience, no_exec=self.no_exec).at(desired, live)

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
