"""The first key is made and handed over, or nothing of it is left that works."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from random import Random

import pytest

from reconciler.app.bootstrap import Bootstrap
from reconciler.core.desired import After, At, Never
from reconciler.core.first_key import FirstKey, Made
from reconciler.core.quoting import quoted
from reconciler.core.secret import Secret
from reconciler.edge.appwrite import AppwriteKeys, open_http
from reconciler.edge.credentials import Credential
from reconciler.emulator import Profile
from reconciler.emulator.faults import Answer, DropAfter, DropBefore
from reconciler.emulator.wire import Receive, Scope, Send
from reconciler.errors import CreationDenied, GuardError, ReconcilerError, SinkError, UsageError
from tests.support.clocks import FakeClock
from tests.support.line import DoneBut, HeldBack, Meanwhile, Trouble
from tests.support.world import PROJECT, Shown, World, a_world
from tests.unit.app.test_delivery import FakeSink

pytestmark = pytest.mark.anyio

PROFILES: tuple[Profile, ...] = ("1.9.x", "main", "2.6.2")
WANTED = FirstKey(expiry=After(timedelta(days=90)))
FACTS, LIST, CREATE, TRY, COMMIT, ASK = (1, 2), 3, 4, 5, 6, 7
"""Which call of a run without trouble does what."""


@asynccontextmanager
async def bootstrap(world: World, credential: Credential | None = None) -> AsyncIterator[Bootstrap]:
    session = Credential(kind="session", secret=Secret(world.emulator.console_session()))

    async def answers_in_a_moment(scope: Scope, receive: Receive, send: Send) -> None:
        await world.line(scope, receive, send)
        await asyncio.sleep(0)

    async with open_http("emulator", app=answers_in_a_moment, parallelism=1) as http:
        clock = FakeClock()
        store = AppwriteKeys(
            http,
            project=PROJECT,
            organization=None,
            credential=credential or session,
            limiter=asyncio.Semaphore(1),
            clock=clock,
            random=Random(1),
            label="local",
        )
        yield Bootstrap(store=store, project=PROJECT, clock=clock, entropy=Random(2))


async def made_keys(world: World) -> dict[str, Shown]:
    return {key_id: key for key_id, key in (await world.keys()).items() if key_id.startswith("reconciler-")}


@pytest.mark.parametrize("hides", [False, True], ids=["shows", "hides"])
@pytest.mark.parametrize("profile", PROFILES)
async def test_it_makes_one_key_that_works_and_says_whether_it_may_create(profile: Profile, hides: bool) -> None:
    sink = FakeSink()
    async with a_world(profile, hides=hides) as world, bootstrap(world) as making:
        made = await making.run(WANTED, sink)

        ((key_id, key),) = (await made_keys(world)).items()
        assert made == Made(key_id=key_id, project=PROJECT, state=made.state, may_create=profile == "1.9.x")
        assert (key["name"], key["scopes"], key["expire"]) == (
            "Reconciler",
            ["keys.read", "keys.write"],
            "2030-04-01T12:00:00.000+00:00",
        )
        assert sink.held is not None
        assert await world.accepts(sink.held.reveal())


@pytest.mark.parametrize(
    ("wanted", "expire"),
    [
        (FirstKey(expiry=Never()), ""),
        (FirstKey(expiry=After(timedelta(minutes=5))), "2030-01-01T12:05:00.000+00:00"),
    ],
    ids=["never", "minutes"],
)
async def test_its_end_is_the_one_asked_for(wanted: FirstKey, expire: str) -> None:
    async with a_world("main") as world, bootstrap(world) as making:
        await making.run(wanted, FakeSink())

        assert [key["expire"] for key in (await made_keys(world)).values()] == [expire]


async def test_a_key_that_may_not_write_is_not_asked_whether_it_may_create() -> None:
    async with a_world("1.9.x") as world, bootstrap(world) as making:
        made = await making.run(FirstKey(expiry=Never(), scopes=frozenset({"keys.read"})), FakeSink())

        assert made.may_create is False
        assert len(world.line.calls) == COMMIT


TROUBLES: dict[str, Trouble] = {
    "lost before": DropBefore(),
    "lost after": DropAfter(),
    "500": Answer(status=500),
    "done but 500": DoneBut(status=500),
    "late": HeldBack(calls=1),
    "very late": HeldBack(),
    "400": Answer(status=400),
    "403": Answer(status=403),
}


@pytest.mark.parametrize("hides", [False, True], ids=["shows", "hides"])
@pytest.mark.parametrize("nth", range(1, ASK + 1))
@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_whatever_befalls_a_call_the_key_is_handed_over_or_none_is_left(
    trouble: Trouble, nth: int, hides: bool
) -> None:
    sink = FakeSink()
    async with a_world("main", hides=hides) as world, bootstrap(world) as making:
        world.line.expect({nth: trouble})
        try:
            made = await making.run(WANTED, sink)
        except ReconcilerError:
            made = None
        await world.line.settle()

        keys = await made_keys(world)
        if made is None:
            assert sink.held is None
            assert all(each["name"] == "Reconciler (undelivered)" for each in keys.values())
            assert not keys or isinstance(trouble, HeldBack)
        else:
            assert sink.held is not None
            assert await world.accepts(sink.held.reveal())
            assert keys.pop(made.key_id)["name"] == "Reconciler"
            assert all(each["name"] == "Reconciler (undelivered)" for each in keys.values())


@pytest.mark.parametrize("hides", [False, True], ids=["shows", "hides"])
async def test_a_creation_whose_answer_is_lost_is_sent_again_and_makes_one_key(hides: bool) -> None:
    async with a_world("main", hides=hides) as world, bootstrap(world) as making:
        world.line.expect({CREATE: DropAfter()})

        made = await making.run(WANTED, FakeSink())

        assert list(await made_keys(world)) == [made.key_id]


async def test_a_server_that_answers_no_creation_is_told_to_forget_it() -> None:
    async with a_world("main") as world, bootstrap(world) as making:
        world.line.expect({nth: DropAfter() for nth in range(CREATE, CREATE + 6)})

        with pytest.raises(ReconcilerError) as failed:
            await making.run(WANTED, FakeSink())

        assert await made_keys(world) == {}
        assert "should a key reconciler-" in failed.value.hint
        assert "dies by itself at 2030-01-08T12:" in failed.value.hint


async def test_a_sink_that_cannot_be_written_takes_the_key_with_it() -> None:
    async with a_world("main") as world, bootstrap(world) as making:
        with pytest.raises(ReconcilerError, match="it is full"):
            await making.run(WANTED, FakeSink(refuses=True))

        assert await made_keys(world) == {}


async def test_what_cannot_be_taken_back_is_told() -> None:
    async with a_world("main") as world, bootstrap(world) as making:
        world.line.expect({nth: Answer(status=500) for nth in range(COMMIT, COMMIT + 30)})

        with pytest.raises(ReconcilerError) as failed:
            await making.run(WANTED, FakeSink(refuses=True))

        assert "could not be deleted again: delete it in the Appwrite Console" in failed.value.hint
        assert [key["name"] for key in (await made_keys(world)).values()] == ["Reconciler (undelivered)"]


async def test_a_key_that_may_live_keeps_its_secret() -> None:
    sink = FakeSink()
    async with a_world("main") as world, bootstrap(world) as making:
        lost: dict[int, Trouble] = {nth: DoneBut(status=500) for nth in [COMMIT]}
        world.line.expect(lost | {nth: Answer(status=500) for nth in range(COMMIT + 1, COMMIT + 40)})

        with pytest.raises(ReconcilerError) as failed:
            await making.run(WANTED, sink)

        (key,) = (await made_keys(world)).values()
        assert sink.held == Secret(key["secret"])
        assert "then what holds its secret" in failed.value.hint


@pytest.mark.parametrize("nth", [CREATE, TRY, COMMIT, ASK])
async def test_an_interruption_takes_the_key_with_it(nth: int) -> None:
    sink = FakeSink()
    async with a_world("main") as world, bootstrap(world) as making:
        running = asyncio.create_task(making.run(WANTED, sink))
        world.line.expect({nth: Meanwhile(happens=running.cancel)})

        with pytest.raises(asyncio.CancelledError):
            await running

        assert (await made_keys(world), sink.held) == ({}, None)


async def test_a_kill_between_two_calls_leaves_a_key_that_dies_by_itself() -> None:
    async with a_world("main") as world, bootstrap(world) as making:
        world.line.expect({COMMIT: Meanwhile(happens=lambda: 1 / 0)})

        with pytest.raises(ZeroDivisionError):
            await making.run(WANTED, FakeSink())

        (key,) = (await made_keys(world)).values()
        assert (key["name"], key["expire"][:10]) == ("Reconciler (undelivered)", "2030-01-08")


# --- what a run that was stopped has left ---


@dataclass
class NewFile(FakeSink):
    """A sink that takes no other value's place, as a file does."""

    def preflight(self) -> None:
        if self.held is not None:
            raise SinkError("it exists already", hint="name another")


