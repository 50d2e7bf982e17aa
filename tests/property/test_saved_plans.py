"""Whatever befalls the calls of an apply of a saved plan, the same file is good for the next run, or is refused."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.api import Outcome
from reconciler.core.desired import Desired
from reconciler.core.freshness import standing
from reconciler.core.plan import Deliver, Update
from reconciler.core.saved import SavedPlan
from reconciler.emulator.faults import Answer, Double, DropAfter, DropBefore
from reconciler.errors import ReconcilerError
from reconciler.formats.plan_file import dumps
from tests.support.folders import a_folder
from tests.support.line import DoneBut, HeldBack, Trouble
from tests.support.saving import load, saved
from tests.support.scenarios import SCENARIOS, Scenario, fresh, prepare, resumed, too_late
from tests.support.situations import Situation, bring_about, declare, situations
from tests.support.sweeps import STRIDE
from tests.support.world import EVERYTHING, Machine, Shown, a_world, assert_converged

pytestmark = pytest.mark.anyio

TROUBLES: dict[str, Trouble] = {
    "late by two calls": HeldBack(calls=2),
    "late by a run": HeldBack(),
    "lost before the server": DropBefore(),
    "lost after the server": DropAfter(),
    "doubled": Double(returns="second"),
    "answered 500": Answer(status=500),
    "done but answered 500": DoneBut(status=500),
}


async def kept(machine: Machine, wanted: Desired) -> SavedPlan:
    """The plan, through its file; every guard that has a flag is allowed."""
    return load(dumps(replace(saved((await machine.plan(wanted)).plan), allow=EVERYTHING)))


async def resume(machine: Machine, wanted: Desired, plan: SavedPlan) -> Outcome:
    """`apply FILE`."""
    async with machine.reconciler(wanted) as reconciler:
        return await reconciler.apply(await reconciler.resume(plan))


async def survive(scenario: Scenario, trouble: Trouble, *, hides: bool = False) -> None:
    """Let a trouble befall each call of an apply once, and assert that the same file finishes it."""
    nth, calls = 1, 1
    while nth <= calls:
        with a_folder() as folder:
            async with a_world(hides=hides) as world:
                machine, wanted = await prepare(scenario, world, folder)
                untouched = await world.unmanaged()
                plan = await kept(machine, wanted)
                world.line.expect({nth: trouble})
                with suppress(ReconcilerError):
                    await resume(machine, wanted, plan)
                calls = max(calls, len(world.line.calls)) if nth == 1 else calls
                world.line.expect({})
                await world.line.settle()
                again = await resume(machine, wanted, plan)
                assert again.complete, f"call {nth}: {again}"
                await assert_converged(machine, wanted, untouched)
        nth += STRIDE if nth > 1 else 1 + list(TROUBLES.values()).index(trouble) % STRIDE
    assert calls > 2


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_whatever_befalls_one_call_the_same_file_finishes_the_plan(scenario: Scenario, trouble: str) -> None:
    await survive(scenario, TROUBLES[trouble])


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("scenario", [fresh, resumed, too_late], ids=lambda scenario: scenario.__name__)
async def test_where_secrets_are_shown_once_the_same_file_finishes_the_plan(scenario: Scenario, trouble: str) -> None:
    await survive(scenario, TROUBLES[trouble], hides=True)


async def untouchable(situation: Situation, machine: Machine) -> dict[str, Shown]:
    """The keys that no run may change or delete."""
    keys = await machine.world.keys()
    return {key_id: key for key_id, key in keys.items() if not situation.may_touch(key_id)}


troubled_calls: st.SearchStrategy[dict[int, Any]] = st.dictionaries(
    st.integers(1, 60), st.sampled_from(list(TROUBLES.values())), min_size=2, max_size=25
)


@pytest.mark.slow
@settings(max_examples=100)
@given(scenario=st.sampled_from(SCENARIOS), first=troubled_calls, second=troubled_calls)
async def test_after_two_applies_full_of_trouble_a_quiet_one_finishes_the_plan(
    scenario: Scenario, first: dict[int, Trouble], second: dict[int, Trouble]
) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine, wanted = await prepare(scenario, world, folder)
            untouched = await world.unmanaged()
            plan = await kept(machine, wanted)
            for troubles in (first, second):
                world.line.expect(troubles)
                with suppress(ReconcilerError):
                    await resume(machine, wanted, plan)
            world.line.expect({})
            await world.line.settle()
            assert (await resume(machine, wanted, plan)).complete
            await assert_converged(machine, wanted, untouched)


@pytest.mark.slow
@settings(max_examples=75)
@given(situation=situations())
async def test_a_saved_plan_does_what_the_plan_itself_would_and_then_has_nothing_left_to_do(
    situation: Situation,
) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            await bring_about(situation, machine)
            wanted = replace(declare(situation, machine), protect=())
            untouched = await untouchable(situation, machine)
            plan = await kept(machine, wanted)

            outcome = await resume(machine, wanted, plan)

            assert outcome.complete, outcome
            assert [result.change.key_id for result in outcome.environments[0].results] == [
                change.key_id for change in plan.plan.changes
            ]
            assert await untouchable(situation, machine) == untouched
            world.line.expect({})
            assert (await resume(machine, wanted, plan)).complete
            assert {call.method for call in world.line.calls} == {"GET"}


@pytest.mark.slow
@settings(max_examples=75)
@given(before=situations(), after=situations())
async def test_of_any_plan_for_any_keys_nothing_is_pending_but_what_a_plan_made_now_says(
    before: Situation, after: Situation
) -> None:
    with a_folder() as folder, a_folder() as elsewhere:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            await bring_about(before, machine)
            (old,) = (await machine.plan(declare(before, machine))).environments
        async with a_world() as world:
            machine = Machine(world=world, folder=elsewhere)
            await bring_about(after, machine)
            (now,) = (await machine.plan(declare(after, machine))).environments

    stands = standing(old.plan, now.plan, now.desired, now.live)

    fresh_changes = {change.key_id: change for change in now.plan.changes}
    for change in stands.pending:
        said = fresh_changes[change.key_id]
        narrowed = isinstance(said, Deliver) and isinstance(change, Deliver | Update)
        assert change == said or narrowed
        if isinstance(said, Deliver) and isinstance(change, Deliver):
            assert set(change.sinks) <= set(said.sinks)
    told = {change.key_id for change in (*stands.pending, *stands.beyond)}
    assert told == fresh_changes.keys()
