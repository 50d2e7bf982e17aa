"""Keys that `protect` names: never deleted, ended or narrowed; and the guards that count what goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.desired import After, At, Desired, Rotation
from reconciler.core.guards import Allowances, Refusal, check, check_destroy
from reconciler.core.ids import slug
from reconciler.core.keys import LiveKey
from reconciler.core.planner import plan_destroy, plan_environment
from tests.support.builders import NOW, SINK, desired, live, live_key, owned_id, undelivered, wanted

DAY = timedelta(days=1)
WIDE = live_key(scopes=["rows.read", "users.read"])
EVERY_FLAG = Allowances(deletes=1000, in_use=True)


def refusals(wish: Desired, *keys: LiveKey, own: tuple[str, ...] = ()) -> list[Refusal]:
    world = live(*keys, own=own)
    return list(check(wish, plan_environment(wish, world, {}), EVERY_FLAG))


def guarding(*keys: object, protect: tuple[str, ...] = ("ci",), **fields: object) -> Desired:
    return desired(*keys, protect=protect, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wish", "what"),
    [
        (guarding(wanted("other")), "be deleted"),
        (guarding(wanted("other"), prune="expire"), "end earlier"),
        (guarding(wanted()), "lose rows.read"),
        (guarding(wanted(scopes=["rows.read", "users.read"], expiry=At(NOW + DAY))), "end earlier"),
        (guarding(wanted(), protect=("o-*", "c*")), "lose rows.read"),
        (guarding(wanted("other"), absent=frozenset({owned_id("ci")}), protect=("ci.*",)), "be deleted"),
        (guarding(wanted("other"), absent=frozenset({owned_id("ci")})), "be deleted"),
        (guarding(wanted("other"), absent=frozenset({owned_id("ci")}), protect=("c?",)), "be deleted"),
    ],
    ids=["undeclared", "retired", "narrowed", "cut short", "by glob", "absent by id", "absent", "absent by glob"],
)
def test_a_protected_key_is_never_taken_from(wish: Desired, what: str) -> None:
    (refusal,) = refusals(wish, WIDE, live_key("other"))

    assert refusal.guard == "protect"
    assert refusal.message == f"`protect` names this key, and it would {what}"


@pytest.mark.parametrize(
    "wish",
    [
        guarding(wanted(title="New", scopes=["rows.read", "users.read", "teams.read"])),
        guarding(wanted("other"), prune="report"),
    ],
    ids=["gains", "reported"],
)
def test_a_protected_key_may_gain_and_stay(wish: Desired) -> None:
    assert refusals(wish, WIDE, live_key("other")) == []


def test_what_a_run_left_may_end_beside_a_protected_key() -> None:
    rotation = Rotation(every=timedelta(days=7), overlap=timedelta(days=1))
    wish = guarding(replace(wanted(expiry=After(rotation.life), sinks=(SINK,)), rotation=rotation))
    newest = live_key(generation=3, age=timedelta(minutes=1), expire=NOW + rotation.life)

    assert refusals(wish, newest, undelivered(generation=2)) == []


def test_a_protected_key_is_so_under_its_new_name_and_by_adoption() -> None:
    renamed = guarding(wanted("new", former_slug="ci"), protect=("new",))
    adopted = guarding(wanted("new", adopts="Legacy"), protect=("new",))

    by_former = guarding(wanted("new", former_slug="ci"), protect=("ci",))

    assert [refusal.where for refusal in refusals(renamed, WIDE)] == ["staging/new"]
    assert [refusal.where for refusal in refusals(by_former, WIDE)] == ["staging/new"]
    assert [refusal.where for refusal in refusals(adopted, replace(WIDE, id="Legacy"))] == ["staging/new"]


@pytest.mark.parametrize("protect", ["Tenant.ACME", "Tenant.*", "tenant-*"])
def test_a_generated_id_under_absent_is_protected_by_every_name_of_its_key(protect: str) -> None:
    name = "Tenant.ACME"
    adopting = guarding(wanted(name, adopts="Legacy"), protect=(protect,), absent=frozenset({owned_id(name)}))
    renamed = guarding(wanted("new", former_slug=slug(name)), protect=("n?w",), absent=frozenset({owned_id(name)}))

    (refusal,) = refusals(adopting, live_key(name), live_key(id="Legacy"))
    assert (refusal.guard, refusal.where) == ("protect", f"staging/{owned_id(name)}")
    (refusal,) = refusals(renamed, live_key(name), live_key("new"))
    assert (refusal.guard, refusal.where) == ("protect", f"staging/{owned_id(name)}")


def test_protection_of_a_key_that_absent_names_by_its_id_protects_something() -> None:
    wish = guarding(wanted("other"), absent=frozenset({owned_id("ci")}))

    assert plan_environment(wish, live(live_key(), live_key("other")), {}).warnings == ()


def test_a_name_that_is_no_slug_protects_its_key_also_once_nothing_declares_it() -> None:
    wish = guarding(wanted("other"), protect=("Tenant.ACME_1",))

    assert [refusal.where for refusal in refusals(wish, live_key("Tenant.ACME_1"), live_key("other"))] == [
        "staging/tenant-acme-1-ioaopd"
    ]


@pytest.mark.parametrize("key", [undelivered(), live_key(expire=NOW)], ids=["never committed", "expired"])
def test_what_nobody_relies_on_may_go_though_its_name_is_protected(key: LiveKey) -> None:
    assert refusals(guarding(wanted("other")), key, live_key("other")) == []


def test_a_protected_key_whose_creation_broke_off_is_made_again_and_committed() -> None:
    soon = wanted(sinks=(SINK,), expiry=At(NOW + DAY))

    assert refusals(guarding(wanted(sinks=(SINK,))), undelivered(secret=None)) == []
    assert refusals(guarding(soon), undelivered(scopes=["users.read", "rows.read"])) == []


@pytest.mark.parametrize(
    ("name", "glob"), [("ci", "ci"), ("new", "new"), ("Tenant.ACME", "Tenant.*")], ids=["name", "renamed", "no slug"]
)
def test_destroy_spares_no_key_that_is_protected_by_its_name(name: str, glob: str) -> None:
    wish = guarding(wanted(name, former_slug="old" if name == "new" else None), protect=(glob,))
    key = live_key("old" if name == "new" else name)

    (refusal,) = check_destroy(plan_destroy(replace(wish, keys=()), live(key)))

    assert (refusal.guard, refusal.where) == ("protect", f"staging/{name}")


def test_protection_that_protects_nothing_is_told() -> None:
    wish = guarding(
        wanted(), protect=("ci", "old", "Tenant.ACME_1", "biling-*", "by-hand"), absent=frozenset({"by-hand"})
    )
    world = live(live_key(), live_key("old"), live_key("Tenant.ACME_1"), live_key(id="by-hand"))

    assert plan_environment(wish, world, {}).warnings == (
        'protect: "biling-*" matches no key here, so it protects nothing',
    )


def test_protection_is_there_before_the_key_is() -> None:
    assert plan_environment(guarding(wanted()), live(), {}).warnings == ()


def test_keys_that_are_ended_count_as_keys_that_go() -> None:
    owned = [live_key(f"key-{number}") for number in range(10)]
    wish = desired(*(wanted(f"key-{number}") for number in range(6)), prune="expire")

    (refusal,) = check(wish, plan_environment(wish, live(*owned), {}), Allowances())

    assert (refusal.guard, refusal.hint) == ("deletes", "pass --allow-deletes 4 if that is meant")


def test_keys_named_by_id_are_no_owned_ones_and_hide_no_deletion() -> None:
    owned = [live_key(f"key-{number}") for number in range(10)]
    adopted = [live_key(id=f"legacy-{number}") for number in range(20)]
    kept = [wanted(f"key-{number}") for number in range(6)]
    adopting = [wanted(f"old-{number}", adopts=f"legacy-{number}") for number in range(20)]

    wish = desired(*kept, *adopting)
    (refusal,) = check(wish, plan_environment(wish, live(*owned, *adopted), {}), Allowances())

    assert refusal.message == "4 of this manifest's 10 keys would go, more than 30%"


def test_ids_under_absent_are_meant_and_need_no_flag() -> None:
    gone = [live_key(id=f"legacy-{number}") for number in range(20)]
    absent = frozenset(key.id for key in gone)
    nine, none = desired(*(wanted(f"key-{number}") for number in range(9)), absent=absent), desired(absent=absent)

    for wish, owned in ((nine, [live_key(f"key-{number}") for number in range(9)]), (none, [])):
        assert check(wish, plan_environment(wish, live(*gone, *owned), {}), Allowances()) == ()


@pytest.mark.parametrize("prune", ["delete", "expire"])
def test_an_empty_environment_neither_deletes_nor_ends_what_it_owned(prune: str) -> None:
    wish = desired(prune=prune)

    (refusal,) = check(wish, plan_environment(wish, live(live_key()), {}), Allowances())

    assert refusal.guard == "empty"


def test_an_empty_environment_whose_keys_end_already_is_no_refusal() -> None:
    wish = desired(prune="expire")
    world = live(live_key(title="CI (retiring)", expire=NOW + DAY), live_key("old", expire=NOW))

    assert check(wish, plan_environment(wish, world, {}), Allowances()) == ()


@pytest.mark.parametrize("prune", ["delete", "expire"])
def test_the_credential_in_use_is_not_pruned_nor_named_absent(prune: str) -> None:
    other = live_key("other")
    by_hand = live_key(id="by-hand")

    pruned = refusals(desired(wanted("other"), prune=prune), other, live_key(), own=(owned_id("ci"),))
    absent = refusals(desired(wanted("other"), absent=frozenset({"by-hand"})), other, by_hand, own=("by-hand",))
    adopted = refusals(desired(wanted(adopts="by-hand", scopes=[])), by_hand, own=("by-hand",))

    assert [refusal.guard for refusal in (*pruned, *absent, *adopted)] == ["own-credential"] * 3
