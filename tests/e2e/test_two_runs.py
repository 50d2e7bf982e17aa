"""Two applies at once end like one: one live key for each name, and its one secret in every sink."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.app.beside import PATIENCE
from reconciler.core.beside import InHand
from reconciler.core.desired import Desired, SinkSpec
from reconciler.core.outcome import Status
from reconciler.core.plan import Deliver
from reconciler.emulator import Profile
from tests.race.racing import a_course
from tests.support.clocks import FakeClock, StandingClock
from tests.support.folders import a_folder
from tests.support.processes import Server, delivered, ended, start, until_said, write_manifest
from tests.support.scenarios import NEED_SECRETS_AGAIN, SCENARIOS, Scenario, left_over, prepare
from tests.support.turns import Turns
from tests.support.world import (
    Machine,
    World,
    a_world,
    assert_converged,
    desired,
    first_id,
    generation,
    held,
    is_ours,
    key,
)

pytestmark = pytest.mark.anyio


def elsewhere(wanted: Desired, folder: Path) -> Desired:
    """The same manifest in another folder, which its sinks are relative to."""

    def moved(sink: SinkSpec) -> SinkSpec:
        options = (
            (name, str(folder / Path(str(text)).name) if name == "path" else text) for name, text in sink.options
        )
        return replace(sink, options=tuple(options))

    return replace(
        wanted, keys=tuple(replace(key, sinks=tuple(moved(sink) for sink in key.sinks)) for key in wanted.keys)
    )


@pytest.mark.slow
@settings(max_examples=60)
@given(
    scenario=st.sampled_from(SCENARIOS),
    order=st.lists(st.integers(0, 1), min_size=20, max_size=60),
    same_machine=st.booleans(),
    hides=st.booleans(),
)
async def test_two_runs_in_any_order_of_their_calls_end_like_one(
    scenario: Scenario, order: list[int], same_machine: bool, hides: bool
) -> None:
    # A server that hides secrets gives none to the machine that did not create the key, or lost it.
    assume(not hides or (same_machine and scenario not in NEED_SECRETS_AGAIN))
    with a_folder() as here, a_folder() as there:
        async with a_world(hides=hides) as world:
            one, wanted = await prepare(scenario, world, here)
            untouched = await world.unmanaged()
            other_folder = here if same_machine else there
            other = Machine(world=world, folder=other_folder, seed=1000, parallelism=one.parallelism)
            one.clock = other.clock = StandingClock()
            wanted_there = wanted if same_machine else elsewhere(wanted, there)
            turns = Turns()
            one.line, other.line = turns.line(0, world.line), turns.line(1, world.line)
            outcomes = await turns.take([one.apply(wanted), other.apply(wanted_there)], order)

            one.line = other.line = None
            assert all(outcome.complete for outcome in outcomes), outcomes
            await assert_converged(one, wanted, untouched)
            await assert_converged(other, wanted_there, untouched)


@pytest.mark.parametrize("same_machine", [True, False], ids=["one machine", "two machines"])
async def test_a_run_that_is_second_to_create_a_key_waits_for_the_first_and_looks_again(same_machine: bool) -> None:
    with a_folder() as here, a_folder() as there:
        async with a_world() as world:
            machines = [Machine(world=world, folder=here), Machine(world=world, folder=there, seed=1000)]
            if same_machine:
                machines[1].folder = here
            wanted = [desired(key("a", machine.dotenv("A"))) for machine in machines]
            turns = Turns()
            for runner, machine in enumerate(machines):
                machine.line = turns.line(runner, world.line)
            world.line.expect({})
            both_plan, the_first_creates = [0, 1] * 3, [0]
            runs = [machine.apply(each) for machine, each in zip(machines, wanted, strict=True)]
            first, second = await turns.take(runs, [*both_plan, *the_first_creates, 1, 1, 1, 1])

            assert first.complete
            ((result,),) = (environment.results for environment in second.environments)
            if same_machine:
                assert (result.status, result.message) == (Status.ALREADY_SO, "another run did it")
            else:  # the key is there, and is brought to the sink of this one too
                assert (type(result.change), result.status) == (Deliver, Status.APPLIED)
            assert [call.route for call in world.line.calls[6:9]] == ["POST keys", "POST keys", "GET key"]
            writes = [call.route for call in world.line.calls].count("PUT key")
            assert writes == (2 if same_machine else 3)  # the first run's, and one for the server's cache
            assert len({held(sink) for each in wanted for key in each.keys for sink in key.sinks}) == 1


async def test_a_run_that_does_not_finish_is_not_waited_for_longer_than_a_minute() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            clock = FakeClock()
            machine = Machine(world=world, folder=folder, clock=clock)
            wanted = desired(key("a", machine.dotenv("A")), key("b", machine.dotenv("B")))
            await left_over(machine, "a", lives=timedelta(days=7))

            (environment,) = (await machine.apply(wanted)).environments

            a, b = environment.results
            assert (a.status, b.status) == (Status.FAILED, Status.APPLIED)
            assert a.message == "in progress elsewhere: another run created this key at 2030-01-01T12:00:00Z"
            assert a.hint == "let it finish, or run it again after 2030-01-01T12:15:00Z"
            _, *waits, the_last_wait, _ = clock.sleeps  # a second for the server's cache, before and after
            assert sum(waits) + the_last_wait == pytest.approx(PATIENCE)
            assert waits == sorted(waits)


class TakenBack(FakeClock):
    """While somebody sleeps, another run takes its key back, as where its sink refuses."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def sleep(self, seconds: float) -> None:
        if len(self.sleeps) == 1:  # before and after that it is for the server's cache
            await self._world.owner.delete(f"/project/keys/{first_id('a')}")
        await super().sleep(seconds)


