"""Laws of plan and apply over random manifests beside random projects."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.connecting import connection
from reconciler.core.desired import Desired, DesiredKey
from reconciler.core.guards import Allowances, check
from reconciler.core.keys import Live
from reconciler.core.manifest import parse
from reconciler.core.outcome import Status
from reconciler.core.plan import EnvironmentPlan, Plan
from reconciler.core.planner import plan_environment
from reconciler.core.resolve import resolve
from reconciler.core.secret import Secret
from reconciler.edge.documents import from_text
from reconciler.edge.resources import schema, shipped_catalogue
from reconciler.edge.sinks import InstalledSinks
from reconciler.emulator import Profile
from reconciler.formats.data import plan_json
from reconciler.formats.markdown import plan_markdown
from reconciler.formats.text import plan_text
from tests.support.folders import a_folder
from tests.support.situations import SLUGS, START, Situation, bring_about, declare, scopes, situations
from tests.support.world import PROJECT, Machine, Shown, a_world, desired, first_id, held, key

pytestmark = pytest.mark.anyio

profiles: st.SearchStrategy[Profile] = st.sampled_from(["main", "1.9.x"])
seeds = st.integers(0, 1000).map(Random)
expire_texts = st.sampled_from(["never", "90d", "30m", "2031-01-01T00:00:00+02:00", "2020-01-01T00:00:00Z"])
manifest_keys = st.fixed_dictionaries(
    {"scopes": scopes.map(sorted)},
    optional={
        "name": st.sampled_from(["A", "Clé", "x" * 128]),
        "expire": expire_texts,
        "deliver": st.just([{"dotenv": {"path": "{name}.env", "variable": "KEY"}}]),
    },
)


def rendered(planned: EnvironmentPlan, wanted: Desired) -> tuple[str, ...]:
    """Every rendering of a plan and its refusals."""
    plan, refusals = Plan(environments=(planned,)), check(wanted, planned, Allowances())
    return (
        plan_text(plan, refusals, width=100, color=True, verbose=True),
        plan_json(plan, refusals),
        plan_markdown(plan, refusals),
    )


def assert_as_declared(wanted: DesiredKey, live: Shown) -> None:
    assert live["name"] == wanted.name
    assert set(live["scopes"]) == wanted.scopes
    if live["expire"] and live["expire"] <= START.isoformat(timespec="milliseconds"):
        return  # a dead key is delivered nowhere
    for sink in wanted.sinks:
        assert held(sink) == live["secret"]


def shuffled(data: Any, chance: Random) -> Any:
    """The same document with every mapping and every list of scopes in another order."""
    if isinstance(data, dict):
        names = chance.sample(list(data), len(data))
        return {name: shuffled(data[name], chance) for name in names}
    if isinstance(data, list) and all(isinstance(each, str) for each in data):
        return chance.sample(data, len(data))
    return data


def wanted_by(data: dict[str, Any], folder: Path) -> Desired:
    """What a manifest wants of its environment `local`."""
    manifest = parse(from_text(json.dumps(data), folder / "keys.yaml"), schema("manifest"))
    return resolve(manifest, connection(manifest, "local", {}), catalogue=shipped_catalogue(), server_scopes=None)


def in_other_order(live: Live, wanted: Desired, observed: dict[Any, Secret | None], chance: Random) -> tuple[str, ...]:
    """The renderings of the plan when everything comes in another order."""
    wanted = replace(wanted, keys=tuple(chance.sample(wanted.keys, len(wanted.keys))))
    live = replace(live, keys=tuple(chance.sample(live.keys, len(live.keys))))
    observed = {sink: observed[sink] for sink in chance.sample(list(observed), len(observed))}
    return rendered(plan_environment(wanted, live, observed), wanted)


@pytest.mark.slow
@settings(max_examples=300)
@given(situation=situations, profile=profiles, parallelism=st.sampled_from([1, 4]))
async def test_after_an_apply_the_plan_is_empty_and_foreign_keys_are_what_they_were(
    situation: Situation, profile: Profile, parallelism: int
) -> None:
    with a_folder() as folder:
        async with a_world(profile) as world:
            machine = Machine(world=world, folder=folder, parallelism=parallelism)
            await bring_about(situation, machine)
            untouched = await world.unmanaged()
            wanted = declare(situation, machine)
            outcome = await machine.apply(wanted)
            assert outcome.complete, outcome
            after = await machine.plan(wanted)
            assert after.plan.changes == ()
            assert await world.unmanaged() == untouched
            keys = await world.keys()
            live = {unchanged.address: keys[unchanged.key_id] for unchanged in after.plan.environments[0].unchanged}
            assert len(live) == len(keys) - len(untouched)
            for each in wanted.keys:
                if each.address in live:
                    assert_as_declared(each, live[each.address])


@pytest.mark.slow
@settings(max_examples=200)
@given(situation=situations, profile=profiles, chance=seeds)
async def test_a_plan_is_the_same_bytes_in_whatever_order_its_inputs_come(
    situation: Situation, profile: Profile, chance: Random
) -> None:
    with a_folder() as folder:
        async with a_world(profile) as world:
            machine = Machine(world=world, folder=folder)
            await bring_about(situation, machine)
            wanted = declare(situation, machine)
            (first,) = (await machine.plan(wanted)).environments
            (second,) = (await machine.plan(wanted)).environments
        observed = dict(InstalledSinks().observe(sink for each in wanted.keys for sink in each.sinks))
    assert rendered(second.plan, wanted) == rendered(first.plan, wanted)
    assert in_other_order(first.live, wanted, observed, chance) == rendered(first.plan, wanted)


@pytest.mark.slow
@settings(max_examples=100)
@given(
    shared=st.dictionaries(st.sampled_from(SLUGS), manifest_keys, max_size=5),
    own=st.dictionaries(st.sampled_from([*SLUGS, "E.1"]), manifest_keys, max_size=4),
    situation=situations,
    chance=seeds,
)
async def test_the_order_of_a_manifest_s_entries_changes_no_byte_of_the_plan(
    shared: dict[str, Any], own: dict[str, Any], situation: Situation, chance: Random
) -> None:
    local = {"endpoint": "emulator", "project": PROJECT, "keys": own, "allow_empty": True}
    data = {"version": 1, "owner": "team", "keys": shared, "environments": {"local": local}}
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            await bring_about(situation, machine)
            renderings = []
            for order in (data, shuffled(data, chance)):
                wanted = wanted_by(order, folder)
                (planned,) = (await machine.plan(wanted)).environments
                renderings.append(rendered(planned.plan, wanted))
    assert renderings[0] == renderings[1]


async def test_a_key_whose_id_is_ours_in_other_letters_is_never_taken_for_ours() -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            wanted = desired(key("a", machine.dotenv("A")), key("b"))
            for slug, name in (("a", "A (undelivered)"), ("b", "B")):
                end = None if slug == "b" else START.replace(year=2031)
                world.emulator.add_key(PROJECT, first_id(slug).upper(), ["rows.read"], name=name, expire=end)
            world.time.move(hours=1)
            untouched = await world.unmanaged()

            outcome = await machine.apply(wanted)

            for result in outcome.environments[0].results:
                assert result.status is Status.FAILED
                assert "is taken by a key in other letters" in result.message
            assert await world.keys() == untouched
            assert held(machine.dotenv("A")) is None
