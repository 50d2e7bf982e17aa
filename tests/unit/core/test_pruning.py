"""Keys that are owned and no longer declared: deleted, let end, or told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.desired import After, Desired, Prune
from reconciler.core.keys import LiveKey
from reconciler.core.plan import Delete, EnvironmentPlan, Reason, Retire, Update
from reconciler.core.planner import plan_environment
from tests.support.builders import NOW, desired, live, live_key, owned_id, undelivered, wanted

DAY = timedelta(days=1)
RETIRING = live_key("old", title="Old (retiring)", expire=NOW + 3 * DAY)


def plan_of(wish: Desired, *keys: LiveKey) -> EnvironmentPlan:
    return plan_environment(wish, live(*keys), {})


def ending(*keys: LiveKey, grace: timedelta = 7 * DAY) -> EnvironmentPlan:
    return plan_of(desired(wanted(), prune="expire", prune_grace=grace), live_key(), *keys)


def test_prune_by_expiry_gives_a_key_an_end_and_a_name_that_says_so() -> None:
    old = live_key("old", title="Old", scopes=["rows.read", "users.read"], description="For the old shop")

    (change,) = ending(old, grace=2 * DAY).changes

    assert isinstance(change, Retire)
    assert (change.address, change.key_id, change.reason) == ("staging/old", old.id, Reason.PRUNED)
    assert change.after == replace(old.state, name="Old (retiring)", expire=NOW + 2 * DAY)


def test_a_key_that_ends_sooner_keeps_its_end() -> None:
    (change,) = ending(live_key("old", expire=NOW + DAY)).changes

    assert isinstance(change, Retire)
    assert change.after.expire == NOW + DAY


@pytest.mark.parametrize("key", [RETIRING, undelivered("old")], ids=["retiring", "on probation"])
def test_a_key_that_ends_by_itself_is_left_until_it_has_ended(key: LiveKey) -> None:
    plan = ending(key)

    assert plan.changes == ()
    assert [entry.reason for entry in plan.unchanged] == [Reason.EQUAL, Reason.ENDING]


@pytest.mark.parametrize(
    "key", [replace(RETIRING, expire=NOW), live_key("old", expire=NOW - DAY), undelivered("old", expire=NOW)]
)
def test_a_key_that_has_ended_is_deleted(key: LiveKey) -> None:
    (change,) = ending(key).changes

    assert isinstance(change, Delete)
    assert change.expired
    assert change.reason is Reason.UNDECLARED


def test_a_key_that_has_ended_is_used_by_nobody() -> None:
    (change,) = ending(live_key("old", expire=NOW, accessed=NOW)).changes

    assert isinstance(change, Delete)
    assert change.marks == ()


def test_a_key_whose_end_somebody_took_away_is_given_one_again() -> None:
    (change,) = ending(replace(RETIRING, expire=None)).changes

    assert isinstance(change, Retire)
    assert change.after.name == RETIRING.name


def test_an_end_that_somebody_moved_stays_moved() -> None:
    assert ending(replace(RETIRING, expire=NOW + 90 * DAY)).changes == ()


def test_declaring_a_key_again_takes_its_end_back() -> None:
    plan = plan_of(desired(wanted("old", title="Old"), prune="expire"), RETIRING)

    (change,) = plan.changes
    assert isinstance(change, Update)
    assert (change.key_id, change.after.name, change.after.expire) == (owned_id("old"), "Old", None)


def test_declaring_a_key_with_a_duration_again_restores_the_end_it_had() -> None:
    plan = plan_of(desired(wanted("old", title="Old", expiry=After(90 * DAY))), RETIRING)

    (change,) = plan.changes
    assert isinstance(change, Update)
    assert change.after.expire == RETIRING.created + 90 * DAY


def test_prune_report_tells_and_changes_nothing() -> None:
    old = live_key("old", expire=NOW - DAY)

    plan = plan_of(desired(wanted(), prune="report"), live_key(), old, live_key("lost", generation=2), live_key("lost"))

    assert plan.changes == ()
    assert {entry.reason for entry in plan.unchanged if entry.address != "staging/ci"} == {Reason.REPORTED}


@pytest.mark.parametrize(("prune", "action"), [("delete", Delete), ("expire", Retire)])
def test_every_generation_of_a_key_that_is_not_declared_goes_the_same_way(prune: Prune, action: type) -> None:
    plan = plan_of(desired(wanted(), prune=prune), live_key(), live_key("old"), live_key("old", generation=2))

    assert [type(change) for change in plan.changes] == [action, action]


def test_older_generations_of_a_declared_key_retire_however_others_are_pruned() -> None:
    plan = plan_of(desired(wanted(), prune="report"), live_key(generation=2), live_key())

    (retire,) = plan.changes
    assert isinstance(retire, Retire)
    assert (retire.reason, retire.after.expire) == (Reason.SUPERSEDED, NOW + timedelta(hours=48))


def test_ids_under_absent_are_deleted_whoever_made_them_and_however_others_are_pruned() -> None:
    wish = desired(wanted(), prune="report", absent=frozenset({"By.Hand", "gone", owned_id("old")}))

    plan = plan_of(wish, live_key(), live_key(id="By.Hand"), live_key("old"), live_key(id="other"), live_key(id="GONE"))

    assert [(type(change), change.address, change.reason) for change in plan.changes] == [
        (Delete, "staging/By.Hand", Reason.ABSENT),
        (Delete, f"staging/{owned_id('old')}", Reason.ABSENT),
    ]
    assert [key.id for key in plan.unmanaged] == ["GONE", "other"]


def test_ignored_keys_are_neither_pruned_nor_unmanaged_and_told_apart() -> None:
    wish = desired(wanted(), ignore=("terraform-*", "old.*"))

    plan = plan_of(wish, live_key(), live_key("old"), live_key(id="terraform-1"), live_key(id="other"))

    assert plan.changes == ()
    assert [key.id for key in plan.ignored] == [owned_id("old"), "terraform-1"]
    assert [key.id for key in plan.unmanaged] == ["other"]
    assert plan.owned_count == 1
