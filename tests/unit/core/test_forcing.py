"""Rotation that somebody asks for: what is planned for the keys that are asked about, and for no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from reconciler.core.desired import After, At, DesiredKey, Forced, Rotation
from reconciler.core.globs import Selection
from reconciler.core.guards import Allowances, check
from reconciler.core.holding import UNSEEN
from reconciler.core.ids import MAX_GENERATION
from reconciler.core.keys import LiveKey
from reconciler.core.plan import Create, Delete, Deliver, EnvironmentPlan, Reason, Retire, Unchanged
from reconciler.core.planner import plan_environment
from reconciler.core.stages import stages
from reconciler.errors import ManifestError
from tests.support.builders import NOW, SINK, desired, live, live_key, owned_id, undelivered, wanted

DAY = timedelta(days=1)
ROTATION = Rotation(every=90 * DAY, overlap=7 * DAY)
ASKED, COMPROMISED = Forced(), Forced(compromised=True)


def rotating(name: str = "ci", **fields: object) -> DesiredKey:
    wish = wanted(name, sinks=(SINK,), expiry=After(ROTATION.life), **fields)  # type: ignore[arg-type]
    return replace(wish, rotation=ROTATION)


PLAIN = wanted(sinks=(SINK,))


def generation(number: int = 1, *, age: timedelta = 10 * DAY, **fields: object) -> LiveKey:
    """A generation as apply makes it, unless it has another end."""
    values: dict[str, object] = {"expire": NOW - age + ROTATION.life} | fields
    return live_key(generation=number, age=age, **values)  # type: ignore[arg-type]


def retiring(number: int, end: datetime = NOW + DAY, **fields: object) -> LiveKey:
    return generation(number, age=80 * DAY, title="CI (retiring)", expire=end, **fields)


def plan(
    *keys: LiveKey, wish: DesiredKey | None = None, forced: Forced = ASKED, own: tuple[str, ...] = (), **fields: object
) -> EnvironmentPlan:
    wanted_here = desired(wish or rotating(), **fields)  # type: ignore[arg-type]
    return plan_environment(replace(wanted_here, forced=forced), live(*keys, own=own), {SINK: UNSEEN})


def told(made: EnvironmentPlan) -> list[tuple[type, str, Reason]]:
    return [(type(each), each.key_id.rpartition(".")[2], each.reason) for each in made.changes]


def retired(made: EnvironmentPlan) -> Retire:
    (change,) = (each for each in made.changes if isinstance(each, Retire))
    return change


# --- what is asked for ---


def test_a_key_that_is_not_due_is_followed_at_once_and_retires_with_its_overlap() -> None:
    made = plan(generation())

    assert told(made) == [(Retire, "g1", Reason.SUPERSEDED), (Create, "g2", Reason.ASKED)]
    assert retired(made).after.expire == NOW + 7 * DAY


def test_a_key_under_no_rotation_retires_after_48_hours_and_the_plan_says_so() -> None:
    made = plan(live_key(), wish=PLAIN)

    assert told(made) == [(Retire, "g1", Reason.SUPERSEDED), (Create, "g2", Reason.ASKED)]
    assert retired(made).after.expire == NOW + 2 * DAY
    (created,) = (each for each in made.changes if isinstance(each, Create))
    assert "under no rotation, so that it works on for 48 hours" in created.detail


def test_apply_leaves_what_retires_so_until_it_has_ended() -> None:
    old = live_key(title="CI (retiring)", expire=NOW + DAY)

    made = plan_environment(desired(PLAIN), live(old, live_key(generation=2, age=DAY)), {SINK: UNSEEN})

    assert made.changes == ()


def test_nothing_else_is_done_than_what_is_asked_for() -> None:
    wish = desired(
        rotating("asked", title="New name"),
        wanted("other", title="New name"),
        wanted("new"),
        absent=frozenset({"gone"}),
    )
    wish = replace(wish, forced=ASKED, selection=Selection(targets=("staging/asked",)))
    found = live(live_key("asked"), live_key("other"), live_key("undeclared"), live_key(id="gone"))

    made = plan_environment(wish, found, {SINK: UNSEEN})

    assert {each.address for each in made.changes} == {"staging/asked"}
    everything = plan_environment(replace(wish, selection=Selection(targets=("*",), excludes=("*/other",))), found, {})
    assert {each.address for each in everything.changes} == {"staging/asked"}


def test_a_key_that_is_not_old_enough_is_left_whatever_else_differs() -> None:
    made = plan(generation(title="Renamed"), forced=Forced(older_than=11 * DAY))

    assert made.changes == ()
    assert [each.reason for each in made.unchanged] == [Reason.NOT_ASKED]
    assert told(plan(generation(), forced=Forced(older_than=10 * DAY)))


def test_an_adopted_key_is_followed_by_its_first_generation() -> None:
    made = plan(live_key(id="By.Hand", age=400 * DAY), wish=rotating(adopts="By.Hand"))

    assert told(made) == [(Retire, "Hand", Reason.SUPERSEDED), (Create, "g1", Reason.ASKED)]


@pytest.mark.parametrize("forced", [ASKED, COMPROMISED], ids=["asked", "compromised"])
def test_a_renamed_key_goes_on_under_its_new_name_and_the_next_plan_accepts_both(forced: Forced) -> None:
    wish = wanted("new", sinks=(SINK,), former_slug="ci")

    made = plan(live_key(), wish=wish, forced=forced)

    assert [each.key_id for each in made.changes if isinstance(each, Create)] == [owned_id("new")]
    later = live(live_key(title="CI (retiring)", expire=NOW + DAY), live_key("new", age=DAY))
    assert plan_environment(desired(wish), later, {SINK: UNSEEN}).changes == ()


def test_a_key_that_ends_before_48_hours_are_over_is_not_said_to_work_so_long() -> None:
    wish = wanted(sinks=(SINK,), expiry=At(NOW + timedelta(hours=13)))

    made = plan(live_key(expire=NOW + timedelta(hours=13)), wish=wish)

    (detail,) = (each.detail for each in made.changes if isinstance(each, Create))
    assert "works on" not in detail


# --- what a killed run has left ---


def test_a_key_on_probation_is_finished_and_no_further_one_is_made() -> None:
    made = plan(generation(), undelivered(generation=2))

    assert told(made) == [(Retire, "g1", Reason.SUPERSEDED), (Deliver, "g2", Reason.UNDELIVERED)]


def test_of_a_renamed_key_as_well() -> None:
    made = plan(live_key(), undelivered("new"), wish=wanted("new", sinks=(SINK,), former_slug="ci"))

    assert told(made) == [(Retire, "g1", Reason.SUPERSEDED), (Deliver, "g1", Reason.UNDELIVERED)]


def test_a_key_on_probation_counts_as_old_as_the_one_that_works() -> None:
    assert told(plan(generation(), undelivered(generation=2), forced=Forced(older_than=9 * DAY)))
    assert plan(generation(), undelivered(generation=2), forced=Forced(older_than=11 * DAY)).changes == ()
    assert plan(undelivered(), forced=Forced(older_than=timedelta())).changes == ()


def test_where_the_secret_is_lost_the_key_on_probation_is_made_again() -> None:
    made = plan(generation(), undelivered(generation=2, secret=None))

    assert told(made) == [
        (Retire, "g1", Reason.SUPERSEDED),
        (Retire, "g2", Reason.SUPERSEDED),
        (Create, "g3", Reason.UNFINISHED),
    ]


@pytest.mark.parametrize("wish", [None, PLAIN], ids=["rotation", "none"])
def test_a_key_that_was_not_retired_any_more_is_retired_first(wish: DesiredKey | None) -> None:
    made = plan(generation(), generation(2, age=DAY), wish=wish, forced=Forced(older_than=9 * DAY))

    assert told(made) == [(Retire, "g1", Reason.SUPERSEDED)]
    assert any("no other one is made now" in warning for warning in made.warnings)
    assert [stage.needs for stage in stages(made)] == ["own"]


def test_once_it_retires_another_one_is_made_and_the_oldest_makes_room() -> None:
    made = plan(retiring(1), generation(2))

    assert told(made) == [
        (Delete, "g1", Reason.OUTNUMBERED),
        (Retire, "g2", Reason.SUPERSEDED),
        (Create, "g3", Reason.ASKED),
    ]
    finished = plan(retiring(1), generation(2), undelivered(generation=3))
    assert told(finished) == [
        (Delete, "g1", Reason.OUTNUMBERED),
        (Retire, "g2", Reason.SUPERSEDED),
        (Deliver, "g3", Reason.UNDELIVERED),
    ]


@pytest.mark.parametrize("accessed", [None, NOW - DAY], ids=["not used", "used"])
def test_the_oldest_makes_no_room_before_its_overlap_is_over_unless_that_is_allowed(accessed: datetime | None) -> None:
    made = plan(retiring(1, accessed=accessed), generation(2))

    (refusal,) = check(desired(rotating()), made, Allowances())
    assert refusal.guard == "overlap"
    assert "works until 2026-11-24T12:00:00Z" in refusal.message
    assert "--older-than" in refusal.hint
    assert check(desired(rotating()), made, Allowances(in_use=True)) == ()
    assert told(plan(retiring(1), generation(2, age=DAY), forced=Forced(older_than=2 * DAY))) == []


@pytest.mark.parametrize(
    ("wish", "left"),
    [(rotating(), (Retire, "g3", Reason.SUPERSEDED)), (PLAIN, (Delete, "g3", Reason.LEFT_OVER))],
    ids=["rotation", "none"],
)
def test_expired_keys_and_what_runs_left_behind_end_beside_it(wish: DesiredKey, left: tuple[type, str, Reason]) -> None:
    made = plan(retiring(1, end=NOW), generation(2), undelivered(generation=3), generation(4, age=DAY), wish=wish)

    assert told(made)[:2] == [(Delete, "g1", Reason.SUPERSEDED), (Retire, "g2", Reason.SUPERSEDED)]
    assert told(made)[2] == left


def test_what_never_worked_and_ends_is_not_the_one_that_works_beside_the_newest() -> None:
    left = generation(2, title="CI (undelivered) (retiring)", expire=NOW + DAY)
    made = plan(generation(age=20 * DAY), left, generation(3, age=DAY))

    assert (Retire, "g1", Reason.SUPERSEDED) in told(made)
    assert not any(isinstance(each, Create) for each in made.changes)


def test_the_credential_of_the_run_is_rotated_and_left_to_another_run() -> None:
    made = plan(generation(), own=(owned_id("ci"),))

    assert told(made) == [(Create, "g2", Reason.ASKED)]
    assert [each.reason for each in made.unchanged] == [Reason.OWN_SUPERSEDED]
    again = plan(generation(), generation(2), own=(owned_id("ci"),))
    assert (Create, "g3", Reason.ASKED) in told(again)


@pytest.mark.parametrize("compromised", [False, True], ids=["asked", "compromised"])
def test_what_a_run_beside_this_one_has_made_since_is_what_was_asked_for(compromised: bool) -> None:
    forced = Forced(compromised=compromised, since=NOW - DAY)

    made = plan(generation(), generation(2, age=DAY), forced=forced)

    ended = (Delete, "g1", Reason.LEAKED) if compromised else (Retire, "g1", Reason.SUPERSEDED)
    assert told(made) == [ended]
    assert plan(generation(2, age=DAY), forced=forced).changes == ()
    assert any(isinstance(each, Create) for each in plan(generation(2, age=2 * DAY), forced=forced).changes)
    assert any(
        isinstance(each, Deliver) for each in plan(generation(), undelivered(generation=2), forced=forced).changes
    )


# --- compromised ---


def test_a_compromised_key_goes_with_all_that_is_older_once_the_next_is_there() -> None:
    made = plan(retiring(1, accessed=NOW), generation(2, accessed=NOW), forced=COMPROMISED)

    assert told(made) == [
        (Delete, "g1", Reason.LEAKED),
        (Delete, "g2", Reason.LEAKED),
        (Create, "g3", Reason.COMPROMISED),
    ]
    assert [stage.needs for stage in stages(made)] == ["nothing", "own"]
    assert [str(mark) for mark in made.changes[0].marks] == ["in use (accessed 2026-11-23)"]
    assert check(desired(rotating()), made, Allowances()) == ()


def test_many_compromised_keys_are_no_deletion_of_too_many() -> None:
    names = [f"tenant-{number}" for number in range(20)]
    wish = desired(*(rotating(name) for name in names))

    made = plan_environment(replace(wish, forced=COMPROMISED), live(*map(live_key, names)), {SINK: UNSEEN})

    assert sum(isinstance(each, Delete) for each in made.changes) == 20
    assert check(wish, made, Allowances()) == ()


def test_a_repeat_begins_anew_where_the_first_run_has_committed() -> None:
    made = plan(generation(), generation(2, age=timedelta()), forced=COMPROMISED)

    assert told(made) == [
        (Delete, "g1", Reason.LEAKED),
        (Delete, "g2", Reason.LEAKED),
        (Create, "g3", Reason.COMPROMISED),
    ]


def test_a_repeat_finishes_what_the_first_run_has_not_committed_and_says_when_that_was_made() -> None:
    made = plan(generation(), undelivered(generation=2), forced=COMPROMISED)

    assert told(made) == [(Delete, "g1", Reason.LEAKED), (Deliver, "g2", Reason.UNDELIVERED)]
    assert any("2026-11-23T11:00:00Z" in warning and "run this again" in warning for warning in made.warnings)


def test_a_compromised_key_on_probation_that_nobody_can_deliver_goes_too() -> None:
    made = plan(generation(), undelivered(generation=2, secret=None), forced=COMPROMISED)

    assert told(made) == [
        (Delete, "g1", Reason.LEAKED),
        (Delete, "g2", Reason.LEAKED),
        (Create, "g3", Reason.UNFINISHED),
    ]


def test_an_expired_key_has_no_secret_to_try() -> None:
    made = plan(retiring(1, end=NOW - DAY), generation(2), forced=COMPROMISED)

    assert [each.leaked for each in made.changes if isinstance(each, Delete)] == [False, True]


def test_the_credential_of_the_run_is_never_deleted_however_it_leaked() -> None:
    made = plan(generation(), own=(owned_id("ci"),), forced=COMPROMISED)

    assert [refusal.guard for refusal in check(desired(rotating()), made, Allowances(in_use=True))] == [
        "own-credential"
    ]


@pytest.mark.parametrize("forced", [ASKED, COMPROMISED], ids=["asked", "compromised"])
def test_a_protected_key_is_not_rotated(forced: Forced) -> None:
    made = plan(generation(), forced=forced, protect=("ci",))

    assert {refusal.guard for refusal in check(desired(rotating()), made, Allowances(in_use=True))} == {"protect"}


# --- what cannot rotate ---


def refused(*keys: LiveKey, wish: DesiredKey, forced: Forced = ASKED) -> tuple[str, str]:
    with pytest.raises(ManifestError) as caught:
        plan(*keys, wish=wish, forced=forced, selection=Selection(targets=("staging/ci",)))
    (problem,) = caught.value.problems
    return problem.message, problem.hint


def test_a_key_without_a_sink_is_a_problem_with_what_to_do() -> None:
    assert refused(live_key(), wish=wanted()) == (
        "staging/ci has no sink: nobody would get the secret of its next generation",
        "declare `deliver`, or leave the key out with --exclude",
    )


def test_where_all_are_asked_for_a_key_without_a_sink_is_left_with_a_warning() -> None:
    made = plan(live_key(), wish=wanted())

    assert made.changes == ()
    assert made.warnings == (
        "staging/ci has no sink: nobody would get the secret of its next generation: it is not rotated",
    )


def test_an_adopted_key_under_no_rotation_is_a_problem_with_what_to_do() -> None:
    message, hint = refused(live_key(id="By.Hand"), wish=wanted(sinks=(SINK,), adopts="By.Hand"))

    assert message == "staging/ci adopts By.Hand, and no other key can take its place: it is under no rotation"
    assert "declare `rotation`" in hint
    assert "`absent`" in hint


def test_a_key_that_is_to_have_ended_is_a_problem_while_it_works_and_left_once_it_is_over() -> None:
    wish = wanted(sinks=(SINK,), expiry=At(NOW - DAY))

    assert "its expire is in the past, although" in refused(live_key(), wish=wish)[0]
    left = plan(live_key(expire=NOW - DAY), wish=wish)
    assert left.changes == ()
    assert any("is not rotated" in warning for warning in left.warnings)


def test_the_last_generation_is_a_problem() -> None:
    message, hint = refused(live_key(generation=MAX_GENERATION), wish=rotating())

    assert "the last generation" in message
    assert "renamed_from" in hint


def test_a_key_that_is_not_old_enough_has_no_problem() -> None:
    made = plan(live_key(), wish=wanted(), forced=Forced(older_than=31 * DAY))

    assert [type(each) for each in made.unchanged] == [Unchanged]
