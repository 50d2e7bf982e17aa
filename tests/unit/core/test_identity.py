"""Which live key a declared one is: its own, an adopted one, or the one that it was before a rename."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.desired import At, Desired
from reconciler.core.holding import holding
from reconciler.core.ids import Realm, key_id
from reconciler.core.keys import LiveKey
from reconciler.core.plan import Create, Delete, Deliver, EnvironmentPlan, Reason, Retire, Unchanged, Update
from reconciler.core.planner import plan_destroy, plan_environment
from reconciler.errors import ManifestError
from tests.support.builders import NOW, REALM, SINK, desired, live, live_key, owned_id, undelivered, wanted

DAY = timedelta(days=1)
FORMER = Realm(owner=REALM.owner, environment="stage", project=REALM.project)
LEGACY = live_key(id="Legacy.Key", title="Legacy", scopes=["users.read", "rows.write"])
ADOPTING = wanted(adopts="Legacy.Key")


def plan_of(wish: Desired, *keys: LiveKey) -> EnvironmentPlan:
    return plan_environment(wish, live(*keys), {})


def told(plan: EnvironmentPlan) -> list[tuple[type, str, str]]:
    return [(type(entry), entry.address, entry.key_id) for entry in (*plan.changes, *plan.unchanged)]


def problem_of(wish: Desired, *keys: LiveKey) -> str:
    with pytest.raises(ManifestError) as raised:
        plan_of(wish, *keys)
    (problem,) = raised.value.problems
    return f"{problem.message} / {problem.hint}"


def test_an_adopted_key_is_made_as_declared_under_its_own_id() -> None:
    plan = plan_of(desired(ADOPTING), LEGACY)

    (change,) = plan.changes
    assert isinstance(change, Update)
    assert (change.address, change.key_id) == ("staging/ci", "Legacy.Key")
    assert change.after.scopes == {"users.read"}
    assert plan.unmanaged == ()


def test_an_adopted_key_as_declared_needs_nothing() -> None:
    assert plan_of(desired(ADOPTING), replace(LEGACY, name="CI", scopes=("users.read",))).changes == ()


def test_a_key_that_is_adopted_and_not_there_is_an_error_and_never_made() -> None:
    assert problem_of(desired(ADOPTING), live_key(id="legacy.key")) == (
        'staging/ci adopts the key "Legacy.Key", which project "p1" does not have'
        " / correct `id`, or leave it out to have the key made"
    )


def test_a_key_that_is_no_longer_adopted_is_left_alone() -> None:
    plan = plan_of(desired(wanted("other")), live_key("other"), LEGACY)

    assert plan.changes == ()
    assert [key.id for key in plan.unmanaged] == ["Legacy.Key"]


@pytest.mark.parametrize("expiry", [None, At(NOW - DAY)], ids=["wanted", "past"])
def test_an_adopted_key_is_never_deleted_as_what_a_run_left_behind(expiry: At | None) -> None:
    left = replace(LEGACY, name="X (undelivered)", expire=NOW + DAY, secret=None)

    (change,) = plan_of(desired(wanted(adopts="Legacy.Key", sinks=(SINK,), expiry=expiry)), left).changes

    assert isinstance(change, Update)
    assert change.key_id == "Legacy.Key"


def test_a_key_of_its_own_beside_the_adopted_one_stays_and_is_told() -> None:
    plan = plan_of(desired(ADOPTING), replace(LEGACY, name="CI", scopes=("users.read",)), live_key())

    assert plan.changes == ()
    (warning,) = plan.warnings
    assert warning.startswith(f"staging/ci adopts Legacy.Key, and {owned_id('ci')} is its key too: leave `id` out, ")


def test_a_key_of_its_own_beside_the_adopted_one_may_be_named_absent() -> None:
    wish = desired(ADOPTING, absent=frozenset({owned_id("ci")}))

    plan = plan_of(wish, replace(LEGACY, name="CI", scopes=("users.read",)), live_key())

    assert [(type(change), change.key_id) for change in plan.changes] == [(Delete, owned_id("ci"))]
    assert plan.warnings == ()


def test_the_credential_of_the_run_may_be_adopted_and_is_marked_where_it_loses() -> None:
    plan = plan_environment(desired(ADOPTING), live(LEGACY, own=["Legacy.Key"]), {})

    assert "credential in use" in [str(mark) for mark in plan.changes[0].marks]


def test_a_renamed_key_keeps_its_live_key() -> None:
    plan = plan_of(desired(wanted("new", former_slug="old")), live_key("old"))

    assert plan.changes == ()
    assert [(entry.address, entry.key_id) for entry in plan.unchanged] == [("staging/new", owned_id("old"))]


def test_a_renamed_key_that_is_nowhere_is_made_under_its_new_name() -> None:
    (change,) = plan_of(desired(wanted("new", former_slug="old"))).changes

    assert (type(change), change.key_id) == (Create, owned_id("new"))


def test_a_rename_onto_a_name_that_has_an_older_key_of_its_own_is_refused() -> None:
    with pytest.raises(ManifestError) as refused:
        plan_of(desired(wanted("new", former_slug="old")), live_key("new", age=2 * DAY), live_key("old", age=DAY))

    (problem,) = refused.value.problems
    old, new = owned_id("old"), owned_id("new")
    assert problem.message == f'staging/new is renamed, and both "{old}" and "{new}" are live'


def test_what_an_unfinished_run_left_under_the_old_name_is_deleted_as_what_it_is() -> None:
    plan = plan_of(desired(wanted("new", title="CI", former_slug="old")), live_key("new"), undelivered("old"))

    assert [(type(change), change.address, change.key_id, change.reason) for change in plan.changes] == [
        (Delete, "staging/new", owned_id("old"), Reason.LEFT_OVER),
    ]


def test_a_lost_key_of_the_old_name_is_made_again_under_the_new_one() -> None:
    plan = plan_of(desired(wanted("new", former_slug="old", sinks=(SINK,))), undelivered("old", secret=None))

    assert told(plan) == [
        (Create, "staging/new", owned_id("new")),
        (Delete, "staging/new", owned_id("old")),
    ]


def test_a_key_of_the_old_name_on_probation_is_delivered_and_committed() -> None:
    (change,) = plan_of(desired(wanted("new", former_slug="old", sinks=(SINK,))), undelivered("old")).changes

    assert (type(change), change.key_id) == (Deliver, owned_id("old"))


def test_keys_of_a_renamed_environment_stay() -> None:
    plan = plan_of(desired(wanted(), former=FORMER), live_key(id=key_id(FORMER, "ci")), live_key(id="other"))

    assert plan.changes == ()
    assert [entry.key_id for entry in plan.unchanged] == [key_id(FORMER, "ci")]
    assert [key.id for key in plan.unmanaged] == ["other"]


def test_both_renames_together_keep_the_key() -> None:
    plan = plan_of(desired(wanted("new", former_slug="old"), former=FORMER), live_key(id=key_id(FORMER, "old")))

    assert told(plan)[0][1:] == ("staging/new", key_id(FORMER, "old"))
    assert plan.changes == ()


def test_undeclared_keys_of_the_former_name_are_pruned_and_destroyed_with_the_others() -> None:
    old = live_key(id=key_id(FORMER, "old"))
    wish = desired(wanted(), former=FORMER)

    assert [change.key_id for change in plan_of(wish, live_key(), old).changes] == [old.id]
    assert [change.key_id for change in plan_destroy(replace(wish, keys=()), live(live_key(), old)).changes] == [
        owned_id("ci"),
        old.id,
    ]


def test_without_the_rename_keys_of_the_former_name_are_unmanaged() -> None:
    plan = plan_of(desired(wanted()), live_key(), live_key(id=key_id(FORMER, "ci")))

    assert plan.changes == ()
    assert [key.id for key in plan.unmanaged] == [key_id(FORMER, "ci")]


@pytest.mark.parametrize(
    "hidden",
    [owned_id("ci", 3), owned_id("old"), key_id(FORMER, "ci")],
    ids=["a later generation", "the old name", "the environment's former name"],
)
def test_a_declared_key_that_is_ignored_is_an_error(hidden: str) -> None:
    wish = desired(wanted(former_slug="old"), former=FORMER, ignore=(hidden,))

    assert problem_of(wish, live_key(id=hidden)) == (
        f'staging/ci is declared, and `ignore` hides its key "{hidden}"'
        " / make the glob narrower, or leave the key out here"
    )


def test_destroy_takes_owned_keys_by_the_names_of_the_manifest_and_no_adopted_or_ignored_one() -> None:
    wish = desired(wanted("Tenant.ACME"), ADOPTING, ignore=("kept.*",))
    world = live(live_key("Tenant.ACME"), LEGACY, live_key("kept"))

    assert told(plan_destroy(replace(wish, keys=()), world)) == [
        (Delete, "staging/Tenant.ACME", owned_id("Tenant.ACME"))
    ]


def test_superseded_generations_have_the_address_of_their_key() -> None:
    wish = desired(wanted("Tenant.ACME"))

    plan = plan_of(wish, live_key("Tenant.ACME", generation=2), live_key("Tenant.ACME"))

    assert [change.address for change in plan.changes] == ["staging/Tenant.ACME"]


def test_a_newer_key_of_the_new_name_is_the_next_generation() -> None:
    wish = desired(wanted("new", title="CI", former_slug="old"))

    for newer in live_key("new", age=DAY), undelivered("new"):
        plan = plan_of(wish, live_key("old", age=2 * DAY), newer)

        assert (Retire, "staging/new", owned_id("old")) in told(plan)
        assert not any(isinstance(change, Delete) for change in plan.changes)


def test_what_a_run_left_under_the_new_name_before_the_key_was_made_takes_nothing_from_it() -> None:
    old, left = live_key("old", age=timedelta(minutes=1)), undelivered("new")
    plan = plan_of(desired(wanted("new", title="CI", former_slug="old")), old, left)

    assert told(plan) == [(Delete, "staging/new", left.id), (Unchanged, "staging/new", old.id)]

    former = live_key(id=key_id(FORMER, "ci"), age=timedelta(minutes=1))
    plan = plan_of(desired(wanted(), former=FORMER), former, undelivered())

    assert told(plan) == [(Delete, "staging/ci", owned_id("ci")), (Unchanged, "staging/ci", former.id)]


def renamed_environment(*keys: LiveKey) -> EnvironmentPlan:
    wish = replace(desired(wanted(sinks=(SINK,)), prune="report"), former=FORMER)
    former = live_key(id=key_id(FORMER, "ci"), age=2 * DAY)
    return plan_environment(wish, live(former, *keys), {SINK: holding(live_key().secret)})


def test_a_newer_key_of_the_new_environment_is_the_next_generation() -> None:
    for newer in live_key(age=DAY), undelivered():
        plan = renamed_environment(newer)

        assert [each.key_id for each in plan.changes if isinstance(each, Retire)] == [key_id(FORMER, "ci")]
        assert not any(isinstance(change, Delete) for change in plan.changes)


def test_an_older_key_of_the_new_environment_is_refused() -> None:
    with pytest.raises(ManifestError) as refused:
        renamed_environment(live_key(age=3 * DAY))

    assert "are live" in refused.value.problems[0].message


def test_the_latest_key_of_the_former_environment_counts() -> None:
    with pytest.raises(ManifestError) as refused:
        renamed_environment(live_key(age=DAY), live_key(id=key_id(FORMER, "ci", 2), age=timedelta(minutes=1)))

    assert f'both "{key_id(FORMER, "ci", 2)}"' in refused.value.problems[0].message
