"""`rotate` with the whole program: through the command line on every server, killed at every call, two at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.core.desired import After, Desired, Forced, Rotation, SinkSpec
from reconciler.core.globs import Selection
from reconciler.core.outcome import Outcome, Result, Status
from reconciler.emulator import Profile
from reconciler.emulator.faults import Answer, StaleCache
from reconciler.emulator.wire import Receive, Scope, Send
from tests.support.clocks import FakeClock, StandingClock
from tests.support.command import Command, in_folder
from tests.support.emulators import Running, running
from tests.support.folders import a_folder
from tests.support.line import Meanwhile
from tests.support.scenarios import left_over
from tests.support.turns import Turns
from tests.support.world import EVERYTHING, Machine, World, a_world, desired, first_id, generation, held, key

PROFILES: list[Profile] = ["1.9.x", "main", "2.6.2"]
ROTATION = {"every": "90d", "overlap": "7d"}


# --- through the command line ---


@pytest.fixture(scope="module", params=PROFILES)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server"), request.param) as server:
        yield server


@pytest.fixture
def project(server: Running, tmp_path: Path) -> str:
    """A project of the test's own."""
    name = f"p{abs(hash(tmp_path))}"[:20]
    server.emulator.ensure_project(name)
    return name


def entry(variable: str, **fields: object) -> dict[str, Any]:
    sinks = [{"dotenv": {"path": "app.env", "variable": variable}}]
    return {"scopes": ["rows.read"], "deliver": sinks, **fields}


