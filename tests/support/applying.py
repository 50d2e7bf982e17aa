"""One project on an emulator in process, planned and applied in one call; no time passes, and every call is noted."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.app import planning
from reconciler.app.apply import EnvironmentApply
from reconciler.app.delivery import Delivery
from reconciler.app.planning import PlannedEnvironment, Site
from reconciler.core.desired import Desired, SinkSpec
from reconciler.core.guards import Allowances
from reconciler.core.keys import LiveKey
from reconciler.core.outcome import EnvironmentOutcome, Result, Status
from reconciler.core.secret import Secret
from reconciler.edge.appwrite import AppwriteKeys, open_http
from reconciler.edge.credentials import Credential
from reconciler.edge.sinks import InstalledSinks
from reconciler.emulator import Emulator, Profile
from reconciler.emulator.faults import Faults
from reconciler.emulator.rules import Rule
from reconciler.emulator.wire import ASGIApp, Receive, Scope, Send
from reconciler.ports import Escrow, Journal, Sinks
from tests.support.builders import NOW, REALM
from tests.support.clocks import FakeClock


class NoJournal:
    """The `Journal` port of a machine that has forgotten everything."""

    def record(self, key_id: str, nonce: datetime) -> None:
        pass

    def abandoned(self, key_id: str, nonce: datetime) -> bool:  # noqa: ARG002 - the port's signature
        return False


@dataclass(slots=True)
class Wire:
    """The way to the application: notes each call as `METHOD id`, and counts how many are under way.

    `before` is called with each call; `version` replaces what the server says of itself.
    """

    app: ASGIApp
    calls: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None
    version: str | None = None
    under_way: int = 0
    most: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if path.endswith("/health/version") and self.version is not None:
            await _answer(send, {"version": self.version})
            return
        if "/project/keys" in path:
            call = f"{method} {path.rpartition('/keys')[2].strip('/')}".strip()
            self.calls.append(call)
            self.before(call)
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(0)
            await self.app(scope, receive, send)
        finally:
            self.under_way -= 1


async def _answer(send: Send, body: object) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


@dataclass(slots=True, kw_only=True)
class Shop:
    """The project of the builders' realm; its time stands still at `now` until a test moves it."""

    emulator: Emulator
    wire: Wire
    store: AppwriteKeys
    own_secret: Secret | None
    clock: FakeClock
    time: list[datetime]
    results: list[Result] = field(default_factory=list)

    def move(self, span: timedelta) -> None:
        """Let the server's time pass."""
        self.time[0] += span

    def fail(self, *rules: Rule) -> None:
        """From now on some calls go wrong."""
        self.wire.app = Faults(self.emulator.app, rules)

    def mend(self) -> None:
        """From now on no call goes wrong."""
        self.wire.app = self.emulator.app

    async def keys(self) -> dict[str, LiveKey]:
        """What is live, by id, without a note of it."""
        before = list(self.wire.calls)
        listing = await self.store.list()
        self.wire.calls[:] = before
        return {key.id: key for key in listing.keys}

    async def plan(self, wish: Desired, *, sinks: Sinks | None = None) -> PlannedEnvironment:
        """The plan, with everything allowed."""
        site = Site(
            store=self.store,
            own_secret=self.own_secret,
            empty=replace(wish, keys=()),
            resolve=lambda _: wish,
            folder=Path(),
        )
        allow = Allowances(deletes=1000, in_use=True)
        planned = await planning.plan([site], sinks or InstalledSinks(), allow)
        return planned.environments[0]

    async def apply(
        self,
        wish: Desired,
        *,
        parallelism: int = 1,
        sinks: Sinks | None = None,
        journal: Journal | None = None,
        stop: asyncio.Event | None = None,
        planned: PlannedEnvironment | None = None,
        escrow: Escrow | None = None,
    ) -> EnvironmentOutcome:
        """Plan and apply, or apply what was planned before; `wire.calls` are those of the apply."""
        planned = planned or await self.plan(wish, sinks=sinks)
        self.wire.calls.clear()
        delivery = Delivery(
            store=self.store,
            sinks=sinks or InstalledSinks(),
            journal=journal or NoJournal(),
            clock=self.clock,
            entropy=random.Random(len(self.results)),
            now=planned.live.now,
            is_foreign=planned.desired.is_foreign,
        )
        return await EnvironmentApply(
            desired=planned.desired,
            plan=planned.plan,
            live=planned.live,
            delivery=delivery,
            parallelism=parallelism,
            stop=stop or asyncio.Event(),
            progress=self.results.append,
            escrow=escrow,
        ).run()


@asynccontextmanager
async def a_shop(*, profile: Profile = "1.9.x", key_scopes: Sequence[str] | None = None) -> AsyncIterator[Shop]:
    """A shop, managed by its console session, or by a key of the project with these scopes."""
    time = [NOW]
    emulator = Emulator(profile=profile, clock=lambda: time[0])
    emulator.ensure_project(REALM.project)
    credential = Credential(kind="session", secret=Secret(emulator.console_session()))
    if key_scopes is not None:
        secret = emulator.add_key(REALM.project, "credential", key_scopes)
        credential = Credential(kind="project_key", secret=Secret(secret))
    wire, clock = Wire(emulator.app), FakeClock()
    async with open_http("emulator", app=wire, parallelism=50) as http:
        store = AppwriteKeys(
            http,
            project=REALM.project,
            organization=None,
            credential=credential,
            limiter=asyncio.Semaphore(50),
            clock=clock,
            random=random.Random(7),
            label=REALM.environment,
        )
        own = None if key_scopes is None else credential.secret
        yield Shop(emulator=emulator, wire=wire, store=store, own_secret=own, clock=clock, time=time)
    emulator.close()


def variable(folder: Path, name: str, file: str = "app.env") -> SinkSpec:
    """A variable of a dotenv file in a folder."""
    return SinkSpec(kind="dotenv", options=(("path", str(folder / file)), ("variable", name)))


def statuses(outcome: EnvironmentOutcome) -> dict[str, Status]:
    """How each change ended, by the last part of its address."""
    return {result.change.address.rpartition("/")[2]: result.status for result in outcome.results}


def told(outcome: EnvironmentOutcome, name: str) -> str:
    """Message and hint of one result."""
    (result,) = [each for each in outcome.results if each.change.address.rpartition("/")[2] == name]
    return f"{result.message} | {result.hint}"