class Edited(FakeClock):
    """While somebody sleeps, a person changes a key."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    async def sleep(self, seconds: float) -> None:
        await self._world.put(first_id("a"), name="By hand", scopes=["users.read"], expire=None)
        await super().sleep(seconds)


async def test_what_a_person_changes_before_the_cache_is_refreshed_stays(tmp_path: Path) -> None:
    async with a_world("1.9.x") as world:
        machine = Machine(world=world, folder=tmp_path, clock=Edited(world))

        outcome = await machine.apply(desired(key("a", machine.dotenv("A"))))

        assert outcome.complete
        shown = (await world.keys())[first_id("a")]
        assert (shown["name"], shown["scopes"]) == ("By hand", ["users.read"])
        assert world.line.calls[-1].route == "PUT key"  # and the cache was refreshed


@pytest.mark.parametrize("hides", [False, True], ids=["shows secrets", "hides secrets"])
async def test_what_another_run_takes_back_is_made_by_the_one_that_waited(hides: bool) -> None:
    with a_folder() as folder:
        async with a_world(hides=hides) as world:
            machine = Machine(world=world, folder=folder, clock=TakenBack(world))
            wanted = desired(key("a", machine.dotenv("A")))
            waited: list[InHand] = []
            async with machine.reconciler(wanted) as reconciler:
                planned = await reconciler.plan()
                await left_over(machine, "a", lives=timedelta(days=7))

                outcome = await reconciler.apply(planned, waiting=waited.extend)

            assert [result.status for result in outcome.environments[0].results] == [Status.APPLIED]
            assert waited == [InHand(address="local/a", key_id=first_id("a"))]
            (made,) = (await world.keys()).values()
            assert (made["$id"], made["secret"]) == (first_id("a"), held(wanted.keys[0].sinks[0]))


class Crowded(FakeClock):
    """While somebody sleeps, another run takes its key back, and a person's key takes the last place of the project."""

    def __init__(self, world: World, fill: Callable[[], None]) -> None:
        super().__init__()
        self._world, self._fill = world, fill

    async def sleep(self, seconds: float) -> None:
        if not self.sleeps:
            await self._world.owner.delete(f"/project/keys/{first_id('a')}")
            body = {"keyId": "by-hand", "name": "By hand", "scopes": ["rows.read"]}
            (await self._world.owner.post("/project/keys", json=body)).raise_for_status()
            self._fill()
        await super().sleep(seconds)


