"""Whatever befalls the calls of an apply, the run itself or the next one ends where it should.

Every call of every scenario is lost, late, doubled and refused once, alone; then several at a time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.emulator import Profile
from reconciler.emulator.faults import Answer, Double, DropAfter, DropBefore
from reconciler.errors import ReconcilerError
from tests.support.folders import a_folder
from tests.support.line import DoneBut, HeldBack, Trouble
from tests.support.scenarios import SCENARIOS, Scenario, everything, fresh, prepare, resumed, too_late
from tests.support.sweeps import share
from tests.support.world import EVERYTHING, a_world, assert_converged

pytestmark = pytest.mark.anyio

LATE: dict[str, Trouble] = {
    "late by one call": HeldBack(calls=1),
    "late by two calls": HeldBack(calls=2),
    "late by three calls": HeldBack(calls=3),
    "late by a run": HeldBack(),
}
TROUBLES: dict[str, Trouble] = {
    **LATE,
    "lost before the server": DropBefore(),
    "lost after the server": DropAfter(),
    "doubled, first answer": Double(returns="first"),
    "doubled, second answer": Double(returns="second"),
    "answered 500": Answer(status=500),
    "answered 503 by a proxy": Answer(status=503, body="html"),
    "told to wait": Answer(status=429, retry_after="20"),
    "done but answered 500": DoneBut(status=500),
    "done but answered 503": DoneBut(status=503),
}
OF_ONE_KIND = "answered 503 by a proxy", "told to wait"
"""Like an answer of 500, for a client that sends the call again."""


async def calls_of(scenario: Scenario, profile: Profile = "main", *, hides: bool = False) -> int:
    """How many calls the apply of a scenario makes when nothing goes wrong."""
    with a_folder() as folder:
        async with a_world(profile, hides=hides) as world:
            machine, wanted = await prepare(scenario, world, folder)
            world.line.expect({})
            assert (await machine.apply(wanted)).complete
            return len(world.line.calls)


async def survive(
    scenario: Scenario, nth: int, trouble: Trouble, profile: Profile = "main", *, hides: bool = False
) -> None:
    """Let a trouble befall the n-th call of an apply, and assert that all is well in the end.

    A call that went wrong is made again by the same run. A run that says it is complete must be so at once. A call that
    arrives late may undo it; the next run must mend that.
    """
    with a_folder() as folder:
        async with a_world(profile, hides=hides) as world:
            machine, wanted = await prepare(scenario, world, folder)
            untouched = await world.unmanaged()
            world.line.expect({nth: trouble})
            first = await machine.apply(wanted)
            where = f"call {nth} was {world.line.calls[nth - 1]}; {first}"
            world.line.expect({})
            if first.complete:
                await assert_converged(machine, wanted, untouched)
            if trouble not in LATE.values():
                assert first.complete, where
                return
            await world.line.settle()
            second = await machine.apply(wanted)
            assert second.complete, f"{where}; {second}"
            await assert_converged(machine, wanted, untouched)


@pytest.mark.parametrize("trouble", [name for name in TROUBLES if name not in OF_ONE_KIND])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_whatever_befalls_one_call_the_next_run_converges(scenario: Scenario, trouble: str) -> None:
    for nth in share(range(1, await calls_of(scenario) + 1), list(TROUBLES).index(trouble)):
        await survive(scenario, nth, TROUBLES[trouble])


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_with_a_key_of_the_project_as_credential_it_converges_as_well(trouble: str) -> None:
    for nth in share(range(1, await calls_of(everything, "1.9.x") + 1), list(TROUBLES).index(trouble)):
        await survive(everything, nth, TROUBLES[trouble], "1.9.x")


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize("scenario", [fresh, resumed, too_late], ids=lambda scenario: scenario.__name__)
async def test_where_secrets_are_shown_once_none_is_lost(scenario: Scenario, trouble: str) -> None:
    for nth in share(range(1, await calls_of(scenario, hides=True) + 1), list(TROUBLES).index(trouble)):
        await survive(scenario, nth, TROUBLES[trouble], hides=True)


@pytest.mark.parametrize("scenario", [fresh, too_late, everything], ids=lambda scenario: scenario.__name__)
async def test_a_call_that_arrives_amid_the_next_run_is_mended_by_the_one_after(scenario: Scenario) -> None:
    for nth in range(1, await calls_of(scenario) + 1):
        with a_folder() as folder:
            async with a_world() as world:
                machine, wanted = await prepare(scenario, world, folder)
                untouched = await world.unmanaged()
                world.line.expect({nth: HeldBack()})
                await machine.apply(wanted)
                async with machine.reconciler(wanted) as reconciler:
                    planned = await reconciler.plan(EVERYTHING)
                    await world.line.settle()
                    await reconciler.apply(planned)
                assert (await machine.apply(wanted)).complete
                await assert_converged(machine, wanted, untouched)


troubled_calls: st.SearchStrategy[dict[int, Any]] = st.dictionaries(
    st.integers(1, 60), st.sampled_from(list(TROUBLES.values())), min_size=2, max_size=25
)


@pytest.mark.slow
@settings(max_examples=75)
@given(scenario=st.sampled_from(SCENARIOS), first=troubled_calls, second=troubled_calls)
async def test_after_two_runs_full_of_trouble_a_quiet_one_converges(
    scenario: Scenario, first: dict[int, Trouble], second: dict[int, Trouble]
) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine, wanted = await prepare(scenario, world, folder)
            untouched = await world.unmanaged()
            for troubles in (first, second):
                world.line.expect(troubles)
                with suppress(ReconcilerError):
                    await machine.apply(wanted)
            world.line.expect({})
            await world.line.settle()
            assert (await machine.apply(wanted)).complete
            await assert_converged(machine, wanted, untouched)
