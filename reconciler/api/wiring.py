"""From the connections of manifests to the sites that planning and apply work on.

One HTTP client and one limit of calls in flight for each server; one built-in emulator for each folder of manifests.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from reconciler.api.logins import Login, Logins
from reconciler.app.planning import Site
from reconciler.core.addresses import EMULATOR
from reconciler.core.connecting import connection
from reconciler.core.desired import Connection, Desired
from reconciler.core.keys import ServerFacts
from reconciler.core.manifest import Manifest
from reconciler.core.manifests import Chosen
from reconciler.core.own_files import FOLDER
from reconciler.core.resolve import desires_nothing, resolve
from reconciler.core.scopes import Catalogue
from reconciler.core.secret import Secret
from reconciler.core.variables import Variables
from reconciler.edge import credentials, own_folder
from reconciler.edge.appwrite import AppwriteKeys, Server, open_http
from reconciler.edge.credentials import Credential
from reconciler.edge.resources import shipped_catalogue
from reconciler.errors import ReconcilerError, UsageError, raise_together
from reconciler.ports import Clock, Mask, unmasked

if TYPE_CHECKING:
    import httpx

    from reconciler.emulator import Emulator, Profile

    Shared = tuple[httpx.AsyncClient, asyncio.Semaphore, Server]

_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass(kw_only=True)
class Servers:
    """What sites share: for each server one HTTP client, one limit of calls in flight and what is found out about it;
    closed with `stack`.
    """

    stack: AsyncExitStack
    parallelism: int
    _open: dict[str, Shared] = field(default_factory=dict)
    _emulators: dict[Path, Emulator] = field(default_factory=dict)

    def at(self, endpoint: str, folder: Path) -> Shared:
        """The server at an endpoint, which may be the built-in emulator of a folder."""
        emulated = endpoint == EMULATOR
        place = str(folder.resolve()) if emulated else endpoint
        if place not in self._open:
            app = self.emulator(folder).app if emulated else None
            http = open_http(endpoint, app=app, parallelism=self.parallelism)
            self.stack.push_async_callback(http.aclose)
            self._open[place] = (http, asyncio.Semaphore(self.parallelism), Server())
        return self._open[place]

    def emulator(self, folder: Path) -> Emulator:
        """The built-in emulator of the manifests in a folder."""
        place = folder.resolve()
        if place not in self._emulators:
            emulator = open_emulator(folder / FOLDER / "emulator.sqlite3")
            self.stack.callback(emulator.close)
            self._emulators[place] = emulator
        return self._emulators[place]


@dataclass(frozen=True, kw_only=True)
class Wiring:
    """Makes the sites of manifests; `stop` ends their calls soon."""

    servers: Servers
    catalogue: Catalogue
    variables: Mapping[str, str]
    clock: Clock
    entropy: random.Random
    stop: asyncio.Event
    logins: Logins | None = None
    mask: Mask = unmasked

    async def sites(self, choices: Iterable[Chosen]) -> tuple[Site, ...]:
        """Every environment's site; raises what is wrong with all of them at once."""
        connections = each(lambda chosen: (chosen[0], connection(*chosen, self.variables)), choices)
        loaded: list[tuple[Manifest, Connection, Credential | None]] = []
        failed: list[ReconcilerError] = []
        for manifest, found in connections:  # one after the other: commands and logins may speak to a person
            try:
                loaded.append((manifest, found, await self.credential(manifest, found)))
            except ReconcilerError as error:
                failed.append(error)
        raise_together(failed)
        return each(lambda each_: self.site(*each_), loaded)

    async def credential(self, manifest: Manifest, found: Connection) -> Credential | None:
        """The credential of an environment; None for the built-in emulator."""
        folder = Path(manifest.path).parent
        if self.logins is not None and self._logs_in(found):
            http, limiter, _ = self.servers.at(found.endpoint, folder)
            session = await self.logins.session(found, http, limiter)
            self.mask((session.secret,))
            return session
        if found.credential is not None and found.credential.source == "command":
            return await asyncio.to_thread(credentials.load, found, self.variables, folder, self.mask)
        return credentials.load(found, self.variables, folder, self.mask)

    def _logs_in(self, found: Connection) -> bool:
        return self.logins is not None and found.endpoint != EMULATOR

    def site(self, manifest: Manifest, found: Connection, credential: Credential | None) -> Site:
        """The site of an environment; without a credential only what is public can be asked there."""
        folder = Path(manifest.path).parent
        # What the manifest says of its credential holds for no session that stands in for it.
        described = found.credential if credential and not self._logs_in(found) else None
        if found.endpoint == EMULATOR:
            emulator = self.servers.emulator(folder)
            emulator.ensure_project(found.project)
            if credential is None:
                credential = Credential(kind="session", secret=Secret(emulator.console_session()))
                self.mask((credential.secret,))
        in_use = credential.in_use(described) if credential else None
        http, limiter, server = self.servers.at(found.endpoint, folder)
        store = AppwriteKeys(
            http,
            project=found.project,
            organization=found.organization,
            credential=credential,
            limiter=limiter,
            clock=self.clock,
            random=self.entropy,
            label=found.environment,
            stop=self.stop,
            server=server,
            mask=self.mask,
        )

        def desired(facts: ServerFacts) -> Desired:
            return resolve(manifest, found, catalogue=self.catalogue, server_scopes=facts.scopes)

        return Site(
            store=store,
            own_secret=credential.secret if in_use and in_use.is_of_project and credential else None,
            empty=desires_nothing(manifest, found),
            resolve=desired,
            folder=folder,
            credential=in_use,
            secret=credential.secret if credential else None,
            place=(id(http), found.project, found.organization, credential and credential.secret, in_use),
        )