async def test_what_is_left_after_a_wait_is_judged_by_the_limit_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_world() as world:
        fill = partial(monkeypatch.setattr, "reconciler.core.guards.MAX_KEYS", 1)
        machine = Machine(world=world, folder=tmp_path, clock=Crowded(world, fill))
        wanted = desired(key("a", machine.dotenv("A")))
        async with machine.reconciler(wanted) as reconciler:
            planned = await reconciler.plan()
            await left_over(machine, "a", lives=timedelta(days=7))

            outcome = await reconciler.apply(planned)

        ((result,),) = (environment.results for environment in outcome.environments)
        assert (result.status, result.message) == (Status.FAILED, "refused by now (limit)")
        assert list(await world.keys()) == ["by-hand"]


@pytest.mark.parametrize("profile", get_args(Profile))
async def test_two_homes_of_one_key_do_not_take_it_from_each_other(profile: Profile) -> None:
    """Where secrets are hidden, machines with files of their own are told to share a place: one rotation, not many."""
    with a_folder() as here, a_folder() as there:
        async with a_world(profile, hides=True) as world:
            machines = [Machine(world=world, folder=here), Machine(world=world, folder=there, seed=1000)]
            wanted = [desired(key("a", machine.dotenv("A"))) for machine in machines]
            for _ in range(3):
                for machine, each in zip(machines, wanted, strict=True):
                    assert (await machine.apply(each)).complete

            assert sorted(map(generation, filter(is_ours, await world.keys()))) == [1, 2]
            (told,) = (await machines[0].plan(wanted[0])).plan.environments
            assert told.changes == ()
            (warning,) = told.warnings
            assert f"has delivered {first_id('a')[:-1]}2, which this server never shows again" in warning


KEYS = {
    name: {"scopes": ["rows.read"], "deliver": [{"dotenv": {"path": "app.env", "variable": name.upper()}}]}
    for name in ("web", "jobs", "cron")
}
APPLY = ("apply", "--auto-approve")


def sites(server: Server, parent: Path, *, same_machine: bool) -> tuple[str, Path, Path]:
    """A new project and the folders of two runs on it."""
    project = server.project()
    here, there = parent / "here", parent / ("here" if same_machine else "there")
    for folder in (here, there):
        write_manifest(folder, server, project, KEYS)
    return project, here, there


def assert_one_secret_everywhere(server: Server, project: str, *folders: Path) -> None:
    live = {key_id.split(".")[0]: shown for key_id, shown in server.keys(project).items()}
    assert sorted(live) == sorted(KEYS)
    assert len(live) == len(server.keys(project))
    for name, shown in live.items():
        assert shown["name"] == name
        assert shown["expire"] == ""
        assert {delivered(folder, name.upper()) for folder in folders} == {shown["secret"]}
        assert server.accepts(project, shown["secret"])


@pytest.mark.parametrize("same_machine", [True, False], ids=["one machine", "two machines"])
def test_two_processes_at_once_end_like_one(server: Server, tmp_path: Path, same_machine: bool) -> None:
    project, here, there = sites(server, tmp_path, same_machine=same_machine)
    both = [start(folder, *APPLY, stderr=name) for name, folder in (("one", here), ("other", there))]
    for name, folder, process in zip(("one", "other"), (here, there), both, strict=True):
        over = ended(process, folder, stderr=name)
        assert over.code == 0, over
    assert_one_secret_everywhere(server, project, here, there)


