"""Rotation with the whole program: one run, two at once, a run that is killed, a saved plan."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.app.resuming import resume
from reconciler.core.desired import After, Desired, Rotation
from reconciler.core.outcome import Outcome, Result, Status
from reconciler.core.plan import Create, Plan
from reconciler.emulator import Profile
from reconciler.emulator.faults import Answer
from tests.support.clocks import StandingClock
from tests.support.folders import a_folder
from tests.support.line import Meanwhile
from tests.support.saving import saved
from tests.support.turns import Turns
from tests.support.world import EVERYTHING, Machine, Shown, World, a_world, desired, first_id, generation, held, key

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
ROTATION = Rotation(every=90 * DAY, overlap=7 * DAY)
PROFILES: list[Profile] = ["1.9.x", "main", "2.6.2"]
SECOND = first_id("a").removesuffix("1") + "2"


class Killed(BaseException):
    """What ends a run on the spot."""


def rotating(machine: Machine, *slugs: str) -> Desired:
    keys = (key(slug, machine.dotenv(slug.upper()), expiry=After(ROTATION.life)) for slug in slugs or ("a",))
    return desired(*(replace(each, rotation=ROTATION) for each in keys))


async def generations(world: World, slug: str = "a") -> list[Shown]:
    keys = await world.keys()
    return [keys[key_id] for key_id in sorted((each for each in keys if each.startswith(f"{slug}.")), key=generation)]


def results(outcome: Outcome) -> list[Result]:
    return [result for environment in outcome.environments for result in environment.results]


def end(shown: Shown) -> str:
    return str(shown["expire"])


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_due_key_is_rotated_in_one_run_and_its_old_one_is_gone_after_the_overlap(profile: Profile) -> None:
    with a_folder() as folder:
        async with a_world(profile) as world:
            machine = Machine(world=world, folder=folder)
            wanted = rotating(machine)
            sink = wanted.keys[0].sinks[0]
            assert (await machine.apply(wanted)).complete
            old = held(sink)
            world.time.move(days=90)

            assert (await machine.apply(wanted)).complete

            before, after = await generations(world)
            new = held(sink)
            assert old is not None
            assert new is not None
            assert new != old
            assert before["name"] == "A (retiring)"
            assert end(before) == (world.time.now + 7 * DAY).isoformat(timespec="milliseconds")
            assert end(after) == (world.time.now + 97 * DAY).isoformat(timespec="milliseconds")
            assert await world.accepts(old)
            assert await world.accepts(new)
            assert (await machine.plan(wanted)).plan.changes == ()

            world.time.move(days=7, seconds=1)
            assert not await world.accepts(old)
            assert (await machine.apply(wanted)).complete
            assert len(await generations(world)) == 1


async def test_a_rotation_that_fails_for_one_key_lets_the_others_retire() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            wanted = rotating(machine, "a", "b")
            assert (await machine.apply(wanted)).complete
            world.time.move(days=90)
            world.line.expect({})
            await machine.plan(wanted)
            world.line.expect({len(world.line.calls) + 1: Answer(status=400)})  # the creation of the first one

            outcome = await machine.apply(wanted)

            by_id = {result.change.key_id: result for result in results(outcome)}
            assert by_id[first_id("a")].status is Status.NOT_ATTEMPTED
            assert by_id[first_id("a")].message == "the key that takes its place is not there yet, so this one works on"
            assert by_id[first_id("b")].status is Status.APPLIED
            assert (await machine.apply(wanted)).complete
            assert [len(await generations(world, slug)) for slug in "ab"] == [2, 2]


@pytest.mark.parametrize("hides", [False, True], ids=["shows secrets", "hides secrets"])
@pytest.mark.parametrize("nth", range(3, 11))
async def test_a_run_that_is_killed_at_any_call_is_finished_by_the_next(nth: int, hides: bool) -> None:
    with a_folder() as folder:
        async with a_world(hides=hides) as world:
            machine = Machine(world=world, folder=folder)
            wanted = rotating(machine)
            sink = wanted.keys[0].sinks[0]
            assert (await machine.apply(wanted)).complete
            first = held(sink)
            assert first is not None
            world.time.move(days=90)
            world.line.expect({nth: Meanwhile(happens=_kill)})
            with suppress(Killed, BaseExceptionGroup):
                await machine.apply(wanted)
            between = held(sink)
            assert between is not None
            assert await world.accepts(between)
            world.line.expect({})

            assert (await machine.apply(wanted)).complete

            newest = (await generations(world))[-1]
            assert held(sink) == newest["secret"]
            assert newest["name"] == "A"
            assert await world.accepts(first)
            assert await world.accepts(between)
            assert (await machine.plan(wanted)).plan.changes == ()
            world.time.move(days=7, seconds=1)
            assert not await world.accepts(first)


def _kill() -> None:
    raise Killed


async def test_a_saved_plan_is_finished_after_a_crash_and_says_when_it_is_done() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            wanted = rotating(machine)
            assert (await machine.apply(wanted)).complete
            world.time.move(days=90)
            file = saved(Plan(environments=(await machine.plan(wanted)).plan.environments), ())
            file = replace(file, allow=EVERYTHING)
            world.line.expect({7: Meanwhile(happens=_kill)})
            with suppress(Killed, BaseExceptionGroup):
                await machine.apply(wanted)
            world.line.expect({})
            world.time.move(hours=1)

            async with machine.reconciler(wanted) as reconciler:
                left = await resume(reconciler.sites, reconciler.sinks, file)
                assert left.plan.changes
                assert (await reconciler.apply(left)).complete
                done = await resume(reconciler.sites, reconciler.sinks, file)

            assert done.plan.changes == ()
            before, after = await generations(world)
            assert (before["name"], after["name"]) == ("A (retiring)", "A")


@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=12)
@given(order=st.lists(st.integers(0, 1), min_size=20, max_size=40), same_machine=st.booleans())
async def test_two_runs_over_one_due_rotation_make_one_generation(
    profile: Profile, order: list[int], same_machine: bool
) -> None:
    # A server that hides secrets gives none to the machine that did not create the key.
    assume(same_machine or profile != "2.6.2")
    with a_folder() as here, a_folder() as there:
        async with a_world(profile) as world:
            one = Machine(world=world, folder=here)
            other = Machine(world=world, folder=here if same_machine else there, seed=1000)
            wanted, wanted_there = rotating(one), rotating(other)
            assert (await one.apply(wanted)).complete
            if not same_machine:
                assert (await other.apply(wanted_there)).complete
            world.time.move(days=90)
            one.clock = other.clock = StandingClock()
            turns = Turns()
            one.line, other.line = turns.line(0, world.line), turns.line(1, world.line)

            outcomes = await turns.take([one.apply(wanted), other.apply(wanted_there)], order)

            one.line = other.line = None
            assert all(outcome.complete for outcome in outcomes), outcomes
            made = [each for outcome in outcomes for each in results(outcome) if isinstance(each.change, Create)]
            if same_machine:
                assert sum(each.status is Status.APPLIED for each in made) <= 1
            before, after = await generations(world)
            assert (before["$id"], after["$id"]) == (first_id("a"), SECOND)
            assert (before["name"], after["name"]) == ("A (retiring)", "A")
            for wish in (wanted, wanted_there):
                secret = held(wish.keys[0].sinks[0])
                assert secret is not None
                assert secret == (after["secret"] or secret)
                assert await world.accepts(secret)
            assert (await one.plan(wanted)).plan.changes == ()