@asynccontextmanager
async def wired(  # noqa: PLR0913 - what a run is made of
    variables: Variables,
    *,
    parallelism: int,
    clock: Clock,
    entropy: random.Random,
    stop: asyncio.Event,
    login: Login | None,
    mask: Mask,
) -> AsyncIterator[Wiring]:
    """A wiring whose connections are closed, and whose logins are ended, with the context."""
    async with AsyncExitStack() as stack:
        yield Wiring(
            servers=Servers(stack=stack, parallelism=parallelism),
            catalogue=shipped_catalogue(),
            variables=variables,
            clock=clock,
            entropy=entropy,
            stop=stop,
            logins=Logins(stack=stack, login=login, clock=clock) if login else None,
            mask=mask,
        )


def open_emulator(
    database: Path, profile: Profile = "main", *, hint: str = "see who owns it, or delete it, with the keys in it"
) -> Emulator:
    """The emulator over a database, made where it is missing; raises UsageError, with that hint, where it cannot be
    used.
    """
    from sqlite3 import SQLITE_BUSY, SQLITE_LOCKED, DatabaseError

    from reconciler.emulator import Emulator

    try:
        if database.parent.name == FOLDER:
            own_folder.make(database.parent)
        return Emulator(database, profile=profile)
    except (OSError, DatabaseError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        busy = getattr(error, "sqlite_errorcode", None) in {SQLITE_BUSY, SQLITE_LOCKED}
        raise UsageError(
            f"the emulator's database {database} cannot be used: {reason}",
            hint="let the process that uses it end" if busy else hint,
        ) from error


def each(do: Callable[[_T], _U], items: Iterable[_T]) -> tuple[_U, ...]:
    """`do` for every item; where some fail, all failures in one error, the problems of a manifest in one list."""
    done: list[_U] = []
    failed: list[ReconcilerError] = []
    for item in items:
        try:
            done.append(do(item))
        except ReconcilerError as error:
            failed.append(error)
    raise_together(failed)
    return tuple(done)