@pytest.fixture
def command(
    server: Running, project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """The command beside a manifest with a rotating key, a plain one and one without a sink, all applied."""
    made = in_folder(tmp_path, monkeypatch, capsys)
    live = {"endpoint": server.endpoint, "project": project, "credential": {"env": "TOKEN"}}
    other = {"endpoint": server.endpoint, "project": project, "credential": {"env": "NOT_AT_HAND"}, "keys": {}}
    keys = {"api": entry("API", rotation=ROTATION), "plain": entry("PLAIN"), "bare": {"scopes": ["rows.read"]}}
    manifest = {"version": 1, "owner": "shop", "keys": keys, "environments": {"live": live, "other": other}}
    made.write(json.dumps(manifest))
    assert made("apply", "-e", "live", "--auto-approve", TOKEN=server.session).code == 0
    return made


def value(command: Command, variable: str) -> str:
    lines = (command.folder / "app.env").read_text().splitlines()
    (found,) = [line.partition("=")[2] for line in lines if line.startswith(f"{variable}=")]
    return found


def generations(server: Running, project: str, slug: str) -> dict[int, dict[str, Any]]:
    return {generation(each): shown for each, shown in server.keys(project).items() if each.startswith(f"{slug}.")}


def accepts(server: Running, project: str, secret: str) -> bool:
    headers = {"X-Appwrite-Project": project, "X-Appwrite-Key": secret}
    answer = httpx.get(f"{server.endpoint}/project/keys/nobody", headers=headers)
    return answer.status_code == 404 or "(role: applications)" in answer.text


def test_a_key_is_rotated_now_and_its_old_one_works_on(server: Running, project: str, command: Command) -> None:
    before = {name: value(command, name) for name in ("API", "PLAIN")}

    ended = command("rotate", "live/api", "live/plain", "--auto-approve", "--format", "json")

    assert ended.code == 0, ended.err
    results = json.loads(ended.out)["environments"][0]["results"]
    assert [(each["address"], each["action"], each["reason"]) for each in results] == [
        ("live/api", "retire", "superseded"),
        ("live/api", "rotate", "asked"),
        ("live/plain", "retire", "superseded"),
        ("live/plain", "rotate", "asked"),
    ]
    for name, old in before.items():
        assert value(command, name) != old
        assert accepts(server, project, old)
        assert accepts(server, project, value(command, name))
    assert [each["name"] for each in generations(server, project, "plain").values()] == ["plain (retiring)", "plain"]
    assert command("plan", "-e", "live", "--detailed-exitcode").code == 0


def test_a_second_rotation_in_the_overlap_is_refused(server: Running, project: str, command: Command) -> None:
    assert command("rotate", "live/api", "--auto-approve").code == 0

    refused = command("rotate", "live/api", "--auto-approve")
    assert (refused.code, "superseded twice over" in refused.err) == (4, True)
    assert list(generations(server, project, "api")) == [1, 2]

    assert command("rotate", "live/api", "--auto-approve", "--allow-in-use").code == 0
    assert list(generations(server, project, "api")) == [2, 3]


def test_a_leaked_secret_is_replaced_and_seen_to_be_refused(server: Running, project: str, command: Command) -> None:
    old, untouched = value(command, "API"), value(command, "PLAIN")

    ended = command("rotate", "live/api", "--compromised", "--auto-approve")

    assert ended.code == 0, ended.err
    assert ".g1: the old secret is refused (401)" in ended.out
    assert not accepts(server, project, old)
    assert accepts(server, project, value(command, "API"))
    assert value(command, "PLAIN") == untouched
    assert list(generations(server, project, "api")) == [2]
    assert command("plan", "-e", "live", "--detailed-exitcode").code == 0


def test_of_a_secret_that_nobody_shows_it_is_said_that_nothing_is_proven(
    server: Running, project: str, command: Command
) -> None:
    (command.folder / "app.env").unlink()

    ended = command("rotate", "live/api", "--compromised", "--auto-approve")

    hides = not next(iter(generations(server, project, "api").values()))["secret"]
    assert ended.code == 0, ended.err
    proof = "unproven: this server shows the old secret to nobody" if hides else "the old secret is refused (401)"
    assert f".g1: {proof}" in " ".join(ended.out.split())
    assert list(generations(server, project, "api")) == [2]


def test_where_the_new_key_does_not_arrive_the_leaked_one_works_on(
    server: Running, project: str, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = value(command, "API")

    def full(path: Path, content: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        ended = command("rotate", "live/api", "--compromised", "--auto-approve")

    assert ended.code == 3
    assert "the key that takes its place is not there yet, so this one works on" in " ".join(ended.out.split())
    assert value(command, "API") == old
    assert accepts(server, project, old)
    assert command("rotate", "live/api", "--compromised", "--auto-approve").code == 0
    assert not accepts(server, project, old)


def test_all_keys_rotate_but_those_that_are_left_out_or_too_young(
    server: Running, project: str, command: Command
) -> None:
    young = command("rotate", "--all", "-e", "live", "--older-than", "90d", "--auto-approve")
    assert (young.code, young.out) == (0, "Nothing to apply.\n")

    done = command("rotate", "--all", "-e", "live", "--auto-approve")
    assert done.code == 0, done.err
    assert "live/bare has no sink: nobody would get the secret of its next generation: it is not rotated" in " ".join(
        done.err.split()
    )
    assert [len(generations(server, project, slug)) for slug in ("api", "plain", "bare")] == [2, 2, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["live/apy"], 'no key has an address that "live/apy" matches\n  hint: did you mean "live/api"?'),
        (["lvie/api"], 'keys.yaml has no environment "lvie"'),
        ([], "this does not say which keys are to rotate\n  hint: name addresses, or pass --all"),
        (["live/api", "--all"], "addresses and --all cannot be given together"),
        (["live/api", "--older-than", "1y"], '--older-than: "1y" is not a duration'),
        (["live/bare"], "live/bare has no sink"),
    ],
)
def test_what_cannot_be_meant_is_said(command: Command, arguments: list[str], message: str) -> None:
    ended = command("rotate", *arguments, "--auto-approve")

    assert ended.code == 1
    assert message in ended.err


def test_what_is_not_declared_or_not_live_cannot_rotate(command: Command) -> None:
    file = command.folder / "keys.yaml"
    manifest = json.loads(file.read_text())
    manifest["keys"]["new"] = manifest["keys"].pop("plain")
    file.write_text(json.dumps(manifest))

    new, gone = (command("rotate", address, "--auto-approve") for address in ("live/new", "live/plain"))

    assert new.code == gone.code == 1
    assert '"live/new" is not live, and cannot rotate\n  hint: reconciler apply makes it' in new.err
    assert '"live/plain" is not declared, and cannot rotate' in gone.err


def test_without_a_terminal_it_does_not_ask(command: Command) -> None:
    ended = command("rotate", "live/api")

    assert ended.code == 1
    assert "pass --auto-approve" in ended.err


# --- the moments in between ---


class Killed(BaseException):
    """What ends a run on the spot."""


def _kill() -> None:
    raise Killed


def wanted(machine: Machine, *, rotates: bool = True) -> Desired:
    rotation = Rotation(every=timedelta(days=90), overlap=timedelta(days=7)) if rotates else None
    one = key("a", machine.dotenv("A"), expiry=After(rotation.life) if rotation else None)
    return desired(replace(one, rotation=rotation))


async def rotate(machine: Machine, wish: Desired, *, compromised: bool = False) -> Outcome:
    async with machine.reconciler(wish) as reconciler:
        forced, selection = Forced(compromised=compromised), Selection(targets=("local/a",))
        return await reconciler.apply(await reconciler.plan_to_rotate(forced, EVERYTHING, selection))


async def live(world: World) -> dict[int, dict[str, Any]]:
    keys = await world.keys()
    mine = {generation(each): shown for each, shown in keys.items() if each.startswith("a.")}
    return dict(sorted(mine.items()))


KILLS: dict[Profile, int] = {"1.9.x": 10, "main": 10}
"""Calls of a `rotate --compromised`: the last ones refresh the server's cache and try the old secret."""

FINISHED = 8
"""Those of a `rotate` until the old key retires."""


@pytest.mark.anyio
@pytest.mark.parametrize("hides", [False, True], ids=["shows secrets", "hides secrets"])
@pytest.mark.parametrize(
    ("profile", "nth"), [(profile, nth) for profile, last in KILLS.items() for nth in range(1, last + 1)]
)
async def test_killed_at_any_call_a_repeat_ends_every_leaked_key(profile: Profile, nth: int, hides: bool) -> None:
    with a_folder() as folder:
        async with a_world(profile, hides=hides) as world:
            machine = Machine(world=world, folder=folder)
            wish = wanted(machine)
            sink = wish.keys[0].sinks[0]
            assert (await machine.apply(wish)).complete
            leaked = held(sink)
            assert leaked is not None
            world.line.expect({nth: Meanwhile(happens=_kill)})
            with suppress(Killed, BaseExceptionGroup):
                await rotate(machine, wish, compromised=True)
                pytest.fail("it ends before it is killed")
            between = held(sink)
            assert between is not None
            assert await world.accepts(between)
            assert len(await live(world)) <= 2
            world.line.expect({})
            world.time.move(minutes=16)  # another machine, which has no journal of the dead run

            assert (await rotate(machine, wish, compromised=True)).complete

            (newest,) = (await live(world)).values()
            assert held(sink) == newest["secret"]
            assert not await world.accepts(leaked)
            assert (await machine.plan(wish)).plan.changes == ()


@pytest.mark.anyio
@pytest.mark.parametrize("rotates", [True, False], ids=["rotation", "none"])
@pytest.mark.parametrize("nth", range(1, FINISHED + 1))
async def test_killed_at_any_call_a_repeat_finishes_and_piles_nothing_up(nth: int, rotates: bool) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            wish = wanted(machine, rotates=rotates)
            assert (await machine.apply(wish)).complete
            first = held(wish.keys[0].sinks[0])
            assert first is not None
            world.line.expect({nth: Meanwhile(happens=_kill)})
            with suppress(Killed, BaseExceptionGroup):
                await rotate(machine, wish)
                pytest.fail("it ends before it is killed")
            world.line.expect({})
            world.time.move(minutes=16)

            assert (await rotate(machine, wish)).complete

            keys = await live(world)
            assert [(number, each["name"]) for number, each in keys.items()] == [(1, "A (retiring)"), (2, "A")]
            assert held(wish.keys[0].sinks[0]) == keys[2]["secret"]
            assert await world.accepts(first)
            assert (await machine.plan(wish)).plan.changes == ()
            assert (await rotate(machine, wish)).complete
            assert list(await live(world)) == [2, 3]


@pytest.mark.anyio
async def test_a_run_makes_as_many_calls_as_it_is_killed_at() -> None:
    counted = {}
    for profile in KILLS:
        with a_folder() as folder:
            async with a_world(profile) as world:
                machine = Machine(world=world, folder=folder)
                wish = wanted(machine)
                for compromised in (False, True):
                    assert (await machine.apply(wish)).complete
                    world.line.expect({})
                    assert (await rotate(machine, wish, compromised=compromised)).complete
                    counted[profile, compromised] = len(world.line.calls)

    assert counted["main", False] == FINISHED + 2  # the last two refresh a cache
    assert {profile: counted[profile, True] - 2 for profile in KILLS} == KILLS  # one more goes, and is tried


@pytest.mark.anyio
@pytest.mark.parametrize("refreshed", [True, False], ids=["refreshed", "not refreshed"])
async def test_an_old_cache_of_the_server_is_refreshed_or_it_is_said_that_the_secret_works(refreshed: bool) -> None:
    with a_folder() as folder:
        async with a_world("1.9.x") as world:
            machine = Machine(world=world, folder=folder)
            wish = wanted(machine)
            assert (await machine.apply(wish)).complete
            leaked = held(wish.keys[0].sinks[0])
            assert leaked is not None
            stale = StaleCache(seconds=3600)
            world.line.expect({7: stale} if refreshed else {7: stale, 9: Answer(status=400)})

            outcome = await rotate(machine, wish, compromised=True)

            assert [call.route for call in world.line.calls[6:10]] == ["DELETE key", "GET key", "PUT key", "GET key"]
            assert outcome.complete is not await world.accepts(leaked)
            assert outcome.complete is refreshed
            (told,) = (each for each in results(outcome) if each.change.key_id == first_id("a"))
            proof = "the old secret is refused (401)"
            accepted = "deleted, and the server still accepts the old secret"
            assert told.message == f"{first_id('a')}: {proof if refreshed else accepted}"
            assert told.status is (Status.APPLIED if refreshed else Status.FAILED)


@pytest.mark.anyio
async def test_a_server_that_does_not_answer_the_trial_proves_nothing() -> None:
    with a_folder() as folder:
        async with a_world("2.6.2") as world:
            machine = Machine(world=world, folder=folder)
            wish = wanted(machine)
            assert (await machine.apply(wish)).complete
            world.line.expect(dict.fromkeys(range(8, 30), Answer(status=503)))

            outcome = await rotate(machine, wish, compromised=True)

            (told,) = (each for each in results(outcome) if each.change.key_id == first_id("a"))
            assert told.status is Status.APPLIED
            assert told.message.startswith(f"{first_id('a')}: unproven: ")
            assert list(await live(world)) == [2]


def results(outcome: Outcome) -> list[Result]:
    return [result for each in outcome.environments for result in each.results]


@pytest.mark.anyio
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("compromised", [False, True], ids=["asked", "compromised"])
@settings(max_examples=8)
@given(order=st.lists(st.integers(0, 1), min_size=20, max_size=40), same_machine=st.booleans())
async def test_two_at_once_make_one_generation(
    profile: Profile, compromised: bool, order: list[int], same_machine: bool
) -> None:
    assume(same_machine or profile != "2.6.2")
    with a_folder() as here, a_folder() as there:
        async with a_world(profile) as world:
            one = Machine(world=world, folder=here)
            other = Machine(world=world, folder=here if same_machine else there, seed=1000)
            wish, wish_there = wanted(one), wanted(other)
            assert (await one.apply(wish)).complete
            if not same_machine:
                assert (await other.apply(wish_there)).complete
            turns = Turns()
            one.clock = other.clock = StandingClock()
            one.line, other.line = turns.line(0, world.line), turns.line(1, world.line)

            # Both have looked before either begins: who looks at what the other has done asks for one more.
            outcomes = await turns.take(
                [
                    rotate(one, wish, compromised=compromised),
                    rotate(other, wish_there, compromised=compromised),
                ],
                [0, 1] * 3 + order,
            )

            one.line = other.line = None
            assert all(outcome.complete for outcome in outcomes), outcomes
            keys = await live(world)
            assert list(keys) == ([2] if compromised else [1, 2])
            assert first_id("a").removesuffix("1") + "2" in await world.keys()
            for each in (wish, wish_there):
                secret = held(each.keys[0].sinks[0])
                assert secret is not None
                assert await world.accepts(secret)


def deliver(sink: SinkSpec, secret: str) -> None:
    path = Path(sink.option("path"))
    path.write_text(f"{sink.option('variable')}={secret}\n", encoding="utf-8")
    path.chmod(0o600)


class Finishes(FakeClock):
    """While somebody sleeps, another run is through with the second generation."""

    def __init__(self, world: World, wish: Desired) -> None:
        super().__init__()
        self._world, self._wish = world, wish

    async def sleep(self, seconds: float) -> None:
        if not self.sleeps:
            (key,) = self._wish.keys
            one, two = (await live(self._world)).values()
            deliver(key.sinks[0], two["secret"])
            rotation, now = key.rotation, self._world.time.now
            assert rotation is not None
            for shown, name, end in ((two, "A", now + rotation.life), (one, "A (retiring)", now + rotation.overlap)):
                expire = end.isoformat(timespec="milliseconds")
                await self._world.put(shown["$id"], name=name, scopes=shown["scopes"], expire=expire)
        await super().sleep(seconds)


@pytest.mark.anyio
async def test_what_another_run_had_in_hand_before_this_one_looked_is_the_rotation_that_was_asked_for() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            wish = wanted(machine)
            assert (await machine.apply(wish)).complete
            world.time.move(days=10)
            await left_over(machine, "a", generation=2, lives=timedelta(days=7))
            world.time.move(seconds=10)
            machine.clock = clock = Finishes(world, wish)

            outcome = await rotate(machine, wish)

            assert outcome.complete, outcome
            assert clock.sleeps  # it has waited
            assert list(await live(world)) == [1, 2]


@pytest.mark.anyio
@pytest.mark.parametrize("is_renamed", [False, True], ids=["its name", "another name"])
async def test_an_apply_that_has_listed_the_keys_before_it_does_not_bring_the_old_secret_back(is_renamed: bool) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            one, other = Machine(world=world, folder=folder), Machine(world=world, folder=folder, seed=1000)
            wish = wanted(one)
            (key,) = wish.keys
            assert (await one.apply(desired(replace(key, slug="old") if is_renamed else key))).complete
            wish = desired(replace(key, former_slug="old")) if is_renamed else wish
            asked: list[str] = []

            async def rotated_after_the_list(scope: Scope, receive: Receive, send: Send) -> None:
                await world.line(scope, receive, send)
                if scope["path"].endswith("/project/keys") and not asked:
                    asked.append(scope["path"])
                    assert (await rotate(one, wish)).complete

            other.line = rotated_after_the_list
            outcome = await other.apply(wish)

            assert outcome.complete, outcome
            assert [result.status for result in results(outcome)] == [Status.ALREADY_SO]
            newest = first_id("a") if is_renamed else first_id("a").removesuffix("1") + "2"
            assert held(key.sinks[0]) == (await world.keys())[newest]["secret"]
