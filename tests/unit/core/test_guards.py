"""REFERENCE, "Guards and their flags", each at its edge."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from reconciler.core.desired import At, Desired, DesiredKey, SinkSpec
from reconciler.core.guards import Allowances, Refusal, check, check_destroy, check_limit
from reconciler.core.ids import Realm, key_id
from reconciler.core.keys import Live, LiveKey, own_ids
from reconciler.core.plan import Risk
from reconciler.core.planner import plan_destroy, plan_environment
from reconciler.core.scopes import SENSITIVE
from reconciler.core.secret import Secret
from tests.support.builders import NOW, REALM, desired, live, live_key, undelivered, wanted

SECOND = timedelta(seconds=1)
WEEK = timedelta(days=7)
NO_ALLOWANCES = Allowances()


def refusals(wish: Desired, world: Live, allow: Allowances = NO_ALLOWANCES) -> tuple[Refusal, ...]:
    plan = plan_environment(wish, world, {})
    return (*check(wish, plan, allow), *check_limit([plan]))


def names(found: Iterable[Refusal]) -> list[str]:
    return [refusal.guard for refusal in found]


def owned(count: int) -> tuple[LiveKey, ...]:
    return tuple(live_key(f"key-{number}") for number in range(count))


def kept(count: int) -> tuple[DesiredKey, ...]:
    return tuple(wanted(f"key-{number}") for number in range(count))


@pytest.mark.parametrize(
    ("live_count", "deletes", "refused"),
    [
        (9, 8, False),
        (10, 3, False),
        (10, 4, True),
        (11, 3, False),
        (11, 4, True),
        (100, 30, False),
        (100, 31, True),
        (1000, 300, False),
        (1000, 301, True),
    ],
)
def test_more_than_thirty_percent_of_ten_or_more_owned_keys_are_not_deleted(
    live_count: int, deletes: int, refused: bool
) -> None:
    found = refusals(desired(*kept(live_count - deletes)), live(*owned(live_count)))

    assert names(found) == (["deletes"] if refused else [])


def test_the_deletes_guard_names_the_flag_and_the_flag_allows_no_more_than_its_number() -> None:
    wish, world = desired(*kept(6)), live(*owned(10))

    (refusal,) = refusals(wish, world, Allowances(deletes=3))

    assert refusal.message == "4 of this manifest's 10 keys would go, more than 30%"
    assert refusal.hint == "pass --allow-deletes 4 if that is meant"
    assert refusals(wish, world, Allowances(deletes=4)) == ()


def test_what_a_run_that_died_has_left_does_not_count_among_the_deletions() -> None:
    left = tuple(undelivered(f"left-{number}") for number in range(3))

    assert refusals(desired(*kept(8)), live(*owned(10), *left)) == ()
    assert refusals(desired(), live(*left)) == ()


def test_what_a_run_that_died_has_left_and_older_generations_are_no_keys_that_go() -> None:
    unfinished = tuple(undelivered(f"gone-{number}") for number in range(4))
    older = tuple(live_key(id=key_id(REALM, f"key-{number}", 1)) for number in range(4))
    newer = tuple(live_key(id=key_id(REALM, f"key-{number}", 2)) for number in range(4))

    found = refusals(desired(*kept(10)), live(*owned(10)[4:], *unfinished, *older, *newer))

    assert names(found) == []


def test_unmanaged_keys_do_not_count_among_the_owned_ones() -> None:
    strangers = tuple(live_key(id=f"stranger-{number}") for number in range(50))

    assert names(refusals(desired(*kept(6)), live(*owned(10), *strangers))) == ["deletes"]


def test_an_empty_environment_deletes_nothing_unless_that_is_written() -> None:
    (refusal,) = refusals(desired(), live(live_key()))

    assert refusal.guard == "empty"
    assert "allow_empty: true" in refusal.hint
    assert refusals(desired(allow_empty=True), live(live_key())) == ()


def test_an_empty_environment_with_nothing_owned_is_no_refusal() -> None:
    assert refusals(desired(), live(live_key(id="stranger"))) == ()


@pytest.mark.parametrize(("ago", "refused"), [(WEEK - SECOND, True), (WEEK, True), (WEEK + SECOND, False)])
def test_a_key_used_within_seven_days_is_not_deleted(ago: timedelta, refused: bool) -> None:
    used = live_key("old", accessed=NOW - ago)

    found = refusals(desired(wanted()), live(live_key(), used))

    assert names(found) == (["in-use"] if refused else [])
    assert refusals(desired(wanted()), live(live_key(), used), Allowances(in_use=True)) == ()


def test_a_key_never_used_is_deleted() -> None:
    assert refusals(desired(wanted()), live(live_key(), live_key("old"))) == ()


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(hours=24, seconds=1), timedelta(days=6)])
def test_a_use_on_the_first_day_counts_though_it_may_be_the_trial_of_apply(age: timedelta) -> None:
    key = live_key("old", age=age, accessed=NOW - age + 2 * SECOND)

    assert names(refusals(desired(wanted()), live(live_key(), key))) == ["in-use"]


def test_a_key_that_was_never_committed_is_not_in_use_by_its_trial_alone() -> None:
    lost = undelivered("old", accessed=NOW - timedelta(hours=1) + 2 * SECOND)
    used = undelivered("old", accessed=NOW)

    assert refusals(desired(wanted()), live(live_key(), lost)) == ()
    assert names(refusals(desired(wanted()), live(live_key(), used))) == ["in-use"]


def test_a_refusal_says_that_the_use_may_be_the_trial_of_apply() -> None:
    fresh = live_key("old", age=timedelta(hours=1), accessed=NOW - timedelta(hours=1))
    used = live_key("old", age=timedelta(hours=3), accessed=NOW - timedelta(hours=1))

    assert "perhaps by the trial of apply alone" in refusals(desired(wanted()), live(live_key(), fresh))[0].message
    assert "perhaps" not in refusals(desired(wanted()), live(live_key(), used))[0].message


def test_an_expired_key_is_in_nobodys_use() -> None:
    expired = live_key("old", expire=NOW - SECOND, accessed=NOW - timedelta(days=1))

    assert refusals(desired(wanted()), live(live_key(), expired)) == ()


def test_setting_an_expiry_in_the_past_is_the_end_of_a_key_in_use() -> None:
    wish = desired(wanted(expiry=At(NOW - SECOND)))

    assert names(refusals(wish, live(live_key(accessed=NOW)))) == ["in-use"]
    assert refusals(wish, live(live_key())) == ()


def test_narrowing_a_key_in_use_is_marked_and_not_refused() -> None:
    wish, world = (
        desired(wanted(scopes=["users.read"])),
        live(live_key(scopes=["rows.read", "users.read"], accessed=NOW)),
    )

    (change,) = plan_environment(wish, world, {}).changes

    assert change.marks[0].risk is Risk.IN_USE
    assert refusals(wish, world) == ()


@pytest.mark.parametrize(
    "wish",
    [
        desired(wanted("other")),
        desired(wanted(scopes=["rows.read"])),
        desired(wanted(scopes=["rows.read", "users.read"], expiry=At(NOW + WEEK))),
    ],
    ids=["deleted", "narrowed", "expired"],
)
def test_the_credential_in_use_is_never_deleted_narrowed_or_cut_short(wish: Desired) -> None:
    own = live_key(scopes=["rows.read", "users.read"])

    found = refusals(wish, live(own, own=[own.id]), Allowances(deletes=9, in_use=True))

    assert names(found) == ["own-credential"]


def test_the_credential_in_use_may_gain_and_be_renamed() -> None:
    wish = desired(wanted(title="New", scopes=["rows.read", "users.read"]))

    assert refusals(wish, live(live_key(), own=[live_key().id])) == ()


def test_the_credential_in_use_is_the_key_with_its_secret() -> None:
    keys = (live_key("a", secret=Secret("standard_a")), live_key("b", secret=Secret("standard_b")))

    assert own_ids(keys, Secret("standard_b")) == {keys[1].id}


def test_where_secrets_are_hidden_every_key_with_keys_write_may_be_the_credential() -> None:
    keys = (
        live_key("a", scopes=["keys.read"], secret=None),
        live_key("b", scopes=["keys.read", "keys.write"], secret=None),
        live_key("c", scopes=["keys.write"], secret=None),
    )

    assert own_ids(keys, Secret("standard_b")) == {keys[1].id, keys[2].id}


def test_a_session_or_an_organization_key_is_no_key_of_the_project() -> None:
    assert own_ids([live_key(scopes=["keys.write"], secret=None)], None) == frozenset()


@pytest.mark.parametrize("scope", sorted(SENSITIVE))
def test_each_sensitive_scope_must_be_allowed_by_its_own_name(scope: str) -> None:
    others = SENSITIVE - {scope}

    (refusal,) = refusals(desired(wanted(scopes=[scope], allow=others)), live())

    assert refusal.guard == "sensitive"
    assert refusal.where == "staging/ci"
    assert f"allow_sensitive: [{scope}]" in refusal.hint
    assert refusals(desired(wanted(scopes=[scope], allow=[scope])), live()) == ()


def test_a_sensitive_scope_is_refused_on_a_key_that_holds_it_already() -> None:
    key = live_key(scopes=["keys.read"])

    assert names(refusals(desired(wanted(scopes=["keys.read"])), live(key))) == ["sensitive"]


@pytest.mark.parametrize(("others", "refused"), [(999, False), (1000, True)])
def test_no_key_is_created_beyond_the_thousandth(others: int, refused: bool) -> None:
    strangers = tuple(live_key(id=f"stranger-{number}") for number in range(others))

    assert names(refusals(desired(wanted()), live(*strangers))) == (["limit"] if refused else [])


def test_expired_strangers_count_among_the_thousand() -> None:
    strangers = tuple(live_key(id=f"stranger-{number}", expire=NOW - WEEK) for number in range(1000))

    assert names(refusals(desired(wanted()), live(*strangers))) == ["limit"]


def test_own_expired_keys_make_room_because_they_go_first() -> None:
    strangers = tuple(live_key(id=f"stranger-{number}") for number in range(999))

    assert refusals(desired(wanted()), live(*strangers, live_key("old", expire=NOW))) == ()
    assert names(refusals(desired(wanted()), live(*strangers, live_key("old")))) == ["limit"]


def test_a_full_project_can_still_be_updated_and_emptied() -> None:
    strangers = tuple(live_key(id=f"stranger-{number}") for number in range(1200))

    assert refusals(desired(wanted(title="New")), live(live_key(), live_key("old"), *strangers)) == ()


def test_a_key_that_is_made_anew_takes_no_second_place() -> None:
    strangers = tuple(live_key(id=f"stranger-{number}") for number in range(999))
    lost = undelivered(secret=None)

    wish = desired(wanted(sinks=()))

    assert refusals(wish, live(lost, *strangers)) == ()


def test_the_limit_has_no_flag() -> None:
    strangers = tuple(live_key(id=f"stranger-{number}") for number in range(1000))

    (refusal,) = refusals(desired(wanted()), live(*strangers), Allowances(deletes=9999, in_use=True))

    assert "1001 keys" in refusal.message
    assert "--" not in refusal.hint


def test_destroy_holds_nothing_back_but_the_credential_in_use() -> None:
    everything = tuple(live_key(f"key-{number}", accessed=NOW) for number in range(20))
    plan = plan_destroy(desired(), live(*everything, own=[everything[3].id]))

    (refusal,) = check_destroy(plan)

    assert (refusal.guard, refusal.where) == ("own-credential", "staging/key-3")


def test_guards_judge_only_keys_that_carry_the_realms_mark() -> None:
    foreign = key_id(Realm(owner="other", environment=REALM.environment, project=REALM.project), "ci")
    strangers = tuple(live_key(id=name, accessed=NOW) for name in (foreign, "stranger"))

    assert refusals(desired(), live(*strangers, own=[foreign])) == ()


def test_the_credential_in_use_is_not_deleted_to_be_made_again() -> None:
    lost = undelivered(secret=None)
    wish = desired(wanted(sinks=(SinkSpec(kind="dotenv", options=(("path", ".env"), ("variable", "KEY"))),)))

    assert names(refusals(wish, live(lost, own=[lost.id]))) == ["own-credential"]
    assert refusals(wish, live(lost)) == ()


def test_a_key_in_use_is_not_deleted_to_be_made_again() -> None:
    used = undelivered(secret=None, accessed=NOW)
    wish = desired(wanted(sinks=(SinkSpec(kind="dotenv", options=(("path", ".env"), ("variable", "KEY"))),)))

    assert names(refusals(wish, live(used))) == ["in-use"]
    assert refusals(wish, live(used), Allowances(in_use=True)) == ()


@pytest.mark.parametrize(
    "wish",
    [
        desired(wanted(scopes=["rows.read"])),
        desired(wanted(scopes=["users.read", "keys.read"], allow=["keys.read"], expiry=At(NOW + timedelta(days=1)))),
    ],
)
def test_the_credential_in_use_is_not_cut_short_by_being_committed(wish: Desired) -> None:
    own = undelivered(scopes=["users.read", "keys.read"])

    assert names(refusals(wish, live(own, own=[own.id]))) == ["own-credential"]
    assert refusals(wish, live(own)) == ()


def test_environments_of_one_project_share_its_thousand_keys() -> None:
    strangers = tuple(live_key(id=f"stranger-{number}") for number in range(997))
    plans = [plan_environment(desired(*kept(count)), live(*strangers), {}) for count in (2, 1, 2)]

    assert list(check_limit(plans[:2])) == []
    (refusal,) = check_limit(plans)
    assert "would hold 1002 keys" in refusal.message
