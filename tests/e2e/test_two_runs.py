"""Two applies at once end like one: one live key for each name, and its one secret in every sink."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.core.desired import Desired, SinkSpec
from reconciler.core.outcome import Status
from tests.support.folders import a_folder
from tests.support.processes import Server, delivered, ended, run, start, write_manifest
from tests.support.scenarios import NEED_SECRETS_AGAIN, SCENARIOS, Scenario, prepare
from tests.support.turns import Turns
from tests.support.world import Machine, a_world, assert_converged, desired, key

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
@settings(max_examples=120)
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
            wanted_there = wanted if same_machine else elsewhere(wanted, there)
            turns = Turns()
            one.line, other.line = turns.line(0, world.line), turns.line(1, world.line)
            outcomes = await turns.take([one.apply(wanted), other.apply(wanted_there)], order)

            one.line = other.line = None
            if not all(outcome.complete for outcome in outcomes):
                for machine, what in ((one, wanted), (other, wanted_there)):
                    assert (await machine.apply(what)).complete, outcomes
            await assert_converged(one, wanted, untouched)
            await assert_converged(other, wanted_there, untouched)


@pytest.mark.parametrize("same_machine", [True, False], ids=["one machine", "two machines"])
async def test_a_run_that_is_second_to_create_a_key_leaves_it_to_the_first(same_machine: bool) -> None:
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
            assert result.status is Status.FAILED
            assert result.message.startswith("in progress elsewhere: ")
            assert [call.route for call in world.line.calls[6:9]] == ["POST keys", "POST keys", "GET key"]
            assert [call.route for call in world.line.calls].count("PUT key") == 2  # the first run's


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
    both = [start(folder, *APPLY) for folder in (here, there)]
    assert {ended(process, here).code for process in both} <= {0, 3}
    for folder in (here, there):
        assert run(folder, *APPLY).code == 0
    assert_one_secret_everywhere(server, project, here, there)


@pytest.mark.parametrize("same_machine", [True, False], ids=["one machine", "two machines"])
def test_a_run_leaves_alone_what_another_one_is_at_work_on(server: Server, tmp_path: Path, same_machine: bool) -> None:
    project, here, there = sites(server, tmp_path, same_machine=same_machine)
    server.gate("arm", project, nth=4, when="before")
    first = start(here, *APPLY, "--parallelism", "1")
    server.gate("wait", project, calls=1)
    (held_up,) = server.keys(project).values()

    second = run(there, *APPLY, "--format", "json")

    assert second.code == 3
    results = {result["id"]: result for result in second.report["environments"][0]["results"]}
    waiting = results.pop(held_up["$id"])
    assert waiting["status"] == "failed"
    assert waiting["message"].startswith("in progress elsewhere: ")
    assert {result["status"] for result in results.values()} == {"applied"}
    assert server.keys(project)[held_up["$id"]] == held_up
    server.gate("release", project, deliver=True)
    assert ended(first, here).code == 0
    for folder in (here, there):
        assert run(folder, *APPLY).code == 0
    assert_one_secret_everywhere(server, project, here, there)
