"""A year of rotations on every server: random manifests, runs at all paces, runs that are killed or fail at a sink, two
at once, hands in the Console, and people who ask for rotations. What must hold at every instant is in
tests/support/year.py.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.desired import After, DesiredKey, Rotation, SinkSpec
from reconciler.emulator import Profile
from tests.support.folders import a_folder
from tests.support.world import PROJECT, Machine, a_world, desired, key
from tests.support.year import ASKS, DAY, FAILS, HANDS, HOUR, TWO, Simulation, Step

pytestmark = pytest.mark.anyio

YEARS = int(os.environ.get("YEARS", "0"))
"""How many years `make years` looks at, other ones each time."""

PROFILES: list[Profile] = ["1.9.x", "main", "2.6.2"]
ROTATIONS = [
    Rotation(every=DAY, overlap=12 * HOUR),
    Rotation(every=7 * DAY, overlap=2 * DAY),
    Rotation(every=30 * DAY, overlap=7 * DAY),
    Rotation(every=90 * DAY, overlap=89 * DAY),
    Rotation(every=90 * DAY, overlap=14 * DAY),
]
PACES = [HOUR, 6 * HOUR, DAY, DAY, 3 * DAY, 10 * DAY, 40 * DAY]


@dataclass(frozen=True, slots=True, kw_only=True)
class Year:
    """Rotations of the keys a, b …; the first is an adopted one where that is said."""

    rotations: tuple[Rotation, ...]
    steps: tuple[Step, ...]
    adopts: bool
    hides: bool


def years(longest: int) -> st.SearchStrategy[Year]:
    whats = st.sampled_from(["a run"] * 8 + FAILS * 2 + ASKS + HANDS + [TWO] * 3)
    step = st.builds(
        Step,
        after=st.sampled_from(PACES),
        what=whats,
        nth=st.integers(1, 14),
        which=st.integers(0, 2),
        order=st.lists(st.integers(0, 1), max_size=30).map(tuple),
    )
    return st.builds(
        Year,
        rotations=st.lists(st.sampled_from(ROTATIONS), min_size=1, max_size=2).map(tuple),
        steps=st.lists(step, min_size=longest // 2, max_size=longest).map(tuple),
        adopts=st.booleans(),
        hides=st.booleans(),
    )


def rotating(slug: str, sink: SinkSpec, rotation: Rotation, adopts: str | None) -> DesiredKey:
    return replace(key(slug, sink, expiry=After(rotation.life)), rotation=rotation, adopts=adopts)


async def live_through(year: Year, profile: Profile) -> Simulation:
    with a_folder() as folder, a_folder() as elsewhere:
        async with a_world(profile, hides=year.hides and profile != "2.6.2") as world:
            machine = Machine(world=world, folder=folder)
            if year.adopts:
                world.time.now -= 200 * DAY
                world.emulator.add_key(PROJECT, "by-hand", ["rows.read"], name="By hand")
                world.time.now += 200 * DAY
            slugs = "ab"[: len(year.rotations)]
            sinks = {slug: machine.dotenv(slug.upper(), f"{slug}.env") for slug in slugs}
            adopted = ["by-hand" if year.adopts and slug == "a" else None for slug in slugs]
            wanted = desired(
                *(
                    rotating(slug, sinks[slug], rotation, adopts)
                    for slug, rotation, adopts in zip(slugs, year.rotations, adopted, strict=True)
                )
            )
            other = Machine(world=world, folder=elsewhere, seed=1000)
            simulation = Simulation(world=world, machine=machine, other=other, wanted=wanted, sinks=sinks)
            for step in year.steps:
                await simulation.step(step)
            return simulation


@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=8)
@given(year=years(24))
async def test_whatever_happens_in_a_season_nobody_holds_a_dead_secret(profile: Profile, year: Year) -> None:
    await live_through(year, profile)


@pytest.mark.slow
@pytest.mark.parametrize("profile", PROFILES)
@settings(max_examples=YEARS or 3, derandomize=not YEARS)
@given(year=years(80))
async def test_whatever_happens_in_a_year_nobody_holds_a_dead_secret(profile: Profile, year: Year) -> None:
    await live_through(year, profile)


@pytest.mark.parametrize(("profile", "pace"), [("main", DAY), *((profile, 6 * DAY) for profile in PROFILES)])
async def test_a_pipeline_that_runs_in_peace_rotates_once_for_each_date(profile: Profile, pace: timedelta) -> None:
    steps = tuple(Step(after=pace) for _ in range(365 * DAY // pace))
    year = Year(rotations=(Rotation(every=30 * DAY, overlap=7 * DAY),), steps=steps, adopts=False, hides=False)

    simulation = await live_through(year, profile)

    assert 12 <= simulation.rotations <= 16
    assert simulation.failed == []
