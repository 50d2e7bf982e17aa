"""Laws of plan and apply over random manifests beside random projects."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.connecting import connection
from reconciler.core.desired import At, Desired, DesiredKey, Expiry, Never, SinkSpec
from reconciler.core.globs import Selection
from reconciler.core.guards import Allowances, check
from reconciler.core.holding import Holding
from reconciler.core.keys import Live
from reconciler.core.manifest import parse
from reconciler.core.outcome import Status
from reconciler.core.plan import EnvironmentPlan, Plan, Reason
from reconciler.core.planner import plan_environment
from reconciler.core.resolve import resolve
from reconciler.edge.documents import from_text
from reconciler.edge.resources import schema, shipped_catalogue
from reconciler.edge.sinks import InstalledSinks
from reconciler.emulator import Profile
from reconciler.errors import GuardError, ManifestError
from reconciler.formats.markdown import plan_markdown
from reconciler.formats.text import plan_text
from tests.support.folders import a_folder
from tests.support.saving import plan_json
from tests.support.situations import (
    FORMER,
    SLUGS,
    START,
    Situation,
    bring_about,
    declare,
    scopes,
    situations,
)
from tests.support.world import PROJECT, Machine, Shown, World, a_world, desired, first_id, held, key

pytestmark = pytest.mark.anyio

profiles: st.SearchStrategy[Profile] = st.sampled_from(["main", "1.9.x"])
seeds = st.integers(0, 1000).map(Random)
expire_texts = st.sampled_from(["never", "90d", "30m", "2031-01-01T00:00:00+02:00", "2020-01-01T00:00:00Z"])
manifest_keys = st.fixed_dictionaries(
    {"scopes": scopes.map(sorted) | scopes.map(lambda each: [f"+{scope}" for scope in sorted(each)])},
    optional={
        "description": st.just("For the shop"),
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


def untouchable(situation: Situation, keys: dict[str, Shown]) -> dict[str, Shown]:
    """The keys that no run of this manifest may change."""
    return {key_id: each for key_id, each in keys.items() if not situation.may_touch(key_id)}


async def seen(world: World) -> dict[str, Shown]:
    """Every key; a credential that is a key of the project is used first, since `accessedAt` moves once a day."""
    await world.unmanaged()
    return await world.keys()


async def applied(machine: Machine, wanted: Desired) -> EnvironmentPlan:
    """Apply, which must end well, and then plan again, which must find nothing to do."""
    outcome = await machine.apply(wanted)
    assert outcome.complete, outcome
    (after,) = (await machine.plan(wanted)).plan.environments
    assert after.changes == ()
    return after


def has_ended(key: Shown) -> bool:
    return bool(key["expire"]) and key["expire"] <= START.isoformat(timespec="milliseconds")


def is_relied_on(key: Shown) -> bool:
    """Whether a key works and no run has left it unfinished."""
    return not has_ended(key) and not (key["name"].endswith(" (undelivered)") and key["expire"])


def told(keys: dict[str, Shown]) -> dict[str, tuple[object, ...]]:
    """What a manifest decides of each key."""
    return {name: (key["name"], sorted(set(key["scopes"])), key["expire"]) for name, key in keys.items()}


def assert_alike(one: Shown, other: Shown) -> None:
    """Two keys that a manifest cannot tell apart: durations compare within a minute, nonces are random."""
    assert (one["name"], set(one["scopes"])) == (other["name"], set(other["scopes"]))
    assert bool(one["expire"]) == bool(other["expire"])
    if one["expire"]:
        apart = datetime.fromisoformat(one["expire"]) - datetime.fromisoformat(other["expire"])
        assert abs(apart) <= timedelta(minutes=1)


def is_undeclared(situation: Situation, key_id: str) -> bool:
    """Whether a key is owned, and nothing in the manifest speaks of it."""
    spoken = {slug for each in situation.declared for slug in (each.slug, each.former_slug)}
    named = {each.adopts for each in situation.declared} | situation.absent
    return situation.may_touch(key_id) and key_id.partition(".")[0] not in spoken and key_id not in named


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


def in_other_order(live: Live, wanted: Desired, observed: dict[SinkSpec, Holding], chance: Random) -> tuple[str, ...]:
    """The renderings of the plan when everything comes in another order."""
    wanted = replace(
        wanted,
        keys=tuple(chance.sample(wanted.keys, len(wanted.keys))),
        names={slug: wanted.names[slug] for slug in chance.sample(list(wanted.names), len(wanted.names))},
        ignore=tuple(chance.sample(wanted.ignore, len(wanted.ignore))),
        protect=tuple(chance.sample(wanted.protect, len(wanted.protect))),
    )
    live = replace(live, keys=tuple(chance.sample(live.keys, len(live.keys))))
    observed = {sink: observed[sink] for sink in chance.sample(list(observed), len(observed))}
    return rendered(plan_environment(wanted, live, observed), wanted)


@pytest.mark.slow
@settings(max_examples=300)
@given(situation=situations(), profile=profiles, parallelism=st.sampled_from([1, 4]))
async def test_after_an_apply_the_plan_is_empty_and_foreign_keys_are_what_they_were(
    situation: Situation, profile: Profile, parallelism: int
) -> None:
    with a_folder() as folder:
        async with a_world(profile) as world:
            machine = Machine(world=world, folder=folder, parallelism=parallelism)
            await bring_about(situation, machine)
            wanted = replace(declare(situation, machine), protect=())
            before = await seen(world)
            after = await applied(machine, wanted)
            keys = await seen(world)
            assert untouchable(situation, keys) == untouchable(situation, before)
            assert not situation.absent & keys.keys()
            live = {each.address: each.key_id for each in after.unchanged if each.reason is Reason.EQUAL}
            for each in wanted.keys:
                if each.address in live:
                    assert_as_declared(each, keys[live[each.address]])
            for declared in situation.declared:
                if declared.adopts:
                    assert live[f"local/{declared.slug}"] == declared.adopts
            assert {name: keys[name]["secret"] for name in before.keys() & keys.keys()} == {
                name: before[name]["secret"] for name in before.keys() & keys.keys()
            }


@pytest.mark.slow
@settings(max_examples=100)
@given(situation=situations(), profile=profiles)
async def test_keys_that_are_not_declared_go_as_prune_says(situation: Situation, profile: Profile) -> None:
    with a_folder() as folder:
        async with a_world(profile) as world:
            machine = Machine(world=world, folder=folder)
            await bring_about(situation, machine)
            before = await seen(world)
            await applied(machine, replace(declare(situation, machine), protect=()))
            keys = await seen(world)
    end = (START + situation.grace).isoformat(timespec="milliseconds")
    for key_id, was in before.items():
        if not is_undeclared(situation, key_id):
            continue
        if situation.prune == "report":
            assert keys[key_id] == was
        elif situation.prune == "delete" or has_ended(was):
            assert key_id not in keys
        elif was["name"].endswith((" (retiring)", " (undelivered)")) and was["expire"]:
            assert keys[key_id] == was
        else:
            assert keys[key_id]["expire"] == min(end, was["expire"] or end)
            assert keys[key_id]["name"].endswith(" (retiring)")


@pytest.mark.slow
@settings(max_examples=100)
@given(situation=situations(), profile=profiles)
async def test_a_protected_key_is_never_deleted_ended_or_narrowed(situation: Situation, profile: Profile) -> None:
    protect = situation.protect or ("*",)

    def is_protected(key_id: str) -> bool:
        slug = key_id.partition(".")[0]
        names = [slug] + [each.slug for each in situation.declared if slug == each.former_slug or key_id == each.adopts]
        return any(fnmatchcase(name, glob) for name in names for glob in protect)

    with a_folder() as folder:
        async with a_world(profile) as world:
            machine = Machine(world=world, folder=folder)
            await bring_about(situation, machine)
            before = await seen(world)
            try:
                await machine.apply(replace(declare(situation, machine), protect=protect))
            except GuardError as refusal:
                assert "(protect)" in refusal.message  # noqa: PT017
                assert await seen(world) == before
            keys = await seen(world)
    for key_id, was in before.items():
        if situation.owns(key_id) and is_protected(key_id) and is_relied_on(was):
            assert set(keys[key_id]["scopes"]) >= set(was["scopes"])
            assert not keys[key_id]["expire"] or (was["expire"] and keys[key_id]["expire"] >= was["expire"])


@pytest.mark.slow
@settings(max_examples=100)
@given(situation=situations(), glob=st.sampled_from(["local/a", "local/[bc]*", "*g*", "*", "none"]))
async def test_a_selection_changes_only_what_it_admits_and_two_halves_make_a_whole(
    situation: Situation, glob: str
) -> None:
    selections = (Selection(), Selection(targets=(glob,)), Selection(excludes=(glob,)))
    ends = []
    for parts in (selections[:1], selections[1:]):
        with a_folder() as folder:
            async with a_world() as world:
                machine = Machine(world=world, folder=folder)
                await bring_about(situation, machine)
                wanted = replace(declare(situation, machine), protect=())
                for selection in parts:
                    before = await seen(world)
                    outcome = await machine.apply(replace(wanted, selection=selection))
                    assert outcome.complete, outcome
                    changes = [result.change for result in outcome.environments[0].results]
                    assert all(selection.admits(change.address) for change in changes)
                    ids = {change.key_id for change in changes}
                    after = await seen(world)
                    assert {name for name in before | after if before.get(name) != after.get(name)} <= ids
                assert (await machine.plan(wanted)).plan.changes == ()
                ends.append(await world.keys())
    assert ends[0].keys() == ends[1].keys()
    for key_id, one in ends[0].items():
        assert_alike(one, ends[1][key_id])


@pytest.mark.slow
@settings(max_examples=100)
@given(situation=situations(), grace=st.sampled_from([timedelta(hours=1), timedelta(days=7)]))
async def test_an_end_is_taken_back_by_declaring_the_key_again_and_else_the_key_is_deleted(
    situation: Situation, grace: timedelta
) -> None:
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            newest = {each.id.partition(".")[0]: each for each in situation.live if each.id == first_id(each.id[:1])}
            mine = [each for each in newest.values() if each.lives is None or each.lives > each.age + grace]
            mine = [each for each in mine if not each.name.endswith(")") and each.name.strip()]
            await bring_about(replace(situation, live=tuple(mine), stale=()), machine)
            before = await world.keys()
            none = replace(desired(), prune="expire", prune_grace=grace)
            await applied(machine, none)
            ending = await world.keys()
            assert ending.keys() == before.keys()
            assert all(key["name"].endswith(" (retiring)") for key in ending.values())

            again = [
                key(each.id[:1], scopes=each.scopes, title=each.name, expiry=expiry_of(before[each.id]))
                for each in mine
            ]
            await applied(machine, replace(none, keys=tuple(again)))
            back = await world.keys()
            assert told(back) == told(before)
            assert {name: each["secret"] for name, each in back.items()} == {
                name: each["secret"] for name, each in before.items()
            }

            await applied(machine, none)
            world.time.move(seconds=grace.total_seconds())
            await applied(machine, none)
            assert await world.keys() == {}


def expiry_of(shown: Shown) -> Expiry:
    return At(datetime.fromisoformat(shown["expire"])) if shown["expire"] else Never()


@pytest.mark.slow
@settings(max_examples=100)
@given(situation=situations(), profile=profiles, chance=seeds)
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
    defaults=manifest_keys,
    situation=situations(),
    chance=seeds,
)
async def test_the_order_of_a_manifest_s_entries_changes_no_byte_of_the_plan(
    shared: dict[str, Any], own: dict[str, Any], defaults: dict[str, Any], situation: Situation, chance: Random
) -> None:
    local = {
        "endpoint": "emulator",
        "project": PROJECT,
        "keys": own,
        "allow_empty": True,
        "absent": sorted(each for each in situation.absent if not situation.owns(each)),
        "ignore": [*situation.ignore, "terraform-*"],
        "protect": [*situation.protect, "*.1"],
        "prune": situation.prune,
    } | ({"renamed_from": FORMER.environment} if situation.renamed else {})
    data = {
        "version": 1,
        "owner": "team",
        "defaults": defaults,
        "keys": shared,
        "environments": {"local": local},
    }
    with a_folder() as folder:
        async with a_world() as world:
            machine = Machine(world=world, folder=folder)
            await bring_about(situation, machine)
            renderings = []
            for order in (data, shuffled(data, chance)):
                try:
                    wanted = wanted_by(order, folder)
                    (planned,) = (await machine.plan(wanted)).environments
                    renderings.append(rendered(planned.plan, wanted))
                except ManifestError as error:
                    renderings.append(tuple(sorted(problem.message for problem in error.problems)))
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
