"""Applying a saved plan: plan afresh what the saved one was made from, and keep of it what the saved one promised.

What the saved plan speaks of and can no longer be kept refuses all of it, before anything is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.app import planning
from reconciler.app.planning import Planned, PlannedEnvironment, Site
from reconciler.core.freshness import Standing, standing
from reconciler.core.guards import Allowances, check
from reconciler.core.outcome import EnvironmentOutcome, Outcome, Result, Status
from reconciler.core.plan import Change, EnvironmentPlan
from reconciler.core.quoting import quoted
from reconciler.core.saved import AGAIN, SavedPlan, refuse_another_server
from reconciler.core.staleness import Stale
from reconciler.errors import GuardError
from reconciler.ports import Sinks


async def resume(sites: Sequence[Site], sinks: Sinks, saved: SavedPlan) -> Planned:
    """What is left to do of a saved plan, judged by the guards once more; raises GuardError where it is stale, or where
    the sites are not those of the plan.
    """
    by_place = _matched(sites, saved)
    fresh = await planning.plan_anew(sites, sinks, saved.allow, saved.selection)
    environments = []
    stale: list[Stale] = []
    for environment in fresh.environments:
        planned = by_place[_place(environment.site)]
        stands = standing(planned, environment.plan, environment.desired, environment.live)
        stale += stands.stale
        environments.append(_kept(environment, stands, planned, saved.allow))
    if stale:
        lines = "".join(f"\n  {each}" for each in stale)
        count = f"{len(stale)} of its keys are" if len(stale) > 1 else "one of its keys is"
        raise GuardError(f"the plan is stale: {count} not as it says; nothing was changed{lines}", hint=AGAIN)
    return Planned(environments=tuple(environments))


def _matched(sites: Sequence[Site], saved: SavedPlan) -> dict[tuple[str, str], EnvironmentPlan]:
    by_place = {(each.owner, each.environment): each for each in saved.plan.environments}
    if other := sorted(by_place.keys() ^ {_place(site) for site in sites}):
        named = ", ".join(quoted(f"{environment} ({owner})") for owner, environment in other)
        raise GuardError(
            f"plan and manifests are not of the same environments: only one has {named}; nothing was changed",
            hint=AGAIN,
        )
    for site in sites:
        refuse_another_server(by_place[_place(site)], site.empty.connection)
    return by_place


def _place(site: Site) -> tuple[str, str]:
    return site.empty.realm.owner, site.empty.realm.environment


def _kept(
    environment: PlannedEnvironment, stands: Standing, saved: EnvironmentPlan, allow: Allowances
) -> PlannedEnvironment:
    """The share of deletions counts against the keys that there were when the plan was made: what a killed run made of
    it would else refuse the rest.
    """
    plan = environment.plan
    kept = replace(plan, changes=stands.pending, warnings=(*plan.warnings, *_beyond(stands.beyond)))
    refusals = check(environment.desired, replace(kept, owned_count=saved.owned_count), allow)
    return replace(environment, plan=kept, refusals=refusals, done=stands.done)


def _beyond(changes: Sequence[Change]) -> tuple[str, ...]:
    if not changes:
        return ()
    more = f" and {len(changes) - 1} more" if len(changes) > 1 else ""
    return (f"not in this plan, and not done: changes to {changes[0].address}{more}; plan again for them",)


def with_done(outcome: Outcome, planned: Planned) -> Outcome:
    """The report, in which what was done before this apply is told too."""
    pairs = zip(outcome.environments, planned.environments, strict=True)
    return replace(outcome, environments=tuple(_with_done(each, was.done) for each, was in pairs))


def _with_done(outcome: EnvironmentOutcome, done: tuple[Change, ...]) -> EnvironmentOutcome:
    if not done:
        return outcome
    earlier = (Result(change=change, status=Status.ALREADY_SO) for change in done)
    results = sorted((*outcome.results, *earlier), key=lambda each: (each.change.address, each.change.key_id))
    return replace(outcome, results=tuple(results))
