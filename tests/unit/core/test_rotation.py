"""Rotation as a function of time: when a generation is due, and what becomes of the one before."""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.desired import After, DesiredKey, Rotation
from reconciler.core.guards import Allowances, check
from reconciler.core.holding import UNSEEN
from reconciler.core.ids import MAX_GENERATION, key_id
from reconciler.core.keys import LiveKey
from reconciler.core.plan import Change, Create, Delete, Deliver, EnvironmentPlan, Reason, Retire, Unchanged, Update
from reconciler.core.planner import plan_environment
from reconciler.core.rotation import due, due_date, end_of, first_date, spread
from reconciler.errors import ManifestError
from tests.support.builders import (
    NOW,
    REALM,
    SINK,
    desired,
    live,
    live_key,
    owned_id,
    undelivered,
    wanted,
)

DAY = timedelta(days=1)
ROTATION = Rotation(every=90 * DAY, overlap=7 * DAY)
LIFE = ROTATION.life


def rotating(name: str = "ci", rotation: Rotation = ROTATION, **fields: object) -> DesiredKey:
    wish = wanted(name, sinks=(SINK,), expiry=After(rotation.life), **fields)  # type: ignore[arg-type]
    return replace(wish, rotation=rotation)


def generation(number: int = 1, *, age: timedelta, expire: datetime | None = None, **fields: object) -> LiveKey:
    """A generation as apply makes it, unless it has another end."""
    end = expire or NOW - age + LIFE
    return live_key(generation=number, age=age, expire=end, **fields)  # type: ignore[arg-type]


def plan(*keys: LiveKey, wish: DesiredKey | None = None, **fields: object) -> EnvironmentPlan:
    wish = wish or rotating()
    return plan_environment(desired(wish, **fields), live(*keys), {SINK: UNSEEN})  # type: ignore[arg-type]


def told(made: EnvironmentPlan) -> list[tuple[type, str]]:
    return [(type(each), each.key_id.rpartition(".")[2]) for each in made.changes]


def retired(made: EnvironmentPlan) -> Retire:
    (change,) = (each for each in made.changes if isinstance(each, Retire))
    return change


def created(made: EnvironmentPlan) -> Create:
    (change,) = (each for each in made.changes if isinstance(each, Create))
    return change


# --- when ---


def test_a_key_that_is_not_due_is_as_declared() -> None:
    assert plan(generation(age=30 * DAY)).changes == ()


def test_the_first_generation_is_an_ordinary_creation_that_lives_for_every_and_overlap() -> None:
    change = created(plan())

    assert (change.reason, change.follows) == (Reason.DECLARED, None)
    assert change.after.expire == NOW + LIFE


def test_a_due_key_is_followed_by_the_next_generation_and_then_retires() -> None:
    made = plan(generation(age=90 * DAY))

    assert told(made) == [(Retire, "g1"), (Create, "g2")]
    change = created(made)
    assert (change.reason, change.follows) == (Reason.DUE, owned_id("ci"))
    assert change.after.expire == NOW + LIFE
    assert retired(made).after.expire == NOW + 7 * DAY


@given(
    every=st.timedeltas(DAY, 400 * DAY),
    part=st.floats(0.001, 0.999),
    number=st.integers(1, 500),
)
def test_a_date_is_never_later_than_every_and_leaves_the_older_key_time_to_end(
    every: timedelta, part: float, number: int
) -> None:
    rotation = Rotation(every=every, overlap=every * part)
    key = live_key(f"tenant-{number}", age=timedelta())

    date = due_date(rotation, key)

    assert NOW + every - spread(rotation) - timedelta(milliseconds=1) <= date <= NOW + every
    assert date - NOW >= rotation.overlap - timedelta(milliseconds=1)


