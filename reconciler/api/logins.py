"""Logins of a run: one for each server, ended with the run.

- One cancellation never leaves a session: a login under way is waited for and logged out, a logout under way is
  finished.
- Where a second one comes between, or the answer to a login is lost, a session may live on. `Login.left` says so, to
  whoever ends the run.
"""

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
from reconciler.errors import CredentialError, ReconcilerError, Rejected, Unreachable, Untrusted
from reconciler.ports import Clock

if TYPE_CHECKING:
    import httpx

_NOTHING_MADE = (CredentialError, Rejected, Unreachable, Untrusted)
"""Errors of a login after which the server has no session of it."""


@dataclass(slots=True, kw_only=True, eq=False)
class Login:
    """Who logs in to the console, instead of the credentials that a manifest names.

    `password` is called once for each server, with its endpoint, and `tell` where a session could not be ended.
    """

    email: str
    password: Callable[[str], Secret] = field(repr=False)
    tell: Callable[[str], None] = field(repr=False)
    _open: dict[str, None] = field(default_factory=dict, init=False, repr=False)

    def begin(self, endpoint: str) -> None:
        """From now on a session may live at a server."""
        self._open[endpoint] = None

    def end(self, endpoint: str) -> None:
        """None does, or whoever must know has been told."""
        self._open.pop(endpoint, None)

    def left(self) -> tuple[str, ...]:
        """What is left to do by hand, a sentence for each server; it is told once."""
        endpoints = tuple(self._open)
        self._open.clear()
        return tuple(
            f"a console session of {self.email} at {endpoint} may live on, for up to a year: end it in the Console, "
            "under the account's sessions"
            for endpoint in endpoints
        )


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
            password = self.login.password(found.endpoint)
            self._sessions[found.endpoint] = await self._logged_in(found.endpoint, console, password)
        made = self._sessions[found.endpoint]
        if isinstance(made, ReconcilerError):
            raise made
        return made

    async def _logged_in(self, endpoint: str, console: Console, password: Secret) -> Credential | ReconcilerError:
        self.login.begin(endpoint)
        logging_in = asyncio.create_task(self._made(endpoint, console, password))
        try:
            made = await asyncio.shield(logging_in)
        except asyncio.CancelledError:
            made = await logging_in
            if isinstance(made, Credential):
                await self._end(endpoint, console, made)
            raise
        if isinstance(made, Credential):
            self.stack.push_async_callback(self._end, endpoint, console, made)
        return made

    async def _made(self, endpoint: str, console: Console, password: Secret) -> Credential | ReconcilerError:
        try:
            return await console.log_in(password)
        except ReconcilerError as error:
            if isinstance(error, _NOTHING_MADE):
                self.login.end(endpoint)
            return error

    async def _end(self, endpoint: str, console: Console, session: Credential) -> None:
        """Log out, also where the run is cancelled meanwhile."""
        ending = asyncio.create_task(self._log_out(endpoint, console, session))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending
            raise

    async def _log_out(self, endpoint: str, console: Console, session: Credential) -> None:
        left = await console.log_out(session)
        self.login.end(endpoint)
        if left:
            self.login.tell(left)
