"""Logins of a run: one for each server, ended with the run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.core.desired import Connection
from reconciler.core.secret import Secret
from reconciler.edge.appwrite import Console
from reconciler.edge.credentials import Credential
from reconciler.errors import ReconcilerError
from reconciler.ports import Clock

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who logs in to the console, instead of the credentials that a manifest names.

    `password` is called once for each server, with its endpoint, and `tell` where a session could not be ended.
    """

    email: str
    password: Callable[[str], Secret] = field(repr=False)
    tell: Callable[[str], None] = field(repr=False)


@dataclass(kw_only=True, eq=False)
class Logins:
    """The sessions of a run by endpoint; each is ended with `stack`, however that ends. A server that refused once is
    not asked again.
    """

    stack: AsyncExitStack
    login: Login
    clock: Clock
    _sessions: dict[str, Credential | ReconcilerError] = field(default_factory=dict, init=False, repr=False)

    async def session(self, found: Connection, http: httpx.AsyncClient, limiter: asyncio.Semaphore) -> Credential:
        """The session at the server of an environment; `http` is open for longer than this. Raises CredentialError and
        ServerError.
        """
        if found.endpoint not in self._sessions:
            console = Console(
                http=http, label=found.environment, email=self.login.email, clock=self.clock, limiter=limiter
            )
            self._sessions[found.endpoint] = await self._logged_in(console, self.login.password(found.endpoint))
        made = self._sessions[found.endpoint]
        if isinstance(made, ReconcilerError):
            raise made
        return made

    async def _logged_in(self, console: Console, password: Secret) -> Credential | ReconcilerError:
        try:
            made = await console.log_in(password)
        except ReconcilerError as error:
            return error
        self.stack.push_async_callback(self._end, console, made)
        return made

    async def _end(self, console: Console, session: Credential) -> None:
        """Log out, also where the run is cancelled meanwhile."""
        ending = asyncio.create_task(self._log_out(console, session))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending
            raise

    async def _log_out(self, console: Console, session: Credential) -> None:
        if left := await console.log_out(session):
            self.login.tell(left)
