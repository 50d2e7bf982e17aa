"""From the connections of a manifest to the sites that planning and apply work on.

One HTTP client and one limit of calls in flight for each server; one built-in emulator for each manifest.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from reconciler.app.planning import Site
from reconciler.core.addresses import EMULATOR
from reconciler.core.connecting import connection
from reconciler.core.desired import Connection, Desired
from reconciler.core.globs import EVERYTHING, Selection
from reconciler.core.keys import ServerFacts
from reconciler.core.manifest import Manifest
from reconciler.core.own_files import FOLDER
from reconciler.core.resolve import desires_nothing, resolve
from reconciler.core.scopes import Catalogue
from reconciler.core.secret import Secret
from reconciler.edge import credentials, own_folder
from reconciler.edge.appwrite import AppwriteKeys, open_http
from reconciler.edge.credentials import Credential
from reconciler.errors import ReconcilerError, UsageError, raise_together
from reconciler.ports import Clock

if TYPE_CHECKING:
    import httpx

    from reconciler.emulator import Emulator, Profile


_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass(kw_only=True)
class Wiring:
    """Opens what sites share, once, and closes it with `stack`."""

    stack: AsyncExitStack
    manifest: Manifest
    catalogue: Catalogue
    variables: Mapping[str, str]
    parallelism: int
    clock: Clock
    entropy: random.Random
    stop: asyncio.Event
    selection: Selection = EVERYTHING
    _servers: dict[str, tuple[httpx.AsyncClient, asyncio.Semaphore]] = field(default_factory=dict)

    def sites(self, environments: Iterable[str]) -> tuple[Site, ...]:
        """Every environment's site; raises what is wrong with all of them at once."""
        connections = each(lambda name: connection(self.manifest, name, self.variables), environments)
        return each(self._site, connections)

    @cached_property
    def folder(self) -> Path:
        """Where relative paths of the manifest start."""
        return Path(self.manifest.path).parent

    def _site(self, found: Connection) -> Site:
        credential = credentials.load(found, self.variables, self.folder)
        if found.endpoint == EMULATOR:
            self._emulator.ensure_project(found.project)
            credential = credential or Credential(kind="session", secret=Secret(self._emulator.console_session()))
        http, limiter = self._server(found.endpoint)
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
        )

        def desired(facts: ServerFacts) -> Desired:
            return resolve(
                self.manifest,
                found,
                catalogue=self.catalogue,
                server_scopes=facts.scopes,
                selection=self.selection,
            )

        own = credential.secret if credential and credential.kind == "project_key" else None
        empty = desires_nothing(self.manifest, found, self.selection)
        return Site(store=store, own_secret=own, empty=empty, resolve=desired)

    def _server(self, endpoint: str) -> tuple[httpx.AsyncClient, asyncio.Semaphore]:
        if endpoint not in self._servers:
            app = self._emulator.app if endpoint == EMULATOR else None
            http = open_http(endpoint, app=app, parallelism=self.parallelism)
            self.stack.push_async_callback(http.aclose)
            self._servers[endpoint] = (http, asyncio.Semaphore(self.parallelism))
        return self._servers[endpoint]

    @cached_property
    def _emulator(self) -> Emulator:
        emulator = open_emulator(self.folder / FOLDER / "emulator.sqlite3")
        self.stack.callback(emulator.close)
        return emulator


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
