"""When another run is through with a key, and what is then left of what was approved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.beside import InHand, in_hand, left, made_since, still_in_hand
from reconciler.core.holding import EMPTY, UNSEEN
from reconciler.core.ids import key_id
from reconciler.core.keys import Listing, LiveKey
from reconciler.core.plan import Create, Delete, EnvironmentPlan, Retire, Update
from reconciler.core.planner import plan_environment
from tests.support.builders import NOW, REALM, SINK, desired, live, live_key, owned_id, wanted

MINUTE = timedelta(minutes=1)
NEW = owned_id("ci", 2)
ON_PROBATION = live_key(generation=2, title="CI (undelivered)", expire=NOW + timedelta(days=7), age=MINUTE)
COMMITTED = live_key(generation=2, age=MINUTE)
BEFORE = live_key()
RETIRING = live_key(title="CI (retiring)", expire=NOW + timedelta(days=2))
WAITED = InHand(address="staging/ci", key_id=NEW, ending=frozenset({owned_id("ci")}))


def waits(*keys: LiveKey, dead: bool = False) -> bool:
    seen = Listing(keys=keys, now=NOW)
    return tuple(still_in_hand([WAITED], seen, lambda _: dead)) == (WAITED,)


def test_a_young_key_on_probation_is_in_its_makers_hands() -> None:
    assert waits(ON_PROBATION, BEFORE)


@pytest.mark.parametrize(
    ("keys", "dead"),
    [
        ([ON_PROBATION, BEFORE], True),
        ([replace(ON_PROBATION, created=NOW - 15 * MINUTE), BEFORE], False),
        ([BEFORE], False),
        ([COMMITTED, RETIRING], False),
        ([COMMITTED, replace(BEFORE, expire=NOW)], False),
        ([COMMITTED], False),
    ],
    ids=["its maker is dead", "old", "taken back", "the old one retires", "the old one is over", "the old one is gone"],
)
def test_nobody_waits_for_a_run_that_is_through_or_dead(keys: list[LiveKey], dead: bool) -> None:
    assert not waits(*keys, dead=dead)


def test_the_old_key_is_the_makers_to_let_end() -> None:
    assert waits(COMMITTED, BEFORE)


def test_what_was_made_since_the_plan_is_told_by_its_address_whatever_name_the_environment_had() -> None:
    former = replace(REALM, environment="was")
    wish = replace(desired(wanted(), wanted("new", former_slug="old")), former=former)
    new = [
        live_key(generation=2),
        live_key("old", generation=2),
        live_key(id=key_id(former, "other")),
        live_key(id="x"),
    ]

    made = made_since(wish, live(live_key()), Listing(keys=(live_key(), *new), now=NOW))

    assert made == {
        "staging/ci": owned_id("ci", 2),
        "staging/new": owned_id("old", 2),
        "staging/other": key_id(former, "other"),
    }


def plan(*keys: LiveKey, names: Iterable[str] = ("ci",)) -> EnvironmentPlan:
    return plan_environment(desired(*(wanted(name) for name in names)), live(*keys), {})


def test_what_is_waited_for_is_told_by_the_changes_of_its_address() -> None:
    assert in_hand(plan().changes, {"staging/ci": NEW}) == (InHand(address="staging/ci", key_id=NEW),)


def test_a_name_for_which_a_fresh_plan_asks_nothing_is_done_whoever_did_it() -> None:
    approved, fresh = plan(), plan(live_key())

    stands = left(approved, fresh, desired(wanted("ci")), live(live_key()))

    assert (stands.done, stands.pending, stands.stale, stands.beyond) == (approved.changes, (), (), ())


def test_what_another_run_took_back_is_left_to_do() -> None:
    approved = fresh = plan()

    stands = left(approved, fresh, desired(wanted("ci")), live())

    assert stands.pending == approved.changes
    assert isinstance(stands.pending[0], Create)


def test_the_end_of_a_key_that_its_maker_has_finished_is_no_longer_to_be_made() -> None:
    wish = desired(wanted(sinks=(SINK,)))
    hidden = replace(ON_PROBATION, secret=None)
    approved = plan_environment(wish, live(BEFORE, hidden), {SINK: EMPTY})
    by_now = live(BEFORE, replace(COMMITTED, secret=None))
    fresh = plan_environment(wish, by_now, {SINK: UNSEEN})

    stands = left(approved, fresh, wish, by_now)

    assert [(type(each), each.key_id) for each in stands.done] == [(Delete, NEW), (Create, owned_id("ci", 3))]
    assert [(type(each), each.key_id) for each in stands.pending] == [(Retire, BEFORE.id)]
    assert (stands.stale, stands.beyond) == ((), ())


def test_what_nobody_approved_is_not_left_to_do() -> None:
    other = live_key(title="By another manifest")
    approved, fresh = plan(), plan(other, live_key("gone"))

    stands = left(approved, fresh, desired(wanted("ci")), live(other, live_key("gone")))

    assert (stands.pending, stands.done) == ((), ())
    assert [each.message for each in stands.stale] == [
        'it was to be made, and is live already, with name "By another manifest", not "CI"'
    ]
    assert [type(change) for change in fresh.changes] == [Update, Delete]
    assert stands.beyond == ()  # the one is told as stale, the other is of no name that was waited for