async def killed_at(nth: int, making: Bootstrap, world: World, sink: FakeSink) -> None:
    world.line.expect({nth: Meanwhile(happens=lambda: 1 / 0)})
    with pytest.raises(ZeroDivisionError):
        await making.run(WANTED, sink)
    world.line.expect({})


@pytest.mark.parametrize("hides", [False, True], ids=["shows", "hides"])
async def test_after_a_kill_before_the_secret_was_handed_over_the_next_run_makes_a_key(hides: bool) -> None:
    sink = NewFile()
    async with a_world("main", hides=hides) as world, bootstrap(world) as making:
        await killed_at(TRY, making, world, sink)

        made = await making.run(WANTED, sink)

        (left,) = [key for key_id, key in (await made_keys(world)).items() if key_id != made.key_id]
        assert left["name"] == "Reconciler (undelivered)"
        assert sink.held is not None
        assert await world.accepts(sink.held.reveal())


async def test_after_a_kill_before_the_commit_the_next_run_finishes_the_key() -> None:
    sink = NewFile()
    async with a_world("main") as world, bootstrap(world) as making:
        await killed_at(COMMIT, making, world, sink)
        held = sink.held

        made = await making.run(replace(WANTED, name="Other"), sink)

        ((key_id, key),) = (await made_keys(world)).items()
        assert (made.key_id, made.finished, key["name"]) == (key_id, True, "Other")
        assert key["expire"] == "2030-04-01T12:00:00.000+00:00"
        assert held == sink.held == Secret(key["secret"])


