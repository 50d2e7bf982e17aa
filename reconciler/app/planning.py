"""Planning: look at every environment side by side, and make one plan of what is seen. Writes nothing
anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TypeVar

from reconciler.app.proving import secrets_of_leaked
from reconciler.core.credential import CredentialInUse
from reconciler.core.desired import Desired, Forced
from reconciler.core.globs import EVERYTHING, Selection
from reconciler.core.guards import Allowances, Refusal, check, check_destroy, check_exec, check_limit
from reconciler.core.holding import Held
from reconciler.core.keys import Listing, Live, ServerFacts, own_ids
from reconciler.core.matching import addresses, rotatable
from reconciler.core.plan import Change, EnvironmentPlan, Plan
from reconciler.core.planner import plan_destroy, plan_environment, sinks_to_look_at
from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.core.sharing import shared
from reconciler.core.suggest import did_you_mean
from reconciler.errors import ManifestError, ReconcilerError, UsageError, raise_together
from reconciler.ports import KeyStore, Sinks

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One environment as planning and apply reach it.

    `secret` is the credential, `own_secret` the same where it is a key of the project itself, `credential` what may be
    told of it; `resolve` turns what the server says of itself into what the manifest wants. Sites with equal `place`
    see the same keys with the same credential. `folder` is the manifest's.
    """

    store: KeyStore
    own_secret: Secret | None
    empty: Desired
    resolve: Callable[[ServerFacts], Desired]
    folder: PurePath
    credential: CredentialInUse | None = None
    secret: Secret | None = field(default=None, repr=False)
    place: Hashable = field(default_factory=object)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEnvironment:
    """An environment's plan and what it was made from, which holds secrets and stays in memory.

    `held` is what the sinks were seen to hold, `allow` what the guards let through; `done` are changes of a saved plan
    that need no doing any more, `leaked` the secrets of keys that have leaked, by id.
    Its repr is short: on Python 3.11 `asyncio.run` makes one of whatever it is about to return.
    """

    site: Site = field(repr=False)
    desired: Desired = field(repr=False)
    live: Live = field(repr=False)
    plan: EnvironmentPlan = field(repr=False)
    refusals: tuple[Refusal, ...]
    held: Held = field(default_factory=dict, repr=False)
    allow: Allowances = field(default_factory=Allowances)
    done: tuple[Change, ...] = field(default=(), repr=False)
    leaked: Mapping[str, Secret] = field(default_factory=dict, repr=False)

    @property
    def is_selected(self) -> bool:
        """Whether the selection admits anything here."""
        selection = self.desired.selection
        return selection == EVERYTHING or any(map(selection.admits, addresses(self.desired, self.live)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Every environment that was asked for, planned, in the order it was asked for."""

    environments: tuple[PlannedEnvironment, ...]

    @property
    def plan(self) -> Plan:
        """The plan alone: the part without a secret, fit to be shown."""
        return Plan(environments=tuple(each.plan for each in self.environments))

    @property
    def left_out(self) -> tuple[EnvironmentPlan, ...]:
        """Plans of environments in which the selection admits nothing: nobody needs to be told that they are empty."""
        return tuple(each.plan for each in self.environments if not each.is_selected)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What the guards refuse, in all environments."""
        own = (refusal for each in self.environments for refusal in each.refusals)
        return (*own, *check_limit(self.plan.environments))

    @property
    def is_refused(self) -> bool:
        """Whether a guard refuses the plan whatever credential applies it."""
        return not all(refusal.of_credential for refusal in self.refusals)


async def plan(sites: Sequence[Site], sinks: Sinks, allow: Allowances, selection: Selection = EVERYTHING) -> Planned:
    """Plan every site; where several fail, all failures are told at once.

    Raises UsageError for a glob of the selection that matches no key.
    """
    planned = await plan_anew(sites, sinks, allow, selection)
    _check_selection(planned.environments, selection)
    return planned


async def plan_to_rotate(
    sites: Sequence[Site], sinks: Sinks, allow: Allowances, selection: Selection, forced: Forced
) -> Planned:
    """Plan the next generations that are asked for, at every site, and nothing else.

    Raises UsageError for a target that matches no key that could rotate, ManifestError where one that is asked for
    cannot.
    """
    planned = await plan_anew(sites, sinks, allow, selection, forced)
    _check_selection(planned.environments, selection)
    _check_rotatable(planned.environments, selection)
    return planned


async def plan_anew(
    sites: Sequence[Site], sinks: Sinks, allow: Allowances, selection: Selection, forced: Forced | None = None
) -> Planned:
    """Plan every site; what a glob of the selection was about may be gone since it was chosen."""
    look = _Looks()

    async def see(site: Site) -> tuple[Site, Live, Desired]:
        live = await look.at(site)
        desired = site.resolve(live.facts)
        if selection == EVERYTHING and forced is None:
            return site, live, desired
        return site, live, replace(desired, selection=selection, forced=forced)

    async def one(site: Site, live: Live, desired: Desired) -> PlannedEnvironment:
        held = await asyncio.to_thread(sinks.observe, tuple(sinks_to_look_at(desired, live)))
        made = plan_environment(desired, live, held)
        refusals = check(desired, made, allow)
        leaked = secrets_of_leaked(made, live, desired, held)
        return PlannedEnvironment(
            site=site, desired=desired, live=live, plan=made, refusals=refusals, held=held, allow=allow, leaked=leaked
        )

    seen = await _all(see(site) for site in sites)
    await asyncio.to_thread(check_places, [desired for _, _, desired in seen], sinks)
    return Planned(environments=await _all(one(*each) for each in seen))


def check_places(environments: Sequence[Desired], sinks: Sinks) -> None:
    """Raise ManifestError for what environments may not share, or two keys of one; blocks, for files are looked at."""
    if problems := tuple(shared(environments, sinks.place)):
        raise ManifestError(problems)


def _check_selection(environments: Sequence[PlannedEnvironment], selection: Selection) -> None:
    """Raise UsageError for a target or exclude that matches no key: it was meant to."""
    if selection == EVERYTHING:
        return
    known = {address for each in environments for address in addresses(each.desired, each.live)}
    for glob in selection.without_effect(known):
        hint = did_you_mean(glob, known) or "an address is ENVIRONMENT/NAME, as in `environments` and `keys`"
        raise UsageError(f"no key has an address that {quoted(glob)} matches", hint=hint)


def _check_rotatable(environments: Sequence[PlannedEnvironment], selection: Selection) -> None:
    """Raise UsageError for a target that matches only what cannot have a next generation."""
    ready = {address for each in environments for address in rotatable(each.desired, each.live)}
    declared = {key.address for each in environments for key in each.desired.keys}
    for glob in Selection(targets=selection.targets).without_effect(ready):
        if glob in Selection(targets=selection.targets).without_effect(declared):
            raise UsageError(
                f"{quoted(glob)} is not declared, and cannot rotate", hint="declare it, or let apply end it"
            )
        raise UsageError(f"{quoted(glob)} is not live, and cannot rotate", hint="reconciler apply makes it")


async def plan_to_destroy(sites: Sequence[Site]) -> Planned:
    """Plan the deletion of every owned key of every site."""
    look = _Looks()

    async def one(site: Site) -> PlannedEnvironment:
        live = await look.at(site)
        made = plan_destroy(site.empty, live)
        return PlannedEnvironment(site=site, desired=site.empty, live=live, plan=made, refusals=check_destroy(made))

    return Planned(environments=await _all(one(site) for site in sites))


def without_exec(planned: Planned) -> Planned:
    """The same, refused where a command delivers keys of an environment."""
    environments = (
        replace(each, refusals=(*each.refusals, *check_exec(each.desired))) for each in planned.environments
    )
    return replace(planned, environments=tuple(environments))


class _Looks:
    """Looks at each place once, however many sites are there."""

    def __init__(self) -> None:
        self._taken: dict[Hashable, asyncio.Task[Live]] = {}

    async def at(self, site: Site) -> Live:
        """What is live at a site."""
        if site.place not in self._taken:
            self._taken[site.place] = asyncio.create_task(look(site))
        return await self._taken[site.place]


async def look(site: Site) -> Live:
    """What is live at a site, asked for anew."""
    try:
        async with asyncio.TaskGroup() as calls:  # where one fails the other is cancelled: neither outlives the client
            facts, listing = calls.create_task(site.store.facts()), calls.create_task(site.store.list())
    except ExceptionGroup as group:
        error = group.exceptions[0]
        raise error from error.__cause__
    return live_of(site, facts.result(), listing.result())


def live_of(site: Site, facts: ServerFacts, listing: Listing) -> Live:
    """What a server said of itself and of a project's keys, as plans see it."""
    credential = site.credential
    return Live(
        keys=listing.keys,
        now=listing.now,
        facts=replace(facts, organization_routes=listing.by_organization),
        own=own_ids(listing.keys, site.own_secret, credential.id if credential else None),
        credential=credential,
    )


async def _all(calls: Iterable[Awaitable[_T]]) -> tuple[_T, ...]:
    """Every result, or every expected failure in one error; an unexpected one is raised as it is."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, ReconcilerError):
            raise result
    raise_together([result for result in results if isinstance(result, ReconcilerError)])
    return tuple(result for result in results if not isinstance(result, BaseException))