def test_five_hundred_tenants_made_on_one_day_do_not_rotate_on_one_day() -> None:
    dates = [due_date(ROTATION, live_key(f"tenant-{number}", age=timedelta())) for number in range(500)]

    days = Counter((date - NOW).days for date in dates)

    assert len(days) >= 22
    assert max(days.values()) <= 45


def test_a_key_without_the_end_that_its_rotation_gives_gets_it_where_it_is_not_due() -> None:
    (change,) = plan(live_key(age=30 * DAY)).changes

    assert isinstance(change, Update)
    assert change.after.expire == NOW - 30 * DAY + LIFE


def test_a_key_that_is_newly_under_rotation_and_old_is_rotated_first() -> None:
    made = plan(live_key(age=400 * DAY))

    assert told(made) == [(Retire, "g1"), (Create, "g2")]
    assert "newly under this rotation" in created(made).detail


@pytest.mark.parametrize("left", [timedelta(0), DAY, 7 * DAY])
def test_a_key_that_ends_before_an_overlap_from_now_is_rotated_first(left: timedelta) -> None:
    made = plan(generation(age=10 * DAY, expire=NOW + left))

    assert created(made).reason is Reason.ENDS_SOON
    assert not any(isinstance(each, Retire) and each.after.expire != NOW + left for each in made.changes)


def test_a_key_that_expired_is_followed_and_deleted() -> None:
    assert told(plan(generation(age=99 * DAY, expire=NOW - DAY))) == [(Delete, "g1"), (Create, "g2")]


def test_a_shorter_rotation_never_ends_a_key_that_is_in_use_early() -> None:
    monthly = Rotation(every=30 * DAY, overlap=3 * DAY)
    made = plan(generation(age=60 * DAY), wish=rotating(rotation=monthly))

    assert told(made) == [(Retire, "g1"), (Create, "g2")]
    assert retired(made).after.expire == NOW + 3 * DAY


spans = st.integers(1, 300).map(lambda days: days * DAY)


@given(
    every=spans,
    part=st.floats(0.01, 0.99),
    age=st.timedeltas(timedelta(0), 500 * DAY),
    left=st.none() | st.timedeltas(-20 * DAY, 500 * DAY),
    adopted=st.booleans(),
    mark=st.sampled_from(["", " (retiring)"]),
)
def test_no_plan_ends_the_newest_key_before_an_overlap_from_now(
    every: timedelta, part: float, age: timedelta, left: timedelta | None, adopted: bool, mark: str
) -> None:
    rotation = Rotation(every=every, overlap=every * part)
    expire = None if left is None else NOW + left
    key = live_key(id="by-hand" if adopted else None, title=f"CI{mark}", age=age, expire=expire)
    wish = rotating(rotation=rotation, adopts="by-hand" if adopted else None)

    made = plan(key, wish=wish)

    for change in made.changes:
        if change.key_id != key.id:
            assert isinstance(change, Create)
            continue
        assert not isinstance(change, Delete) or (expire is not None and expire <= NOW)
        after = getattr(change, "after", None)
        if after is not None and after.expire != expire:
            assert after.expire >= NOW + rotation.overlap - timedelta(milliseconds=1)
    if any(isinstance(change, Create) for change in made.changes):
        assert due(wish, key, NOW) is not None


# --- the ones before ---


def test_a_superseded_key_works_on_for_the_overlap_and_says_so() -> None:
    change = retired(plan(generation(age=85 * DAY, scopes=["rows.read"]), generation(2, age=DAY)))

    assert change.after.name == "CI (retiring)"
    assert change.after.scopes == {"rows.read"}
    assert change.after.expire == NOW + 7 * DAY
    assert change.detail == f"{owned_id('ci', 2)}; never used"


def test_a_superseded_key_never_ends_later_than_it_would_have() -> None:
    assert retired(plan(generation(age=95 * DAY), generation(2, age=DAY))).after.expire == NOW + 2 * DAY


