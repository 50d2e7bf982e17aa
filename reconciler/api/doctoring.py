"""A checkup of environments: what `connect` would raise is a check that failed, beside the others."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reconciler.api.logins import Login
from reconciler.api.wiring import Wiring, wired
from reconciler.app.doctor import Doctor, Patient
from reconciler.core.addresses import EMULATOR
from reconciler.core.checkup import Checkup, EnvironmentCheckup, failed
from reconciler.core.command_environment import credential_variables, without_credentials
from reconciler.core.connecting import connection
from reconciler.core.desired import Connection
from reconciler.core.manifest import Manifest
from reconciler.core.manifests import chosen
from reconciler.core.parallelism import PARALLELISM
from reconciler.core.variables import Variables
from reconciler.edge.clock import SystemClock, here
from reconciler.edge.escrow import AgeEscrow, kept
from reconciler.edge.sinks import InstalledSinks
from reconciler.errors import ManifestError, ReconcilerError
from reconciler.ports import Mask, unmasked


async def examine(  # noqa: PLR0913 - what a run is made of
    manifests: Iterable[Manifest],
    environments: Iterable[str] = (),
    *,
    variables: Mapping[str, str],
    write_probes: bool = False,
    no_exec: bool = False,
    login: Login | None = None,
    mask: Mask = unmasked,
) -> Checkup:
    """Look at the named environments, or all. Raises UsageError for a name that no manifest has, and nothing else that
    is wrong with one.

    With `write_probes` each server is also asked to delete a key that does not exist, and to create one whose id is
    taken: it refuses both, and how it does says what the credential may do. With `no_exec` no command may deliver.
    `mask` is told of each secret as it comes into being.
    """
    variables = Variables(variables)
    manifests = tuple(manifests)
    choices = chosen(manifests, environments)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(PARALLELISM))  # sinks block
    entropy = random.SystemRandom()
    made = wired(
        variables,
        parallelism=PARALLELISM,
        clock=SystemClock(),
        entropy=entropy,
        stop=asyncio.Event(),
        login=login,
        mask=mask,
    )
    async with made as wiring:
        admitted = [await _admitted(wiring, *choice) for choice in choices]
        patients = [each for each in admitted if isinstance(each, Patient)]
        in_use = [each.site.secret for each in patients if each.site.secret is not None]
        commands = without_credentials(variables, credential_variables(manifests), in_use)
        with InstalledSinks(variables, mask, command_variables=commands) as sinks:
            doctor = Doctor(here=here, entropy=entropy, sinks=sinks, write_probes=write_probes, no_exec=no_exec)
            seen = iter(await doctor.examine(patients))
        return Checkup(environments=tuple(next(seen) if isinstance(each, Patient) else each for each in admitted))


async def _admitted(wiring: Wiring, manifest: Manifest, environment: str) -> Patient | EnvironmentCheckup:
    """An environment that can be looked at, or why it cannot."""
    try:
        found = connection(manifest, environment, wiring.variables)
    except ManifestError as error:
        return _unconnected(environment, "", "", error)
    folder = Path(manifest.path).parent
    credential, trouble = None, None
    try:
        credential = await wiring.credential(manifest, found)
    except ReconcilerError as error:
        trouble = error
    try:
        site = wiring.site(manifest, found, credential)
    except ReconcilerError as error:
        return _unconnected(environment, found.endpoint, found.project, error)
    recipient = site.empty.escrow
    return Patient(
        site=site,
        trouble=trouble,
        server=_server(found, folder),
        escrow=AgeEscrow(folder=folder, environment=environment, recipient=recipient) if recipient else None,
        escrowed=kept(folder, environment),
    )


def _server(found: Connection, folder: Path) -> object:
    return (found.endpoint, folder.resolve() if found.endpoint == EMULATOR else None)


def _unconnected(environment: str, endpoint: str, project: str, error: ReconcilerError) -> EnvironmentCheckup:
    if isinstance(error, ManifestError):
        checks = tuple(
            failed("manifest", f"{problem.position}: {problem.message}", problem.hint) for problem in error.problems
        )
    else:
        checks = (failed("reachable", error.message, error.hint),)
    return EnvironmentCheckup(environment=environment, endpoint=endpoint, project=project, checks=checks)
