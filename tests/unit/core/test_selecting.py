"""Plans about a part of an environment, and what is said of keys that are described."""

from __future__ import annotations

import pytest

from reconciler.core.desired import Desired
from reconciler.core.globs import Selection
from reconciler.core.guards import Allowances, check
from reconciler.core.keys import LiveKey
from reconciler.core.plan import Change, Create, EnvironmentPlan, Update
from reconciler.core.planner import plan_destroy, plan_environment
from tests.support.builders import SINK, desired, live, live_key, undelivered, wanted

ALL = (
    wanted("new"),
    wanted("renamed", title="New name", former_slug="before"),
    wanted("adopting", adopts="Legacy"),
    wanted("lost", sinks=(SINK,)),
    wanted("Tenant.ACME"),
)
WORLD = (
    live_key("before"),
    live_key(id="Legacy", title="Legacy"),
    undelivered("lost", secret=None),
    live_key("Tenant.ACME"),
    live_key("Tenant.ACME", generation=2, title="Other"),
    live_key("undeclared"),
    live_key(id="by-hand"),
)


def plan_of(selection: Selection) -> EnvironmentPlan:
    wish = desired(*ALL, absent=frozenset({"by-hand"}), selection=selection)
    return plan_environment(wish, live(*WORLD), {})


def addresses(changes: tuple[Change, ...]) -> list[str]:
    return [change.address.removeprefix("staging/") for change in changes]


def test_without_a_selection_the_plan_is_about_everything() -> None:
    assert set(addresses(plan_of(Selection()).changes)) == {
        "new", "renamed", "adopting", "lost", "Tenant.ACME", "undeclared", "by-hand",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("selection", "admitted"),
    [
        (Selection(targets=("staging/lost",)), ["lost", "lost"]),
        (Selection(targets=("staging/Tenant.*",)), ["Tenant.ACME", "Tenant.ACME"]),
        (Selection(targets=("staging/renamed",)), ["renamed"]),
        (Selection(targets=("staging/before",)), []),
        (Selection(targets=("*",), excludes=("staging/*e*", "staging/lost")), ["adopting", "by-hand"]),
    ],
)
def test_a_selection_admits_keys_by_the_names_of_the_manifest(selection: Selection, admitted: list[str]) -> None:
    assert addresses(plan_of(selection).changes) == admitted


@pytest.mark.parametrize("glob", ["staging/lost", "staging/*n*", "*ACME", "nothing", "*"])
def test_a_selection_and_its_complement_do_together_what_the_whole_plan_does(glob: str) -> None:
    parts = (plan_of(Selection(targets=(glob,))), plan_of(Selection(excludes=(glob,))))

    together = sorted((change for part in parts for change in part.changes), key=lambda change: change.key_id)
    assert together == sorted(plan_of(Selection()).changes, key=lambda change: change.key_id)


def test_a_declared_key_outside_of_the_selection_is_not_taken_for_undeclared() -> None:
    plan = plan_of(Selection(targets=("staging/undeclared",)))

    assert addresses(plan.changes) == ["undeclared"]
    assert plan.declared_count == len(ALL)


def test_sensitive_scopes_outside_of_the_selection_refuse_nothing() -> None:
    wish = desired(wanted(scopes=["keys.read"]), selection=Selection(excludes=("staging/ci",)))

    assert check(wish, plan_environment(wish, live(), {}), Allowances()) == ()


def test_destroy_may_be_about_a_part() -> None:
    wish = desired(*ALL, selection=Selection(targets=("staging/Tenant.*",)))

    assert addresses(plan_destroy(wish, live(*WORLD)).changes) == ["Tenant.ACME", "Tenant.ACME"]


DESCRIBED = desired(wanted("a", description="For A"), wanted("b", description="For B"), wanted("c"))
LEFT_OUT = "this server keeps no descriptions (Appwrite does from 2.6 on): left out of "


@pytest.mark.parametrize("version", [None, "1.9.6", "2.5.9"])
def test_where_the_server_keeps_no_descriptions_they_are_left_out_and_that_is_said(version: str | None) -> None:
    world = live(live_key("a"), version=version)

    plan = plan_environment(DESCRIBED, world, {})

    assert plan.warnings == (f"{LEFT_OUT}staging/a and 1 more",)
    assert [(type(change), change.address) for change in plan.changes] == [(Create, "staging/b"), (Create, "staging/c")]
    assert isinstance(plan.changes[0], Create)
    assert plan.changes[0].after.description == ""


@pytest.mark.parametrize(
    ("version", "others"), [("2.6.0", ()), ("2.10", ()), (None, (live_key(id="other", description=""),))]
)
def test_where_the_server_keeps_descriptions_they_are_compared(
    version: str | None, others: tuple[LiveKey, ...]
) -> None:
    plan = plan_environment(DESCRIBED, live(live_key("a"), *others, version=version), {})

    assert plan.warnings == ()
    update = plan.changes[0]
    assert isinstance(update, Update)
    assert (update.before.description, update.after.description) == ("", "For A")


@pytest.mark.parametrize("found", [None, ""])
def test_no_description_is_no_difference_to_none(found: str | None) -> None:
    world = live(live_key(description=found), version="2.6.2")

    assert plan_environment(desired(wanted()), world, {}).changes == ()


def test_a_description_that_nothing_declares_is_taken_away() -> None:
    (change,) = plan_environment(desired(wanted()), live(live_key(description="By hand")), {}).changes

    assert isinstance(change, Update)
    assert change.after.description == ""


def test_descriptions_outside_of_the_selection_are_not_spoken_of() -> None:
    def warned(selection: Selection) -> tuple[str, ...]:
        wish: Desired = desired(wanted("a", description="For A"), wanted("c"), selection=selection)
        return plan_environment(wish, live(), {}).warnings

    assert warned(Selection(targets=("staging/c",))) == ()
    assert warned(Selection(targets=("staging/a",))) == (f"{LEFT_OUT}staging/a",)
