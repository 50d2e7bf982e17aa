"""The typed Python API. The command line uses nothing else.

    manifest = read_manifest(Path("keys.yaml"))
    async with connect(manifest, ["staging"], variables=os.environ) as reconciler:
        planned = await reconciler.plan()
        outcome = await reconciler.apply(planned)

Everything raises `reconciler.errors.ReconcilerError`; nothing prints. `planned.plan` and the outcome hold no secret.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.api.wiring import Wiring
from reconciler.app import planning
from reconciler.app.apply import EnvironmentApply, Progress, preflight
from reconciler.app.delivery import Delivery
from reconciler.app.planning import Planned, Site
from reconciler.core.connecting import connection, unset_variables
from reconciler.core.declared import DeclaredKey
from reconciler.core.delivery import shared_sinks
from reconciler.core.desired import At, Desired
from reconciler.core.guards import Allowances
from reconciler.core.manifest import Manifest, parse
from reconciler.core.outcome import Outcome
from reconciler.core.own_files import FOLDER
from reconciler.core.quoting import quoted
from reconciler.core.resolve import resolve
from reconciler.core.times import show_instant
from reconciler.core.variables import Variables
from reconciler.edge import documents
from reconciler.edge.clock import SystemClock, here
from reconciler.edge.journal import RunJournal
from reconciler.edge.resources import schema, shipped_catalogue
from reconciler.edge.sinks import InstalledSinks
from reconciler.errors import GuardError, ManifestError, raise_together
from reconciler.ports import Clock, Sinks

__all__ = [
    "Allowances",
    "Manifest",
    "Outcome",
    "Planned",
    "Reconciler",
    "Validation",
    "connect",
    "read_manifest",
    "refuse",
    "schema",
    "shipped_catalogue",
    "validate",
]

PARALLELISM = 10
"""Calls in flight to one server: a genuine one gains nothing beyond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What `validate` found: keys per environment, what is worth a warning, and which environments lack a variable."""

    keys: Mapping[str, int]
    unchecked: tuple[str, ...]
    warnings: tuple[str, ...]


def read_manifest(path: Path) -> Manifest:
    """A manifest from its file. Whether its scopes exist is left to whoever knows: a server, or `validate`."""
    return parse(documents.read(path), schema("manifest"))


def validate(path: Path, environments: Iterable[str], variables: Mapping[str, str]) -> Validation:
    """Judge a manifest without a server; raises ManifestError with every problem.

    Where no environment is named, all are judged, and a `${VAR}` that is not set is only a warning.
    """
    variables = Variables(variables)
    catalogue = shipped_catalogue()
    manifest = parse(documents.read(path), schema("manifest"), catalogue)
    named = tuple(dict.fromkeys(environments))
    warnings: list[str] = []
    unchecked: list[str] = []
    wanted: list[Desired] = []
    for name in named or manifest.environments:
        missing = () if named else unset_variables(manifest, name, variables)
        if missing:
            unchecked.append(name)
            warnings.append(f"{name}: endpoint and project are not checked: not set: {', '.join(missing)}")
            continue
        found = connection(manifest, name, variables)
        desired = resolve(manifest, found, catalogue=catalogue, server_scopes=None)
        wanted.append(desired)
        warnings += [f"{name}: {warning}" for warning in desired.warnings]
    if problems := tuple(shared_sinks(wanted)):
        raise ManifestError(problems)
    declared = {name: manifest.by_name[name].keys for name in named or manifest.environments}
    for name, keys in declared.items():
        warnings += _past(name, keys)
    counts = {name: len(keys) for name, keys in declared.items()}
    return Validation(keys=counts, unchecked=tuple(unchecked), warnings=tuple(warnings))


def _past(environment: str, keys: Iterable[DeclaredKey]) -> Iterator[str]:
    now = here()
    for key in keys:
        if isinstance(key.expiry, At) and key.expiry.instant <= now:
            when = show_instant(key.expiry.instant)
            yield f"{environment}: {key.position}: expire of {quoted(key.name)} is in the past: {when}"


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """The environments of one manifest, connected: made by `connect`, good for as long as it is open.

    Setting `stop` ends an apply soon: what is in flight is finished, nothing new is begun, and no call is repeated.
    """

    folder: Path
    sites: tuple[Site, ...]
    parallelism: int
    clock: Clock
    entropy: random.Random
    sinks: Sinks = field(default_factory=InstalledSinks)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def plan(self, allow: Allowances | None = None) -> Planned:
        """Look at every environment and plan it; writes nothing."""
        return await planning.plan(self.sites, self.sinks, allow or Allowances())

    async def plan_to_destroy(self) -> Planned:
        """Plan the deletion of every owned key."""
        return await planning.plan_to_destroy(self.sites)

    async def apply(self, planned: Planned, *, progress: Progress = lambda _: None) -> Outcome:
        """Do what was planned.

        Raises GuardError where a guard refuses and SinkError where a sink could not be written, both before anything
        is changed. What fails later is told by the outcome.
        """
        refuse(planned)
        raise_together(await asyncio.to_thread(preflight, planned.plan, self.sinks))
        with RunJournal(self.folder / FOLDER) as journal:
            runs = [
                EnvironmentApply(
                    plan=each.plan,
                    live=each.live,
                    delivery=Delivery(
                        store=each.site.store,
                        sinks=self.sinks,
                        journal=journal,
                        clock=self.clock,
                        entropy=self.entropy,
                        now=each.live.now,
                    ),
                    parallelism=self.parallelism,
                    stop=self.stop,
                    progress=progress,
                ).run()
                for each in planned.environments
            ]
            outcome = Outcome(environments=tuple(await asyncio.gather(*runs)))
            journal.close(success=outcome.complete)
        return replace(outcome, warnings=journal.warnings)


def refuse(planned: Planned) -> None:
    """Raise GuardError where a guard refuses the plan."""
    guards = dict.fromkeys(refusal.guard for refusal in planned.refusals)
    if guards:
        raise GuardError(
            f"the plan is refused ({', '.join(guards)}); nothing was changed",
            hint="the plan says under Refused what is needed",
        )


@asynccontextmanager
async def connect(
    manifest: Manifest,
    environments: Iterable[str] = (),
    *,
    variables: Mapping[str, str],
    parallelism: int = PARALLELISM,
    clock: Clock | None = None,
    entropy: random.Random | None = None,
) -> AsyncIterator[Reconciler]:
    """Connect the named environments, each once, or all: reads variables and credentials, calls no server yet."""
    variables = Variables(variables)
    clock, entropy = clock or SystemClock(), entropy or random.SystemRandom()
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        wiring = Wiring(
            stack=stack,
            manifest=manifest,
            catalogue=shipped_catalogue(),
            variables=variables,
            parallelism=parallelism,
            clock=clock,
            entropy=entropy,
            stop=stop,
        )
        sites = wiring.sites(tuple(dict.fromkeys(environments)) or manifest.environments)
        yield Reconciler(
            folder=wiring.folder, sites=sites, parallelism=parallelism, clock=clock, entropy=entropy, stop=stop
        )
