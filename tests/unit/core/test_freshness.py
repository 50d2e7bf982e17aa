"""Where a saved plan stands when the keys have moved on: pending, done, or stale with the reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.desired import After, At, Desired, Forced, Never, SinkSpec
from reconciler.core.freshness import Standing, standing
from reconciler.core.holding import EMPTY, Held, Holding, holding
from reconciler.core.keys import KeyState, Live, LiveKey
from reconciler.core.plan import Create, Delete, Deliver, EnvironmentPlan, Reason, Retire, Update
from reconciler.core.planner import plan_environment
from reconciler.core.probation import SUFFIX
from reconciler.core.secret import Secret
from tests.support.builders import (
    NOW,
    OTHER_SINK,
    SECRET,
    SINK,
    desired,
    live,
    live_key,
    owned_id,
    state,
    undelivered,
    wanted,
)

DAY = timedelta(days=1)
HELD = holding(SECRET)
FULL: Held = {SINK: HELD, OTHER_SINK: HELD}


def later(wish: Desired, before: Live, after: Live, held: Held = FULL, held_later: Held = FULL) -> Standing:
    """Where the plan for `before` stands once `after` is live."""
    saved = plan_environment(wish, before, held)
    assert saved.changes
    return stand(saved, wish, after, held_later)


def stand(saved: EnvironmentPlan, wish: Desired, after: Live, held: Held = FULL) -> Standing:
    return standing(saved, plan_environment(wish, after, held), wish, after)


def after_days(days: float, *keys: LiveKey) -> Live:
    return replace(live(*keys), now=NOW + days * DAY)


def words(stands: Standing) -> str:
    """Why the one stale change is stale; nothing may be pending or done."""
    (stale,) = stands.stale
    return stale.message


RESCOPED = desired(wanted(scopes=["users.read", "rows.read"]))


# --- nothing happened in between ---


@pytest.mark.parametrize(
    ("wish", "keys"),
    [
        (desired(wanted()), ()),
        (desired(wanted(sinks=(SINK,))), ()),
        (desired(wanted(sinks=(SINK,))), (undelivered(secret=None),)),
        (desired(wanted(sinks=(SINK,))), (undelivered(),)),
        (desired(wanted(expiry=After(90 * DAY))), ()),
        (RESCOPED, (live_key(),)),
        (desired(wanted(sinks=(SINK,), title="New")), (live_key(secret=Secret("other")),)),
        (replace(desired(), prune="expire"), (live_key(),)),
        (desired(), (live_key(), live_key(generation=2))),
        (replace(desired(), absent=frozenset({"by-hand"})), (live_key(id="by-hand"),)),
    ],
)
@pytest.mark.parametrize("days", [0, 0.5])
def test_as_long_as_no_key_changes_all_of_a_plan_is_pending(
    wish: Desired, keys: tuple[LiveKey, ...], days: float
) -> None:
    saved = plan_environment(wish, live(*keys), FULL)
    after = after_days(days, *keys)

    stands = stand(saved, wish, after)

    assert stands.pending == plan_environment(wish, after, FULL).changes
    assert len(stands.pending) == len(saved.changes) > 0
    assert (stands.done, stands.stale, stands.beyond) == ((), (), ())


def test_what_the_plan_does_not_speak_of_is_left_and_told() -> None:
    both = desired(wanted(), wanted("jobs"))
    saved = plan_environment(desired(wanted()), live(), {})

    stands = stand(saved, both, live())

    assert [change.address for change in stands.pending] == ["staging/ci"]
    assert [change.address for change in stands.beyond] == ["staging/jobs"]


# --- a key that is made ---


def test_a_key_that_is_as_the_plan_leaves_it_is_done() -> None:
    stands = later(desired(wanted(sinks=(SINK,))), live(), live(live_key()))

    assert (stands.pending, stands.stale, stands.beyond) == ((), (), ())
    (done,) = stands.done
    assert isinstance(done, Create)


def test_a_duration_counts_from_the_creation_whenever_that_was() -> None:
    wish = desired(wanted(expiry=After(90 * DAY)))
    made = live_key(expire=NOW + 91 * DAY, age=-DAY)

    assert later(wish, live(), after_days(2, made)).done


def test_a_key_that_a_killed_run_made_later_than_it_had_planned_is_given_its_life() -> None:
    wish = desired(wanted(expiry=After(90 * DAY)))
    made = live_key(expire=NOW + 90 * DAY, age=-timedelta(minutes=3))

    (left,) = later(wish, live(), after_days(1, made)).pending
    by_hand = later(wish, live(), after_days(1, replace(made, expire=NOW + 80 * DAY)))

    assert isinstance(left, Update)
    assert "is live already, with expire 2027-02-11T12:00:00Z" in words(by_hand)


def test_a_key_left_on_probation_is_delivered() -> None:
    stands = later(desired(wanted(sinks=(SINK,))), live(), live(undelivered()))

    (left,) = stands.pending
    assert isinstance(left, Deliver)
    assert (stands.done, stands.stale) == ((), ())


def test_a_key_whose_secret_is_lost_is_made_again_and_its_leftover_deleted() -> None:
    stands = later(desired(wanted(sinks=(SINK,))), live(), live(undelivered(secret=None)))

    leftover, again = stands.pending
    assert isinstance(leftover, Delete)
    assert leftover.key_id == owned_id("ci")
    assert isinstance(again, Create)
    assert (again.key_id, again.leftover) == (owned_id("ci", 2), owned_id("ci"))
    assert (stands.done, stands.stale, stands.beyond) == ((), (), ())


def test_a_key_that_had_to_be_made_twice_is_followed_through_its_generations() -> None:
    wish = desired(wanted(sinks=(SINK,)))
    two = (undelivered(secret=None), undelivered(generation=2))

    delivered = later(wish, live(), live(*two))
    done = later(wish, live(), live(live_key(generation=2)))
    leftover_gone = later(wish, live(two[0]), live())

    assert [type(change) for change in delivered.pending] == [Delete, Deliver]
    assert done.done
    assert [type(change) for change in leftover_gone.pending] == [Create]
    assert [type(change) for change in leftover_gone.done] == [Delete]


EMPTIED: Held = {SINK: EMPTY, OTHER_SINK: EMPTY}
THEIRS: Held = {SINK: holding(Secret("somebody's")), OTHER_SINK: EMPTY}
UNTOLD: Held = {SINK: Holding(occupied=True), OTHER_SINK: EMPTY}
SHOWN = "replaces a value (dotenv secrets/staging.env APPWRITE_API_KEY)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), ()),
        ((), (live_key(),)),
        ((live_key(),), (live_key(),)),
        ((undelivered(secret=None),), (undelivered(secret=None),)),
    ],
    ids=["make", "make, and another run did", "deliver", "make again"],
)
def test_a_value_that_stands_in_a_sink_and_that_the_plan_did_not_show_is_not_overwritten(
    before: tuple[LiveKey, ...], after: tuple[LiveKey, ...]
) -> None:
    wish = desired(wanted(sinks=(SINK,)))

    stands = later(wish, live(*before), live(*after), EMPTIED, THEIRS)

    assert [(type(each), each.address) for each in stands.pending if not isinstance(each, Delete)] == []
    assert SHOWN in "".join(each.message for each in stands.stale)
    assert later(wish, live(*before), live(*after), THEIRS, THEIRS).stale == ()
    assert later(wish, live(*before), live(*after), THEIRS, EMPTIED).stale == ()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((), (undelivered(),)),
        ((), (undelivered(secret=None),)),
        ((undelivered(),), (undelivered(),)),
    ],
    ids=["deliver", "make again", "go on"],
)
def test_what_a_killed_run_wrote_into_a_sink_that_shows_nothing_keeps_nobody_from_finishing_it(
    before: tuple[LiveKey, ...], after: tuple[LiveKey, ...]
) -> None:
    stands = later(desired(wanted(sinks=(SINK,))), live(*before), live(*after), EMPTIED, UNTOLD)

    assert stands.pending
    assert stands.stale == ()


def test_a_value_in_a_sink_of_which_the_plan_does_not_speak_keeps_nobody_from_the_others() -> None:
    wish = desired(wanted(sinks=(SINK, OTHER_SINK)))
    saved = plan_environment(desired(wanted(sinks=(OTHER_SINK,))), live(live_key()), EMPTIED)

    stands = stand(saved, wish, live(live_key()), THEIRS)

    (left,) = stands.pending
    assert isinstance(left, Deliver)
    assert (left.sinks, stands.stale) == ((OTHER_SINK,), ())


@pytest.mark.parametrize(
    ("key", "why"),
    [
        (live_key(title="Other"), 'it was to be made, and is live already, with name "Other", not "CI"'),
        (live_key(scopes=["rows.read"]), "scopes with rows.read and without users.read"),
        (live_key(expire=NOW + DAY), "expire 2026-11-24T12:00:00Z, not never"),
        (undelivered(scopes=["users.read", "keys.write"]), "scopes with keys.write"),
        (undelivered(title="Other" + SUFFIX), 'name "Other (undelivered)"'),
        (undelivered(scopes=["rows.read"], secret=None), "scopes with rows.read and without users.read"),
    ],
)
def test_a_key_that_somebody_else_made_is_stale(key: LiveKey, why: str) -> None:
    stands = later(desired(wanted(sinks=(SINK,))), live(), live(key))

    assert why in words(stands)
    assert stands.pending == ()


def test_a_key_of_another_name_that_was_made_a_while_ago_is_not_the_plan_s() -> None:
    wish = desired(wanted(expiry=After(90 * DAY)))
    other = live_key(title="Other", expire=NOW + 90 * DAY, age=-timedelta(minutes=3))

    assert 'name "Other", not "CI"' in words(later(wish, live(), after_days(1, other)))


def test_only_what_this_plan_left_behind_is_deleted() -> None:
    wish = desired(wanted(sinks=(SINK,)), wanted("jobs", sinks=(OTHER_SINK,)))
    saved = plan_environment(desired(wanted(sinks=(SINK,))), live(), {})
    both = live(undelivered(secret=None), undelivered("jobs", secret=None))
    older = live(live_key(), undelivered(generation=2))

    stands = stand(saved, wish, both)
    beside = stand(saved, desired(wanted(sinks=(SINK,))), older)

    assert {change.address for change in stands.pending} == {"staging/ci"}
    assert {change.address for change in stands.beyond} == {"staging/jobs"}
    assert [type(change) for change in beside.pending] == [Deliver]
    assert [type(change) for change in beside.beyond] == [Retire]


def test_a_key_that_can_no_longer_be_made_is_stale() -> None:
    wish = desired(wanted(expiry=At(NOW + DAY)))

    assert words(later(wish, live(), after_days(2))) == "nothing in the manifest asks for this key to be created"


def test_a_sink_that_was_emptied_since_is_written_as_the_plan_said() -> None:
    stands = later(
        desired(wanted(sinks=(SINK, OTHER_SINK))), live(), live(live_key()), held_later={SINK: EMPTY, OTHER_SINK: HELD}
    )

    (left,) = stands.pending
    assert isinstance(left, Deliver)
    assert left.sinks == (SINK,)


# --- a key that is delivered, changed, let end or deleted ---


def test_a_delivery_that_got_half_way_is_finished() -> None:
    wish = desired(wanted(title="New", sinks=(SINK, OTHER_SINK)))
    before = live(live_key())
    empty: Held = {SINK: EMPTY, OTHER_SINK: EMPTY}
    one, both = {SINK: HELD, OTHER_SINK: EMPTY}, FULL

    (half,) = later(wish, before, before, empty, one).pending
    (written,) = later(wish, before, before, empty, both).pending
    (emptied,) = later(wish, before, live(live_key(title="New")), empty, one).pending
    done = later(wish, before, live(live_key(title="New")), empty, both)

    assert isinstance(half, Deliver)
    assert half.sinks == (OTHER_SINK,)
    assert isinstance(written, Update)
    assert isinstance(emptied, Deliver)
    assert done.done


def test_a_sink_of_which_the_plan_did_not_speak_is_not_written() -> None:
    wish = desired(wanted(title="New", sinks=(SINK, OTHER_SINK)))
    before = live(live_key())
    first: Held = {SINK: EMPTY, OTHER_SINK: HELD}
    second: Held = {SINK: HELD, OTHER_SINK: EMPTY}

    (left,) = later(wish, before, before, first, second).pending
    (updated,) = later(wish, before, before, FULL, second).pending
    done = later(wish, before, live(live_key(title="New")), FULL, second)

    assert isinstance(left, Update)
    assert isinstance(updated, Update)
    assert done.done
    assert [type(change) for change in done.beyond] == [Deliver]


@pytest.mark.parametrize("held", [FULL, {SINK: EMPTY, OTHER_SINK: HELD}])
@pytest.mark.parametrize("planned", [FULL, {SINK: EMPTY, OTHER_SINK: HELD}])
def test_a_key_that_changed_is_stale_whatever_its_sinks_hold(planned: Held, held: Held) -> None:
    wish = desired(wanted(title="New", sinks=(SINK, OTHER_SINK)))

    stands = later(wish, live(live_key()), live(live_key(title="X")), planned, held)

    assert words(stands) == 'the key changed: name "X", not "CI"'
    assert stands.pending == ()


def test_a_change_that_was_made_is_done_and_one_to_something_else_is_stale() -> None:
    before = live(live_key())

    assert later(RESCOPED, before, live(live_key(scopes=["rows.read", "users.read"]))).done
    assert words(later(RESCOPED, before, live())) == "the key is gone"
    assert words(later(RESCOPED, before, live(live_key(title="X")))) == 'the key changed: name "X", not "CI"'
    assert words(later(RESCOPED, before, live(live_key(scopes=["a.read", "users.read"])))) == (
        "the key changed: scopes with a.read"
    )


def test_a_key_that_was_used_or_whose_description_the_server_does_not_keep_is_still_fresh() -> None:
    used = live_key(accessed=NOW)

    assert len(later(RESCOPED, live(live_key()), live(used)).pending) == 1


def test_a_key_that_is_let_end_ends_after_the_grace_that_the_apply_gives() -> None:
    wish = replace(desired(), prune="expire", allow_empty=True)
    before = live(live_key())
    ended = live_key(title="CI (retiring)", expire=NOW + 8 * DAY)

    (left,) = later(wish, before, after_days(5, live_key())).pending

    assert isinstance(left, Retire)
    assert left.after.expire == NOW + 12 * DAY
    assert later(wish, before, after_days(1, ended)).done
    assert later(wish, before, after_days(9, ended)).done
    assert "expire 2026-11-25T12:00:00Z" in words(
        later(wish, before, after_days(1, replace(ended, expire=NOW + 2 * DAY)))
    )
    assert words(later(wish, before, live())) == "the key is gone"
    assert words(later(wish, before, live(live_key(title="X")))) == 'the key changed: name "X", not "CI"'
    assert "expire 2027-03-03" in words(later(wish, before, live(live_key(expire=NOW + 100 * DAY))))
    assert "scopes with rows.read" in words(later(wish, before, after_days(1, replace(ended, scopes=("rows.read",)))))


def test_a_key_that_is_gone_needs_no_deletion_and_one_that_changed_is_stale() -> None:
    before = live(live_key())

    assert later(desired(), before, live()).done
    assert words(later(desired(), before, live(live_key(scopes=["rows.read"])))) == (
        "the key changed: scopes with rows.read and without users.read"
    )


# --- forged plans: the digest fits, and the manifest says otherwise ---


def forged(*changes: Create | Deliver | Update | Retire | Delete, like: EnvironmentPlan) -> EnvironmentPlan:
    return replace(like, changes=changes)


STRANGER = live_key(id="by-hand", title="By hand")
OURS = live_key()
WISH = desired(wanted(sinks=(SINK,)), wanted("new", sinks=(OTHER_SINK,)))
WORLD = live(OURS, STRANGER)
EVIL_SINK = SinkSpec(kind="dotenv", options=(("path", "/srv/www/public.txt"), ("variable", "X")))


UNDELIVERED: Held = {SINK: EMPTY, OTHER_SINK: EMPTY}
CREATE_CI = Create(
    address="staging/ci",
    key_id=OURS.id,
    after=state(),
    expiry=Never(),
    sinks=(SINK,),
    reason=Reason.DECLARED,
)
DELIVER_CI = Deliver(
    address="staging/ci",
    key_id=OURS.id,
    before=OURS.state,
    after=OURS.state,
    sinks=(SINK,),
    reason=Reason.SINK_DIFFERS,
)


def the_create() -> Create:
    (change,) = plan_environment(WISH, WORLD, FULL).changes
    assert isinstance(change, Create)
    return change


WIDER = state(scopes=["users.read", "keys.write"])


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (
            Delete(address="staging/by-hand", key_id="by-hand", before=STRANGER.state, reason=Reason.UNDECLARED),
            "nothing in the manifest asks for this key to be deleted",
        ),
        (
            Delete(address="staging/ci", key_id=OURS.id, before=OURS.state, reason=Reason.UNDECLARED),
            "a plan made now leaves it as it is: live equals the manifest",
        ),
        (replace(the_create(), after=WIDER), "a plan made now would create it: scopes without keys.write"),
        (
            replace(the_create(), sinks=(EVIL_SINK,)),
            "not delivered to dotenv /srv/www/public.txt X; delivered to dotenv secrets/staging.env OTHER",
        ),
        (replace(the_create(), sinks=(OTHER_SINK, EVIL_SINK)), "not delivered to dotenv /srv/www/public.txt X"),
        (replace(the_create(), key_id="by-hand"), "it was to be made, and is live already"),
        (replace(the_create(), key_id="another"), f"key {owned_id('new')}"),
        (replace(the_create(), address="staging/other"), "nothing in the manifest asks for this key to be created"),
        (replace(the_create(), expiry=After(DAY)), "a plan made now would create it"),
        (replace(the_create(), sinks=()), "delivered to dotenv secrets/staging.env OTHER"),
        (
            Update(address="staging/ci", key_id=OURS.id, before=OURS.state, after=WIDER, reason=Reason.FIELDS_DIFFER),
            "a plan made now leaves it as it is",
        ),
        (
            Update(
                address="staging/by-hand", key_id="by-hand", before=STRANGER.state, after=WIDER, reason=Reason.ABSENT
            ),
            "nothing in the manifest asks for this key to be updated",
        ),
        (replace(DELIVER_CI, sinks=(EVIL_SINK,)), "a plan made now leaves it as it is"),
        (replace(DELIVER_CI, after=WIDER), "a plan made now leaves it as it is"),
        (replace(CREATE_CI, after=WIDER), "is live already, with scopes without keys.write"),
        (replace(CREATE_CI, after=WIDER, expiry=After(DAY)), "is live already, with scopes without keys.write"),
        (
            Retire(
                address="staging/ci",
                key_id=OURS.id,
                before=OURS.state,
                after=replace(OURS.state, name="CI (retiring)", expire=NOW + timedelta(minutes=1)),
                reason=Reason.PRUNED,
            ),
            "a plan made now leaves it as it is",
        ),
    ],
)
def test_what_the_manifest_does_not_say_is_never_pending(
    change: Create | Deliver | Update | Retire | Delete, why: str
) -> None:
    saved = forged(change, like=plan_environment(WISH, WORLD, FULL))

    stands = stand(saved, WISH, WORLD)

    assert why in words(stands)
    assert (stands.pending, stands.done) == ((), ())


def test_a_key_with_empty_sinks_does_not_make_a_forged_plan_true() -> None:
    wish = desired(wanted(sinks=(SINK, OTHER_SINK)))
    like = plan_environment(wish, live(), {})
    for change in (
        replace(CREATE_CI, after=WIDER, sinks=(SINK, OTHER_SINK)),
        CREATE_CI,  # only one of two sinks
        replace(DELIVER_CI, after=WIDER),
    ):
        stands = stand(forged(change, like=like), wish, live(OURS), UNDELIVERED)
        assert (stands.pending, stands.done, len(stands.stale)) == ((), (), 1)


def test_an_address_that_is_not_the_key_s_is_stale() -> None:
    saved = plan_environment(RESCOPED, live(OURS), {})
    (change,) = saved.changes

    stands = stand(forged(replace(change, address="staging/other"), like=saved), RESCOPED, live(OURS))

    assert words(stands) == "a plan made now would update it: address staging/ci"


def test_a_key_of_the_former_name_is_not_the_one_that_is_declared() -> None:
    renamed = replace(wanted(), former_slug="old")
    wish = replace(desired(renamed), prune="report", names={"ci": "ci", "old": "ci"})

    stands = later(wish, live(), live(OURS, undelivered("old")))

    assert (stands.pending, stands.stale, len(stands.done)) == ((), (), 1)
    assert [type(change) for change in stands.beyond] == [Delete]


def test_a_key_that_is_let_end_keeps_its_scopes() -> None:
    wish = replace(desired(), prune="expire", allow_empty=True)
    saved = plan_environment(wish, live(OURS), {})
    (change,) = saved.changes
    assert isinstance(change, Retire)
    fewer = replace(change, after=replace(change.after, scopes=frozenset()))

    assert "scopes with users.read" in words(stand(forged(fewer, like=saved), wish, live(OURS)))


def test_the_end_of_a_key_cannot_be_brought_forward_by_a_forger() -> None:
    wish = replace(desired(), prune="expire", allow_empty=True)
    saved = plan_environment(wish, live(OURS), {})
    (change,) = saved.changes
    assert isinstance(change, Retire)
    soon: KeyState = replace(change.after, expire=NOW + timedelta(minutes=1))
    late: KeyState = replace(change.after, expire=NOW + 700 * DAY)

    (left,) = stand(forged(replace(change, after=soon), like=saved), wish, live(OURS)).pending
    refused = stand(forged(replace(change, after=late), like=saved), wish, live(OURS))

    assert isinstance(left, Retire)
    assert left.after.expire == NOW + 7 * DAY
    assert "a plan made now would retire it: expire" in words(refused)


def test_a_leaked_key_goes_whoever_has_marked_it_since() -> None:
    wish = replace(desired(wanted(sinks=(SINK,))), forced=Forced(compromised=True))
    saved = plan_environment(wish, live(live_key()), {SINK: HELD})
    retiring = live_key(title="CI (retiring)", expire=NOW + 2 * DAY)

    stands = stand(
        saved,
        replace(wish, forced=Forced(compromised=True, since=NOW - DAY)),
        live(retiring, live_key(generation=2, age=DAY)),
    )

    assert stands.stale == ()
    assert [(type(change), change.key_id) for change in stands.pending] == [(Delete, retiring.id)]
