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
from collections.abc import AsyncIterator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from reconciler.api.doctoring import examine
from reconciler.api.logins import Login
from reconciler.api.plan_files import check_plan_file, read_plan, reread_manifests, save, write_plan
from reconciler.api.reading import Validation, read_manifest, read_manifests, validate
from reconciler.api.wiring import wired
from reconciler.app import ephemeral, planning, revealing
from reconciler.app.apply import EnvironmentApply, Progress
from reconciler.app.beside import Beside, Waiting
from reconciler.app.bootstrap import Bootstrap
from reconciler.app.delivery import Delivery
from reconciler.app.planning import Planned, PlannedEnvironment, Site
from reconciler.app.preflight import preflight, preflight_escrows
from reconciler.app.resuming import resume, with_done
from reconciler.app.revealing import Revealed
from reconciler.core.checkup import Checkup
from reconciler.core.command_environment import command_environment, credential_variables, without_credentials
from reconciler.core.desired import Forced
from reconciler.core.ephemeral import Asked, EphemeralKey
from reconciler.core.escrowed import escrowed_warnings
from reconciler.core.first_key import FirstKey, Made
from reconciler.core.globs import EVERYTHING, Selection
from reconciler.core.guards import Allowances
from reconciler.core.manifest import Manifest
from reconciler.core.manifests import chosen
from reconciler.core.outcome import Outcome
from reconciler.core.own_files import FOLDER
from reconciler.core.parallelism import PARALLELISM
from reconciler.core.saved import SavedPlan
from reconciler.core.status import EnvironmentStatus, status
from reconciler.core.variables import Variables
from reconciler.edge.clock import SystemClock
from reconciler.edge.escrow import AgeEscrow, kept
from reconciler.edge.journal import RunJournal
from reconciler.edge.key_file import KeyFile
from reconciler.edge.resources import schema, shipped_catalogue
from reconciler.edge.sinks import InstalledSinks
from reconciler.edge.sinks.surroundings import Tell, tell_nobody
from reconciler.errors import GuardError, UsageError, raise_together
from reconciler.ports import Clock, Mask, SecretSink, Sinks, unmasked

__all__ = [
    "Allowances",
    "Asked",
    "Checkup",
    "EnvironmentStatus",
    "EphemeralKey",
    "FirstKey",
    "Forced",
    "KeyFile",
    "Login",
    "Made",
    "Manifest",
    "Outcome",
    "Planned",
    "Reconciler",
    "Revealed",
    "SavedPlan",
    "Selection",
    "Validation",
    "check_plan_file",
    "command_environment",
    "connect",
    "credential_variables",
    "examine",
    "read_manifest",
    "read_manifests",
    "read_plan",
    "refuse",
    "reread_manifests",
    "save",
    "schema",
    "shipped_catalogue",
    "validate",
    "write_plan",
]


@dataclass(slots=True, kw_only=True)
class Reconciler:
    """The environments of one manifest, connected: made by `connect`, good for as long as it is open.

    Setting `stop` ends an apply soon: what is in flight is finished, nothing new is begun, and no call is repeated.
    """

    sites: tuple[Site, ...]
    parallelism: int
    clock: Clock
    entropy: random.Random
    sinks: Sinks = field(default_factory=InstalledSinks)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    no_exec: bool = False

    async def plan(self, allow: Allowances | None = None, selection: Selection = EVERYTHING) -> Planned:
        """Look at every environment and plan what the selection admits; writes nothing."""
        return self._judged(await planning.plan(self.sites, self.sinks, allow or Allowances(), selection))

    async def resume(self, saved: SavedPlan) -> Planned:
        """What is left to do of a saved plan; writes nothing. Raises GuardError where it is stale."""
        return self._judged(await resume(self.sites, self.sinks, saved))

    def _judged(self, planned: Planned) -> Planned:
        planned = replace(planned, environments=tuple(map(_with_escrowed, planned.environments)))
        return planning.without_exec(planned) if self.no_exec else planned

    async def plan_to_rotate(
        self, forced: Forced, allow: Allowances | None = None, selection: Selection = EVERYTHING
    ) -> Planned:
        """Plan the next generation now of what the selection admits, and nothing else; writes nothing."""
        allow = allow or Allowances()
        return self._judged(await planning.plan_to_rotate(self.sites, self.sinks, allow, selection, forced))

    async def plan_to_destroy(self) -> Planned:
        """Plan the deletion of every owned key."""
        return await planning.plan_to_destroy(self.sites)

    async def lend(self, asked: Asked) -> EphemeralKey:
        """An ephemeral key of the one environment that is connected: nothing takes it back before it expires."""
        return await ephemeral.lend(self._only, asked, shipped_catalogue())

    async def reveal(self, address: str) -> Revealed:
        """The secret of the one live key at an address."""
        return await revealing.reveal(self.sites, self.sinks, address)

    async def status(self, selection: Selection = EVERYTHING) -> tuple[EnvironmentStatus, ...]:
        """How the keys of every environment stand that the selection admits; writes nothing."""
        planned = await planning.plan(self.sites, self.sinks, Allowances(), replace(selection, looks=True))
        chosen = (each for each in planned.environments if each.is_selected)
        return tuple(status(each.desired, each.live, each.plan, each.held) for each in chosen)

    async def bootstrap(self, wanted: FirstKey, sink: SecretSink) -> Made:
        """The first key that manages keys, in the one environment that is connected; its secret goes to the sink."""
        project = self._only.empty.connection.project
        making = Bootstrap(store=self._only.store, project=project, clock=self.clock, entropy=self.entropy)
        return await making.run(wanted, sink)

    async def apply(
        self, planned: Planned, *, progress: Progress = lambda _: None, waiting: Waiting = lambda _: None
    ) -> Outcome:
        """Do what was planned, and end like a run beside this one that does the same; `waiting` is told of each look
        at what such a run has in hand.

        Raises GuardError where a guard refuses and SinkError where a sink could not be written, both before anything
        is changed. What fails later is told by the outcome.
        """
        refuse(planned)
        escrows = [_escrow(each) for each in planned.environments]
        raise_together(
            (
                *await preflight(planned.plan, self.sinks),
                *await preflight_escrows(zip(planned.plan.environments, escrows, strict=True)),
            )
        )
        with ExitStack() as stack:
            folders = dict.fromkeys(site.folder for site in self.sites)
            journals = {folder: stack.enter_context(RunJournal(Path(folder) / FOLDER)) for folder in folders}
            runs = [
                Beside(
                    begin=partial(self._begin, journal=journals[each.site.folder], escrow=escrow, progress=progress),
                    sinks=self.sinks,
                    journal=journals[each.site.folder],
                    clock=self.clock,
                    stop=self.stop,
                    progress=progress,
                    waiting=waiting,
                ).run(each)
                for each, escrow in zip(planned.environments, escrows, strict=True)
            ]
            outcome = Outcome(environments=tuple(await asyncio.gather(*runs)))
            for journal in journals.values():
                journal.close(success=outcome.complete)
        outcome = with_done(outcome, planned)
        return replace(outcome, warnings=tuple(warning for each in journals.values() for warning in each.warnings))

    def _begin(
        self, planned: PlannedEnvironment, *, journal: RunJournal, escrow: AgeEscrow | None, progress: Progress
    ) -> EnvironmentApply:
        return EnvironmentApply(
            desired=planned.desired,
            plan=planned.plan,
            live=planned.live,
            delivery=Delivery(
                store=planned.site.store,
                sinks=self.sinks,
                journal=journal,
                clock=self.clock,
                entropy=self.entropy,
                now=planned.live.now,
                is_foreign=planned.desired.is_foreign,
            ),
            parallelism=self.parallelism,
            stop=self.stop,
            progress=progress,
            escrow=escrow,
            leaked=planned.leaked,
        )

    @property
    def _only(self) -> Site:
        if len(self.sites) != 1:
            raise UsageError(
                f"this is for one environment, and {len(self.sites)} are connected", hint="name one environment"
            )
        return self.sites[0]