def test_a_retiring_key_is_left_and_deleted_once_it_has_ended() -> None:
    left = plan(generation(age=95 * DAY, title="CI (retiring)"), generation(2, age=5 * DAY))
    gone = plan(generation(age=98 * DAY, title="CI (retiring)"), generation(2, age=8 * DAY))

    assert left.changes == ()
    assert [(each.key_id, each.reason) for each in left.unchanged if not each.is_declared] == [
        (owned_id("ci"), Reason.RETIRING)
    ]
    assert [(type(each), each.reason) for each in gone.changes] == [(Delete, Reason.SUPERSEDED)]


def test_a_retiring_key_that_is_used_is_told_of() -> None:
    old = generation(age=95 * DAY, title="CI (retiring)", accessed=NOW - DAY)

    (warning,) = plan(old, generation(2, age=5 * DAY)).warnings

    assert "was used on 2026-11-22, after" in warning


def test_the_credential_of_this_run_is_left_to_another_run() -> None:
    old, new = generation(age=85 * DAY), generation(2, age=DAY)
    made = plan_environment(desired(rotating()), live(old, new, own=[old.id]), {SINK: UNSEEN})

    assert made.changes == ()
    assert {each.reason for each in made.unchanged} == {Reason.EQUAL, Reason.OWN_SUPERSEDED}


def test_what_a_run_that_died_left_of_the_next_generation_is_finished_before_the_old_one_retires() -> None:
    assert told(plan(generation(age=90 * DAY), undelivered(generation=2))) == [
        (Retire, "g1"),
        (type(plan(undelivered()).changes[0]), "g2"),
    ]


def test_a_generation_that_nobody_can_deliver_and_somebody_may_have_read_gets_its_overlap() -> None:
    made = plan(generation(age=90 * DAY), undelivered(generation=2, secret=None))

    assert told(made) == [(Retire, "g1"), (Retire, "g2"), (Create, "g3")]


# --- hands in the Console ---


@pytest.mark.parametrize("expire", [None, NOW + 12 * DAY, NOW + 400 * DAY])
@pytest.mark.parametrize(
    ("age", "newer", "left"),
    [
        (95 * DAY, 10 * DAY, 2 * DAY),  # the end of its life
        (85 * DAY, DAY, 7 * DAY),  # an overlap from now, which comes first
        (110 * DAY, 20 * DAY, 7 * DAY),  # its life is over
    ],
)
def test_a_retiring_key_that_was_put_off_is_given_an_end_again(
    expire: datetime | None, age: timedelta, newer: timedelta, left: timedelta
) -> None:
    old = replace(generation(age=age, title="CI (retiring)"), expire=expire)

    assert retired(plan(old, generation(2, age=newer))).after.expire == NOW + left


@pytest.mark.parametrize("left", [timedelta(minutes=1), 6 * DAY])
def test_a_retiring_key_that_was_shortened_stays_so(left: timedelta) -> None:
    old = generation(age=85 * DAY, title="CI (retiring)", expire=NOW + left)

    assert plan(old, generation(2, age=DAY)).changes == ()


def test_a_retiring_key_that_was_renamed_is_marked_again_and_keeps_its_end() -> None:
    old = generation(age=85 * DAY, title="Do not touch", expire=NOW + 3 * DAY)

    change = retired(plan(old, generation(2, age=DAY)))

    assert (change.after.name, change.after.expire) == ("Do not touch (retiring)", NOW + 3 * DAY)


def test_where_the_newest_was_deleted_the_retiring_one_is_rotated_at_once_and_not_put_off() -> None:
    made = plan(generation(age=92 * DAY, title="CI (retiring)", expire=NOW + 3 * DAY))

    assert told(made) == [(Create, "g2")]
    assert created(made).reason is Reason.WAS_RETIRED


def test_where_all_were_deleted_the_key_is_made_anew() -> None:
    assert created(plan()).reason is Reason.DECLARED


# --- adopted and renamed keys ---


