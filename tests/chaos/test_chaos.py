"""The short form of `make chaos`, and that it can fail: two seeds for each server, and programs that are broken.

What a broken program does wrong is found on seeds that were looked up with
`python -m tests.chaos --sabotage NAME`; where the draw changes, others have to be.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.chaos.arena import Arena, an_arena
from tests.chaos.cases import Key, Kill, Place, Run
from tests.chaos.drawing import PROFILES, draw
from tests.chaos.running import run
from tests.chaos.sabotage import SABOTAGES

SEEDS = range(2 * len(PROFILES))
QUICK = ("dotenv", "exec")
"""Kinds of sinks that need no server, of which none is long to start."""
FOUND = {
    "commits before it delivers": (0, "is committed, and"),
    "makes keys that never die": (0, "never worked, and does not expire"),
    "tells secrets": (0, "a secret is in the output"),
    "cleans up keys of others": (0, "a key of somebody else was changed"),
    "forgets a sink": (0, "is committed, and"),
    "starts by deleting a key that works": (0, "held a key that works, and does not any more"),
    "makes another key where the server shows the secret": (6, "works on without need beside another generation"),
    "lets a key work on that never did": (11, "works on without need beside another generation"),
}

TRIAL = 5
"""Of the calls of an apply of one key, the one that tries its secret: after two for facts, list and creation."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    with an_arena(QUICK) as ready:
        yield ready


@pytest.mark.parametrize("seed", SEEDS)
def test_amid_faults_and_deaths_nothing_is_lost_and_the_next_run_converges(arena: Arena, seed: int) -> None:
    run(arena, draw(seed, arena.kinds))


@pytest.mark.parametrize("way", FOUND)
def test_a_program_that_is_broken_is_found_out(arena: Arena, way: str) -> None:
    seed, complaint = FOUND[way]

    with pytest.raises(AssertionError) as found:
        run(arena, draw(seed, arena.kinds), way)

    assert complaint in str(found.value).splitlines()[0]


@pytest.mark.parametrize(("way", "fails"), [("", False), ("writes what is there", True)])
def test_what_is_delivered_already_when_the_program_dies_is_not_written_again(
    arena: Arena, way: str, fails: bool
) -> None:
    key = Key(name="web", title="web", scopes=("rows.read",), places=(Place(kind="dotenv", number=1),))
    dies = Kill(where="server", nth=TRIAL, when="before")
    run_ = Run(parallelism=1, rules=(), troubles=(), kill=dies, wait=timedelta(0), elsewhere=False)
    case = replace(draw(3, arena.kinds), hides=False, before=(), meddling=(), keys=(key,), runs=(run_,), settles=True)

    with pytest.raises(AssertionError, match="written again without need") if fails else nullcontext():
        run(arena, case, way)


def test_every_way_to_break_the_program_is_tried() -> None:
    assert {*FOUND, "writes what is there"} == set(SABOTAGES)


def test_a_seed_is_the_same_case_each_time_and_the_seeds_are_spread_over_all_servers(arena: Arena) -> None:
    cases = [draw(seed, arena.kinds) for seed in SEEDS]

    assert cases == [draw(seed, arena.kinds) for seed in SEEDS]
    assert {case.profile for case in cases} == set(PROFILES)
    assert len({repr(case.keys) for case in cases}) == len(cases)
