"""A project on a server in process and the machines that reconcile it: nothing waits, nothing is left to chance.

The server's time stands still until a test moves it. Sleeping takes no time, blocking work is done at once instead of
in a thread, and randomness is seeded, so that the n-th call of a run is the same call each time.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, ParamSpec, TypeVar

import httpx

from reconciler.api import Allowances, Outcome, Planned, Reconciler
from reconciler.app.planning import Site
from reconciler.core.desired import After, Connection, Desired, DesiredKey, Expiry, Never, SinkSpec
from reconciler.core.ids import Realm, key_id
from reconciler.core.secret import Secret
from reconciler.edge.appwrite import AppwriteKeys, open_http
from reconciler.edge.credentials import Credential
from reconciler.emulator import Emulator, Profile
from reconciler.emulator.store import Key as StoredKey
from reconciler.emulator.wire import ASGIApp
from reconciler.errors import Position
from reconciler.ports import Clock
from tests.support.builders import names_of
from tests.support.clocks import FakeClock
from tests.support.hiding import hiding
from tests.support.line import Line

PROJECT = "shop"
REALM = Realm(owner="team", environment="local", project=PROJECT)
HERE = Position(file="keys.yaml", line=1, column=1)
EVERYTHING = Allowances(deletes=1000, in_use=True)

Shown = dict[str, Any]
"""A key as the server's JSON has it, secret included."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class ServerTime:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **amount: float) -> None:
        """Forward by so many days, hours, minutes …"""
        self.now += timedelta(**amount)