def test_an_adopted_key_gets_an_end_by_which_it_is_rotated() -> None:
    adopted = live_key(id="by-hand", age=900 * DAY)

    (change,) = plan(adopted, wish=rotating(adopts="by-hand")).changes

    assert isinstance(change, Update)
    assert change.reason is Reason.SCHEDULED
    assert change.after.expire is not None
    assert NOW + 7 * DAY < change.after.expire <= NOW + LIFE


def test_the_first_date_stays_until_it_is_over() -> None:
    date = first_date(ROTATION, "by-hand", NOW)

    assert NOW < date <= NOW + 90 * DAY
    assert first_date(ROTATION, "by-hand", date - DAY) == date
    assert first_date(ROTATION, "by-hand", date) == date + 90 * DAY


def test_five_hundred_adopted_keys_spread_their_first_dates_over_every() -> None:
    days = Counter((first_date(ROTATION, f"key-{number}", NOW) - NOW).days for number in range(500))

    assert len(days) >= 85
    assert max(days.values()) <= 18


def test_an_adopted_key_with_a_later_end_keeps_to_its_schedule() -> None:
    key, adopted = rotating(adopts="by-hand"), live_key(id="by-hand", age=900 * DAY)
    scheduled = replace(adopted, expire=end_of(key, adopted, NOW))

    assert plan(scheduled, wish=key).changes == ()


def test_once_the_first_generation_is_there_the_adopted_key_retires_and_the_plan_asks_to_drop_its_id() -> None:
    made = plan(live_key(id="by-hand", age=900 * DAY), generation(age=DAY), wish=rotating(adopts="by-hand"))

    assert retired(made).key_id == "by-hand"
    assert "leave `id` out" in made.warnings[0]


def test_the_adopted_key_may_be_gone_once_it_was_rotated() -> None:
    wish = rotating(adopts="by-hand")

    made = plan(generation(age=DAY), wish=wish)

    assert made.changes == ()
    assert "which is gone: leave `id` out" in made.warnings[0]
    with pytest.raises(ManifestError):
        plan(wish=wish)


def test_a_renamed_key_takes_its_new_id_with_the_next_generation() -> None:
    wish = rotating("new", former_slug="ci")

    kept = plan(generation(age=30 * DAY), wish=wish)
    due_now = plan(generation(age=90 * DAY), wish=wish)
    after = plan(generation(age=90 * DAY), live_key("new", age=DAY, expire=NOW - DAY + LIFE), wish=wish)

    assert kept.changes == ()
    assert created(due_now).key_id == owned_id("new")
    assert retired(after).key_id == owned_id("ci")


def test_what_a_run_left_longer_ago_than_a_generation_lives_is_deleted() -> None:
    made = plan(undelivered(age=LIFE), generation(2, age=DAY))

    assert told(made) == [(Delete, "g1")]


@pytest.mark.parametrize("secret", ["of this run", None], ids=["deliverable", "lost"])
def test_what_a_run_has_begun_of_a_renamed_environment_is_finished(secret: str | None) -> None:
    former = replace(REALM, environment="old")
    old = live_key(id=key_id(former, "ci", 5), age=90 * DAY, expire=NOW + 7 * DAY)
    begun = undelivered() if secret else undelivered(secret=None)

    made = plan(old, begun, former=former)

    newest = owned_id("ci") if secret else owned_id("ci", 2)
    assert [each.key_id for each in made.changes if isinstance(each, Create | Deliver)] == [newest]
    (retire,) = (each for each in made.changes if isinstance(each, Retire) and each.key_id == old.id)
    assert newest in retire.detail


# --- limits and guards ---


def test_the_last_generation_that_an_id_has_room_for_is_told_of_and_kept() -> None:
    made = plan(generation(MAX_GENERATION, age=90 * DAY))

    assert made.changes == ()
    assert "rename the key" in made.warnings[0]


