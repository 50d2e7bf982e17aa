"""Two applies at once end like one: one live key for each name, and its one secret in every sink."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from reconciler.core.desired import Desired, SinkSpec
from reconciler.core.outcome import Status
from reconciler.core.plan import Deliver
from tests.support.clocks import StandingClock
from tests.support.folders import a_folder
from tests.support.processes import Server, a_server, delivered, ended, start, write_manifest
from tests.support.scenarios import NEED_SECRETS_AGAIN, SCENARIOS, Scenario, prepare
from tests.support.turns import Turns
from tests.support.world import Machine, a_world, assert_converged, desired, held, key

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


KEYS = {
    name: {"scopes": ["rows.read"], "deliver": [{"dotenv": {"path": "app.env", "variable": name.upper()}}]}
    for name in ("web", "jobs", "cron")
}
APPLY = ("apply", "--auto-approve")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with a_server() as running:
        yield running


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
    assert over.code == 130
    (waited,) = (each for each in over.report["environments"][0]["results"] if each["status"] != "applied")
    assert waited["status"] == "failed"
    assert waited["message"].startswith("in progress elsewhere: another run created this key at ")
    server.gate("release", project, deliver=True)
    assert ended(first, here).code == 0


def until_said(file: Path, words: str) -> str:
    """What a process has said into a file once it says these words."""
    said = ""
    for _ in range(600):
        said = file.read_text(encoding="utf-8") if file.exists() else ""
        if words in said:
            return said
        time.sleep(0.1)
    raise AssertionError(said)