class AtOnce(ThreadPoolExecutor):
    """Does what it is given before it returns, where others would hand it to a thread."""

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        """The result of the call, or its exception, in a future that is done."""
        future: Future[_T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - whoever awaits the future gets it
            future.set_exception(error)
        return future


class World:
    """One server with one project; `line` is what every machine's calls go through, and `hides` that it shows no
    machine a secret twice.
    """

    def __init__(self, profile: Profile, *, hides: bool) -> None:
        self.time = ServerTime()
        self.emulator = Emulator(profile=profile, clock=self.time)
        self.emulator.ensure_project(PROJECT)
        self.line = Line(hiding(self.emulator.app) if hides else self.emulator.app)
        session = Credential(kind="session", secret=Secret(self.emulator.console_session()))
        self.credential = session
        if profile == "1.9.x":
            secret = self.emulator.add_key(PROJECT, "credential-of-ci", ["keys.read", "keys.write"])
            self.credential = Credential(kind="project_key", secret=Secret(secret))
        headers = {
            "X-Appwrite-Project": PROJECT,
            "X-Appwrite-Mode": "admin",
            "X-Appwrite-Session": session.secret.reveal(),
        }
        transport = httpx.ASGITransport(self.emulator.app)
        self.owner = httpx.AsyncClient(transport=transport, base_url="http://server/v1", headers=headers)

    async def keys(self) -> dict[str, Shown]:
        """Every key of the project by id, asked for past the line."""
        answer = await self.owner.get("/project/keys")
        return {key["$id"]: key for key in answer.json()["keys"]}

    def by_secret(self) -> dict[str, StoredKey]:
        """Every key by its secret as the server has it, whatever it shows to anybody."""
        return self.emulator._store.authenticating_keys(PROJECT)  # no answer tells it

    async def accepts(self, secret: str) -> bool:
        """Whether the server knows a key by its secret and it has not expired."""
        headers = {"X-Appwrite-Project": PROJECT, "X-Appwrite-Key": secret}
        transport = httpx.ASGITransport(self.emulator.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://server/v1", headers=headers) as client:
            answer = await client.get("/project/keys/nobody")
        return answer.status_code == 404 or "(role: applications)" in answer.text

    async def put(self, key_id: str, **fields: object) -> None:
        """Change a key behind everybody's back."""
        (await self.owner.put(f"/project/keys/{key_id}", json=fields)).raise_for_status()

    async def unmanaged(self) -> dict[str, Shown]:
        """The keys that are not this manifest's, as they stay whatever a run does.

        A credential that is a key of the project is used first: `accessedAt` moves once in 24 hours.
        """
        if self.credential.kind == "project_key":
            await self.accepts(self.credential.secret.reveal())
        return unmanaged(await self.keys())

    async def close(self) -> None:
        """Let go of client and database."""
        await self.owner.aclose()
        self.emulator.close()


@asynccontextmanager
async def a_world(profile: Profile = "main", *, hides: bool = False) -> AsyncIterator[World]:
    """A world for as long as the context is open, in which blocking work is done at once."""
    asyncio.get_running_loop().set_default_executor(AtOnce())
    world = World(profile, hides=hides)
    try:
        yield world
    finally:
        await world.close()


@dataclass(slots=True, kw_only=True)
class Machine:
    """A folder with its sinks and its journal, from which runs are made; `line` where it is not the world's own."""

    world: World
    folder: Path
    seed: int = 0
    parallelism: int = 1
    clock: Clock = field(default_factory=FakeClock)
    line: ASGIApp | None = None

    @asynccontextmanager
    async def reconciler(self, desired: Desired) -> AsyncIterator[Reconciler]:
        """A run's connection; each has other random numbers, the same in each test."""
        self.seed += 1
        entropy = Random(self.seed)
        async with open_http("emulator", app=self.line or self.world.line, parallelism=self.parallelism) as http:
            store = AppwriteKeys(
                http,
                project=PROJECT,
                organization=None,
                credential=self.world.credential,
                limiter=asyncio.Semaphore(self.parallelism),
                clock=self.clock,
                random=entropy,
                label="local",
            )
            own = self.world.credential.secret if self.world.credential.kind == "project_key" else None
            site = Site(
                store=store,
                own_secret=own,
                empty=replace(desired, keys=()),
                resolve=lambda _: desired,
                folder=self.folder,
            )
            yield Reconciler(
                sites=(site,),
                parallelism=self.parallelism,
                clock=self.clock,
                entropy=entropy,
            )

    async def plan(self, desired: Desired) -> Planned:
        """What is to be done; every guard that has a flag is allowed."""
        async with self.reconciler(desired) as reconciler:
            return await reconciler.plan(EVERYTHING)

    async def apply(self, desired: Desired) -> Outcome:
        """Plan and do."""
        async with self.reconciler(desired) as reconciler:
            return await reconciler.apply(await reconciler.plan(EVERYTHING))

    def write(self, file: str, text: str) -> None:
        """Put a file into the folder, as a person would."""
        (self.folder / file).write_text(text, encoding="utf-8")

    def remove(self, file: str) -> None:
        """Take a file out of the folder."""
        (self.folder / file).unlink()

    def dotenv(self, variable: str, file: str = "app.env") -> SinkSpec:
        """A variable of a file of this machine."""
        return SinkSpec(kind="dotenv", options=(("path", str(self.folder / file)), ("variable", variable)))


def key(
    name: str, *sinks: SinkSpec, scopes: Iterable[str] = ("rows.read",), expiry: Expiry | None = None, title: str = ""
) -> DesiredKey:
    """A declared key."""
    return DesiredKey(
        address=f"{REALM.environment}/{name}",
        slug=name,
        name=title or name.capitalize(),
        scopes=frozenset(scopes),
        expiry=expiry or Never(),
        sinks=sinks,
        position=HERE,
    )


def desired(*keys: DesiredKey) -> Desired:
    """What the manifest wants, in the order given."""
    connection = Connection(environment=REALM.environment, endpoint="emulator", project=PROJECT, position=HERE)
    return Desired(realm=REALM, connection=connection, keys=keys, names=names_of(keys), allow_empty=True)


def first_id(slug: str) -> str:
    """The id of a slug's first generation."""
    return key_id(REALM, slug)


def held(sink: SinkSpec) -> str | None:
    """The value of a variable in its file, read without the product's help."""
    path = Path(sink.option("path"))
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    settings = [line.removeprefix("export ").partition("=") for line in lines]
    values = [value for name, _, value in settings if name == sink.option("variable")]
    return values[-1] if values else None


def is_ours(key_id: str, environment: str = REALM.environment) -> bool:
    """Whether an id carries this manifest's mark, worked out without the product's help."""
    slug, _, rest = key_id.partition(".")
    marked = "\0".join(("v1", REALM.owner, environment, REALM.project, slug))
    tag = base64.b32encode(hashlib.sha256(marked.encode()).digest()).decode().lower()[:8]
    return re.fullmatch(tag + r"\.g[1-9a-z][0-9a-z]?", rest) is not None


def generation(key_id: str) -> int:
    """The number in an id that is ours."""
    return int(key_id.rpartition(".g")[2], 36)


def is_retiring(key: Shown) -> bool:
    """Whether a key ends by itself and its name says so."""
    return str(key["name"]).endswith(" (retiring)") and key["expire"] != ""


def unmanaged(keys: dict[str, Shown]) -> dict[str, Shown]:
    """The keys that are not this manifest's."""
    return {key_id: key for key_id, key in keys.items() if not is_ours(key_id)}


async def assert_converged(machine: Machine, wanted: Desired, untouched: dict[str, Shown]) -> None:
    """One live key for each declared one, as declared, with its own secret delivered; nothing else was touched."""
    keys = await machine.world.keys()
    assert unmanaged(keys) == untouched, "an unmanaged key was touched"
    owned = {key_id: each for key_id, each in keys.items() if is_ours(key_id)}
    mine = {key_id.split(".")[0]: owned[key_id] for key_id in sorted(owned, key=generation)}
    older = [each for each in owned.values() if each not in mine.values()]
    assert all(is_retiring(each) for each in older), f"more than one generation is to stay: {sorted(keys)}"
    assert sorted(mine) == sorted(each.slug for each in wanted.keys)
    for each in wanted.keys:
        live = mine[each.slug]
        assert live["name"] == each.name
        assert set(live["scopes"]) == each.scopes
        _assert_expiry(live, each)
        for sink in each.sinks:
            assert held(sink) == live["secret"], f"{each.slug}'s secret is not in its sink"
        assert await machine.world.accepts(live["secret"])
    planned = await machine.plan(wanted)
    assert planned.plan.changes == (), "the plan after the apply is not empty"


def _assert_expiry(live: Shown, wanted: DesiredKey) -> None:
    expiry = wanted.expiry
    if isinstance(expiry, Never):
        assert live["expire"] == ""
    elif isinstance(expiry, After):
        created = datetime.fromisoformat(live["$createdAt"])
        assert abs(datetime.fromisoformat(live["expire"]) - created - expiry.span) <= timedelta(minutes=1)
    else:
        assert datetime.fromisoformat(live["expire"]) == expiry.instant