def test_the_last_generation_takes_the_fields_that_are_declared() -> None:
    made = plan(generation(MAX_GENERATION, age=90 * DAY), wish=rotating(scopes=["users.write"]))

    (change,) = made.changes
    assert isinstance(change, Update)
    assert change.after.scopes == {"users.write"}


@pytest.mark.parametrize("expire", [None, NOW + DAY])
@pytest.mark.parametrize("age", [95 * DAY, 400 * DAY])
def test_the_last_generation_keeps_the_end_that_it_has(expire: datetime | None, age: timedelta) -> None:
    last = live_key(generation=MAX_GENERATION, age=age, expire=expire, accessed=NOW)

    made = plan(last, wish=rotating(scopes=["users.write"]))

    assert [change.after.expire for change in made.changes if isinstance(change, Update)] == [expire]
    assert [each.sink for each in made.unseen]


def test_protect_refuses_a_rotation() -> None:
    wish = desired(rotating(), protect=("ci",))
    made = plan_environment(wish, live(generation(age=90 * DAY)), {SINK: UNSEEN})

    refusals = check(wish, made, Allowances())

    assert {refusal.guard for refusal in refusals} == {"protect"}
    assert "be rotated" in refusals[-1].message


def test_many_rotations_at_once_are_no_mass_deletion() -> None:
    names = [f"tenant-{number}" for number in range(20)]
    keys = [live_key(name, age=90 * DAY, accessed=NOW) for name in names]
    wish = desired(*map(rotating, names))
    made = plan_environment(wish, live(*keys), {})

    assert Counter(type(change) for change in made.changes) == {Create: 20, Retire: 20}
    assert check(wish, made, Allowances()) == ()


def test_a_rotation_marks_only_what_the_new_generation_gains() -> None:
    wish = rotating(scopes=["users.write", "rows.write"])
    made = plan(generation(age=90 * DAY, scopes=["users.write"]), wish=wish)

    assert [mark.detail for mark in created(made).marks] == ["rows.write"]


def test_what_is_no_longer_under_rotation_ends_as_it_was_told() -> None:
    old = generation(age=85 * DAY, title="CI (retiring)", expire=NOW + 3 * DAY)
    made = plan(old, live_key(generation=2, age=DAY), wish=wanted(sinks=(SINK,)))

    assert made.changes == ()


def test_a_plan_of_what_is_due_speaks_of_each_key_once() -> None:
    former = replace(REALM, environment="old")
    wish = desired(rotating(), former=former)
    keys = live(live_key(id=key_id(former, "ci"), age=400 * DAY), undelivered())

    changes: tuple[Change | Unchanged, ...] = plan_environment(wish, keys, {SINK: UNSEEN}).changes

    assert len({change.key_id for change in changes}) == len(changes)


def test_an_overlap_that_was_given_is_not_cut_by_the_time_that_the_delivery_took() -> None:
    written = NOW - DAY + timedelta(minutes=9)  # the next generation was created nine minutes before
    old = generation(age=400 * DAY, title="CI (retiring)", expire=written + 7 * DAY)

    assert plan(old, generation(2, age=DAY, expire=NOW + 96 * DAY)).changes == ()


def test_a_key_under_no_rotation_that_another_one_has_followed_has_48_hours() -> None:
    made = plan(live_key(), live_key(generation=2, age=DAY), wish=wanted(sinks=(SINK,)))

    (retire,) = made.changes
    assert isinstance(retire, Retire)
    assert retire.after.expire == NOW + 2 * DAY


def test_a_plan_says_which_scopes_a_retiring_key_keeps_that_its_name_has_no_more() -> None:
    old = live_key(scopes=("users.read", "users.write"), title="CI (retiring)", expire=NOW + 2 * DAY)

    made = plan(old, live_key(generation=2, age=DAY), wish=wanted(sinks=(SINK,)))

    (warning,) = [each for each in made.warnings if "keeps" in each]
    assert warning.startswith(f"staging/ci: {owned_id('ci')} keeps users.write until ")