@pytest.mark.parametrize("same_machine", [True, False], ids=["one machine", "two machines"])
def test_a_run_leaves_alone_what_another_one_is_at_work_on(server: Server, tmp_path: Path, same_machine: bool) -> None:
    project, here, there = sites(server, tmp_path, same_machine=same_machine)
    server.gate("arm", project, nth=4, when="before")
    first = start(here, *APPLY, "--parallelism", "1")
    server.gate("wait", project, calls=1)
    (held_up,) = server.keys(project).values()

    second = start(there, *APPLY, "--format", "json", stderr="second")
    said = until_said(there / "second", "waiting for another run")

    assert "waiting for another run: it has live/cron in hand; Ctrl-C ends the wait" in said
    assert len(server.keys(project)) == len(KEYS)  # what nobody has in hand is done before it waits
    assert server.keys(project)[held_up["$id"]] == held_up
    server.gate("release", project, deliver=True)
    assert ended(first, here).code == 0
    over = ended(second, there, stderr="second")
    assert over.code == 0
    results = {result["id"]: result for result in over.report["environments"][0]["results"]}
    waited = results.pop(held_up["$id"])
    if same_machine:
        assert (waited["status"], waited["message"]) == ("already_so", "another run did it")
    else:
        assert (waited["status"], waited["action"]) == ("applied", "deliver")
    assert {result["status"] for result in results.values()} == {"applied"}
    assert_one_secret_everywhere(server, project, here, there)


def test_ctrl_c_ends_the_wait_and_the_report_says_whose_the_key_is(server: Server, tmp_path: Path) -> None:
    project, here, there = sites(server, tmp_path, same_machine=False)
    server.gate("arm", project, nth=4, when="before")
    first = start(here, *APPLY, "--parallelism", "1")
    server.gate("wait", project, calls=1)

    second = start(there, *APPLY, "--format", "json")
    until_said(there / "stderr", "waiting for another run")
    second.send_signal(signal.SIGINT)

    over = ended(second, there)
    assert over.code == 3
    (waited,) = (each for each in over.report["environments"][0]["results"] if each["status"] != "applied")
    assert waited["status"] == "failed"
    assert waited["message"].startswith("in progress elsewhere: another run created this key at ")
    server.gate("release", project, deliver=True)
    assert ended(first, here).code == 0


@pytest.mark.parametrize("profile", get_args(Profile))
def test_two_processes_over_a_due_rotation_make_one_generation_and_both_end_well(
    profile: Profile, tmp_path: Path
) -> None:
    """`make two-runs RUNS=200` does it more often."""
    with a_course(profile, tmp_path) as course:
        ends = [course.race(same_machine=same) for same in (True, False, True, False)]
        assert course.generations == len(ends)
        assert {race.codes for race in ends} == {(0, 0)}


def test_two_destroys_at_once_end_like_one(server: Server, tmp_path: Path) -> None:
    project, here, there = sites(server, tmp_path, same_machine=False)
    assert ended(start(here, *APPLY), here).code == 0
    destroy = "destroy", "-e", "live", "--auto-approve"
    both = [(folder, start(folder, *destroy)) for folder in (here, there)]
    assert [ended(process, folder).code for folder, process in both] == [0, 0]
    assert server.keys(project) == {}


@pytest.mark.parametrize("same_machine", [True, False], ids=["one machine", "two machines"])
def test_a_saved_plan_that_two_processes_apply_at_once_is_done_once(
    server: Server, tmp_path: Path, same_machine: bool
) -> None:
    project, here, there = sites(server, tmp_path, same_machine=same_machine)
    assert ended(start(here, "plan", "--out", "plan.json"), here).code == 0
    server.gate("arm", project, nth=5, when="before")
    first = start(here, "apply", "plan.json", stderr="first")
    server.gate("wait", project, calls=1)
    second = start(there, "apply", str(here / "plan.json"), "-f", "keys.yaml", "--format", "json", stderr="second")
    until_said(there / "second", "waiting for another run")
    server.gate("release", project, deliver=True)
    assert ended(first, here, stderr="first").code == 0
    over = ended(second, there, stderr="second")
    assert over.code == 0, over
    assert_one_secret_everywhere(server, project, here, there)