async def test_a_finish_that_fails_leaves_all_as_it_was_for_the_next_run() -> None:
    sink = NewFile()
    async with a_world("main") as world, bootstrap(world) as making:
        await killed_at(COMMIT, making, world, sink)
        held = sink.held
        world.line.expect({3: Answer(status=400)})  # its commit, the facts being known by now

        with pytest.raises(ReconcilerError):
            await making.run(WANTED, sink)
        made = await making.run(WANTED, sink)

        assert made.finished
        assert sink.held == held


async def test_where_secrets_are_hidden_a_kill_before_the_commit_is_told_with_what_to_do() -> None:
    sink = NewFile()
    async with a_world("main", hides=True) as world, bootstrap(world) as making:
        await killed_at(COMMIT, making, world, sink)

        with pytest.raises(SinkError, match="exists already") as refused:
            await making.run(WANTED, sink)

        (key_id,) = await made_keys(world)
        assert f"it may hold the secret of key {quoted(key_id)}, which a run that was stopped" in refused.value.hint
        assert "delete that key in the Appwrite Console and the file here, and run this again" in refused.value.hint


async def test_a_key_that_was_finished_is_told_and_not_made_again() -> None:
    sink = NewFile()
    async with a_world("main") as world, bootstrap(world) as making:
        made = await making.run(WANTED, sink)

        with pytest.raises(SinkError, match="exists already") as refused:
            await making.run(WANTED, sink)

        assert f'it holds the secret of key {made.key_id} ("Reconciler"): use that' in refused.value.hint
        assert list(await made_keys(world)) == [made.key_id]


@pytest.mark.parametrize("hides", [False, True], ids=["shows", "hides"])
async def test_a_secret_of_elsewhere_is_not_sent_to_this_server(hides: bool) -> None:
    sink = NewFile(held=Secret("standard_of_elsewhere"))
    async with a_world("main", hides=hides) as world, bootstrap(world) as making:
        with pytest.raises(SinkError, match="exists already") as refused:
            await making.run(WANTED, sink)

        assert refused.value.hint == "name another"
        assert [call.route for call in world.line.calls] == ["GET facts", "GET facts", "GET keys"]


# --- what is refused before anything is made ---


async def test_a_project_that_is_full_gets_no_key_that_would_not_work() -> None:
    async with a_world("main") as world, bootstrap(world) as making:
        for number in range(1000):
            world.emulator.add_key(PROJECT, f"k{number}", [])

        with pytest.raises(GuardError, match="the project has 1,000 keys"):
            await making.run(WANTED, FakeSink())


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (FirstKey(expiry=Never(), scopes=frozenset({"keys.rea"})), 'scope "keys.rea" is unknown to this server'),
        (FirstKey(expiry=Never(), name=""), "--name has 0 characters"),
        (FirstKey(expiry=Never(), name="n" * 129), "--name has 129 characters"),
    ],
)
async def test_what_the_server_would_refuse_is_refused_here(wanted: FirstKey, message: str) -> None:
    async with a_world("main") as world, bootstrap(world) as making:
        with pytest.raises(UsageError) as refused:
            await making.run(wanted, FakeSink())

        assert refused.value.message == message
        assert len(world.line.calls) == LIST


async def test_an_end_in_the_past_of_the_server_is_refused() -> None:
    async with a_world("main") as world, bootstrap(world) as making:
        with pytest.raises(UsageError, match="2030-01-01T12:00:00Z is in the past"):
            await making.run(FirstKey(expiry=At(world.time.now)), FakeSink())


async def test_a_project_key_that_may_not_create_is_told_so() -> None:
    async with a_world("main") as world:
        key = world.emulator.add_key(PROJECT, "old", ["keys.read", "keys.write"])
        async with bootstrap(world, Credential(kind="project_key", secret=Secret(key))) as making:
            with pytest.raises(CreationDenied):
                await making.run(WANTED, FakeSink())