def _with_escrowed(planned: PlannedEnvironment) -> PlannedEnvironment:
    """The same, with a warning for each secret that is in escrow."""
    found = kept(Path(planned.site.folder), planned.desired.realm.environment)
    told = escrowed_warnings(found, planned.live, planned.plan) if found else ()
    return replace(planned, plan=replace(planned.plan, warnings=(*planned.plan.warnings, *told)))


def _escrow(planned: PlannedEnvironment) -> AgeEscrow | None:
    recipient = planned.desired.escrow
    if not recipient:
        return None
    environment = planned.desired.realm.environment
    return AgeEscrow(folder=Path(planned.site.folder), environment=environment, recipient=recipient)


def refuse(planned: Planned) -> None:
    """Raise GuardError where a guard refuses the plan."""
    guards = dict.fromkeys(refusal.guard for refusal in planned.refusals)
    if guards:
        raise GuardError(
            f"the plan is refused ({', '.join(guards)}); nothing was changed",
            hint="the plan says at its end what is needed",
        )


@asynccontextmanager
async def connect(  # noqa: PLR0913 - what a run is made of
    manifests: Manifest | Iterable[Manifest],
    environments: Iterable[str] = (),
    *,
    variables: Mapping[str, str],
    parallelism: int = PARALLELISM,
    clock: Clock | None = None,
    entropy: random.Random | None = None,
    login: Login | None = None,
    no_exec: bool = False,
    tell: Tell = tell_nobody,
    mask: Mask = unmasked,
) -> AsyncIterator[Reconciler]:
    """Connect the named environments, each once, or all: reads variables and credentials, calls no server yet.

    With a login each server is logged in to, whatever credential the manifests name, and logged out of at the end.
    With `no_exec` every plan is refused in which a key is delivered by a command. `tell` gets each line that such
    a command says, without the secret, from any thread.
    `mask` is told of each secret as it comes into being.

    An environment that several manifests have is connected for each of them.
    """
    variables = Variables(variables)
    clock, entropy = clock or SystemClock(), entropy or random.SystemRandom()
    stop = asyncio.Event()
    # Sinks block: each call in flight may wait for one.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(max(parallelism, PARALLELISM)))
    made = wired(variables, parallelism=parallelism, clock=clock, entropy=entropy, stop=stop, login=login, mask=mask)
    async with made as wiring:
        several = (manifests,) if isinstance(manifests, Manifest) else tuple(manifests)
        sites = await wiring.sites(chosen(several, environments))
        in_use = [site.secret for site in sites if site.secret is not None]
        commands = without_credentials(variables, credential_variables(several), in_use)
        with InstalledSinks(variables, mask, command_variables=commands, tell=tell) as sinks:
            yield Reconciler(
                sites=sites,
                parallelism=parallelism,
                clock=clock,
                entropy=entropy,
                sinks=sinks,
                stop=stop,
                no_exec=no_exec,
            )
