"""Every action, reason and mark that a plan can have, each with what brings it about."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import permutations

import pytest

from reconciler.core.desired import After, At, DesiredKey, Expiry, Never
from reconciler.core.holding import EMPTY, Held, holding
from reconciler.core.keys import Live, LiveKey
from reconciler.core.plan import Change, Create, Delete, Deliver, EnvironmentPlan, Plan, Reason, Retire, Risk, Update
from reconciler.core.planner import plan_destroy, plan_environment
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
    undelivered,
    wanted,
)
from tests.support.screens import asked_for, compromised, rotating, sinks

DAY = timedelta(days=1)
OLD = Secret("standard_old")
NOTHING, DELIVERED = {SINK: EMPTY}, {SINK: holding(SECRET)}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One declared key against one live key, and what is to be done about it."""

    declared: DesiredKey | None = None
    found: LiveKey | None = None
    held: Held = field(default_factory=dict)
    action: type | None
    reason: Reason
    marks: tuple[str, ...] = ()


def a_delete(key: LiveKey, reason: Reason, *marks: str) -> Case:
    return Case(found=key, action=Delete, reason=reason, marks=marks)


def an_update(declared: DesiredKey, found: LiveKey, *marks: str) -> Case:
    return Case(declared=declared, found=found, action=Update, reason=Reason.FIELDS_DIFFER, marks=marks)


CASES: dict[str, Case] = {
    "a key that is not live": Case(declared=wanted(), action=Create, reason=Reason.DECLARED),
    "a new key that may write": Case(
        declared=wanted(scopes=["rows.write", "users.write", "users.read"]),
        action=Create,
        reason=Reason.DECLARED,
        marks=("gains write (rows.write, users.write)",),
    ),
    "a new key that sees keys": Case(
        declared=wanted(scopes=["keys.read"]),
        action=Create,
        reason=Reason.DECLARED,
        marks=("gains keys.* (keys.read)",),
    ),
    "a new key whose variable holds something": Case(
        declared=wanted(sinks=(SINK,)),
        held={SINK: holding(OLD)},
        action=Create,
        reason=Reason.DECLARED,
        marks=("replaces a value (dotenv secrets/staging.env APPWRITE_API_KEY)",),
    ),
    "a new key whose sink cannot be read": Case(declared=wanted(sinks=(SINK,)), action=Create, reason=Reason.DECLARED),
    "an undelivered key whose secret is hidden": Case(
        declared=wanted(sinks=(SINK,)),
        found=undelivered(secret=None),
        action=Create,
        reason=Reason.UNFINISHED,
    ),
    "an undelivered key that is dead": Case(
        declared=wanted(sinks=(SINK,)),
        found=undelivered(expire=NOW),
        held=NOTHING,
        action=Create,
        reason=Reason.UNFINISHED,
    ),
    "an undelivered key whose expiry is in the past": Case(
        declared=wanted(expiry=At(NOW - timedelta(days=1)), sinks=(SINK,)),
        found=undelivered(),
        action=Delete,
        reason=Reason.ABANDONED,
    ),
    "an undelivered key that lives": Case(
        declared=wanted(sinks=(SINK,)),
        found=undelivered(),
        held=NOTHING,
        action=Deliver,
        reason=Reason.UNDELIVERED,
    ),
    "an undelivered key over an older value": Case(
        declared=wanted(sinks=(SINK,)),
        found=undelivered(),
        held={SINK: holding(OLD)},
        action=Deliver,
        reason=Reason.UNDELIVERED,
        marks=("replaces a value (dotenv secrets/staging.env APPWRITE_API_KEY)",),
    ),
    "an undelivered key that is delivered and not committed": Case(
        declared=wanted(sinks=(SINK,)),
        found=undelivered(),
        held=DELIVERED,
        action=Deliver,
        reason=Reason.UNDELIVERED,
    ),
    "an undelivered key that is to gain scopes": Case(
        declared=wanted(scopes=["users.read", "users.write"], sinks=(SINK,)),
        found=undelivered(),
        action=Deliver,
        reason=Reason.UNDELIVERED,
        marks=("gains write (users.write)",),
    ),
    "an undelivered key that needs no sink any more": Case(
        declared=wanted(), found=undelivered(), action=Deliver, reason=Reason.UNDELIVERED
    ),
    "a variable that is missing": Case(
        declared=wanted(sinks=(SINK,)),
        found=live_key(),
        held=NOTHING,
        action=Deliver,
        reason=Reason.SINK_DIFFERS,
    ),
    "a variable that holds something else": Case(
        declared=wanted(sinks=(SINK,)),
        found=live_key(),
        held={SINK: holding(OLD)},
        action=Deliver,
        reason=Reason.SINK_DIFFERS,
        marks=("replaces a value (dotenv secrets/staging.env APPWRITE_API_KEY)",),
    ),
    "a variable that is missing, and a field that differs": Case(
        declared=wanted(title="New", sinks=(SINK,)),
        found=live_key(),
        held=NOTHING,
        action=Deliver,
        reason=Reason.SINK_DIFFERS,
    ),
    "an expired key that is revived, and its variable missing": Case(
        declared=wanted(sinks=(SINK,)),
        found=live_key(expire=NOW - DAY),
        held=NOTHING,
        action=Deliver,
        reason=Reason.SINK_DIFFERS,
        marks=("expiry removed",),
    ),
    "another name": an_update(wanted(title="New"), live_key()),
    "more scopes": an_update(
        wanted(scopes=["users.read", "rows.write", "keys.write"]),
        live_key(),
        "gains write (rows.write)",
        "gains keys.* (keys.write)",
    ),
    "fewer scopes": an_update(wanted(), live_key(scopes=["users.read", "rows.read"])),
    "fewer scopes of a key in use": an_update(
        wanted(), live_key(scopes=["users.read", "rows.read"], accessed=NOW), "in use (accessed 2026-11-23)"
    ),
    "other scopes": an_update(wanted(scopes=["rows.write"]), live_key(), "gains write (rows.write)"),
    "no expiry any more": an_update(wanted(), live_key(expire=NOW + DAY), "expiry removed"),
    "a later expiry": an_update(wanted(expiry=At(NOW + 2 * DAY)), live_key(expire=NOW + DAY), "longer life"),
    "an earlier expiry": an_update(wanted(expiry=At(NOW + DAY)), live_key(expire=NOW + 2 * DAY)),
    "an earlier expiry of a key in use": an_update(
        wanted(expiry=At(NOW + DAY)), live_key(accessed=NOW), "in use (accessed 2026-11-23)"
    ),
    "an expiry in the past": an_update(wanted(expiry=At(NOW - DAY)), live_key(), "expires at once"),
    "an expiry of just now": an_update(wanted(expiry=At(NOW)), live_key(expire=NOW + DAY), "expires at once"),
    "the same scopes in another order": Case(
        declared=wanted(scopes=["a.read", "b.read"]),
        found=live_key(scopes=["b.read", "a.read", "b.read"]),
        action=None,
        reason=Reason.EQUAL,
    ),
    "a key that is as declared": Case(
        declared=wanted(sinks=(SINK,)), found=live_key(), held=DELIVERED, action=None, reason=Reason.EQUAL
    ),
    "a key as declared whose sink cannot be read": Case(
        declared=wanted(sinks=(SINK,)), found=live_key(), action=Deliver, reason=Reason.SINK_UNREADABLE
    ),
    "a key as declared whose secret is hidden, beside a value that nobody wrote a note for": Case(
        declared=wanted(sinks=(SINK,)), found=live_key(secret=None), held=DELIVERED, action=None, reason=Reason.EQUAL
    ),
    "an expired key as declared, its variable missing": Case(
        declared=wanted(expiry=At(NOW - DAY), sinks=(SINK,)),
        found=live_key(expire=NOW - DAY),
        held=NOTHING,
        action=None,
        reason=Reason.EQUAL,
    ),
    "a key that is no longer declared": a_delete(live_key(), Reason.UNDECLARED),
    "a key in use that is no longer declared": a_delete(
        live_key(accessed=NOW - DAY), Reason.UNDECLARED, "in use (accessed 2026-11-22)"
    ),
    "an undelivered key that is no longer declared": a_delete(undelivered(), Reason.UNDECLARED),
}


def entry_of(plan: EnvironmentPlan) -> Change | None:
    """The one entry; the deletion of what it makes again comes beside it."""
    leftovers = {change.leftover for change in plan.changes if isinstance(change, Create)}
    changes = [change for change in plan.changes if change.key_id not in leftovers]
    assert len(changes) + len(plan.unchanged) == 1
    return changes[0] if changes else None


def plan_of(case: Case) -> EnvironmentPlan:
    keys = (case.declared,) if case.declared else ()
    found = (case.found,) if case.found else ()
    return plan_environment(desired(*keys), live(*found), case.held)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_difference_has_its_action_reason_and_marks(case: Case) -> None:
    plan = plan_of(case)
    change = entry_of(plan)

    if case.action is None:
        assert change is None
        assert plan.unchanged[0].reason is case.reason
    else:
        assert change is not None
        assert type(change) is case.action
        assert change.reason is case.reason
        assert tuple(str(mark) for mark in change.marks) == case.marks


def test_superseded_generations_are_deleted_and_the_newest_is_the_key() -> None:
    plan = plan_environment(desired(wanted()), live(live_key(generation=2), live_key(), live_key(generation=10)), {})

    assert [entry.key_id for entry in plan.unchanged] == [owned_id("ci", 10)]
    assert [(change.key_id, change.reason) for change in plan.changes] == [
        (owned_id("ci", 1), Reason.SUPERSEDED),
        (owned_id("ci", 2), Reason.SUPERSEDED),
    ]


def test_what_nobody_can_deliver_is_made_again_under_an_id_that_was_never_used() -> None:
    lost = undelivered(secret=None)

    plan = plan_environment(desired(wanted(sinks=(SINK,))), live(lost), {})

    assert [(type(change), change.key_id, change.reason) for change in plan.changes] == [
        (Delete, owned_id("ci", 1), Reason.UNFINISHED),
        (Create, owned_id("ci", 2), Reason.UNFINISHED),
    ]


def test_destroy_deletes_every_owned_key_and_nothing_else() -> None:
    world = live(live_key(), live_key("old", accessed=NOW), live_key(id="stranger"), own=[owned_id("ci")])

    plan = plan_destroy(desired(wanted()), world)

    assert {type(change) for change in plan.changes} == {Delete}
    assert [(change.address, change.reason, [mark.risk for mark in change.marks]) for change in plan.changes] == [
        ("staging/ci", Reason.DESTROY, [Risk.OWN_CREDENTIAL]),
        ("staging/old", Reason.DESTROY, [Risk.IN_USE]),
    ]
    assert [key.id for key in plan.unmanaged] == ["stranger"]


def test_the_table_above_has_every_action_reason_and_mark() -> None:
    plans = [plan_of(case) for case in CASES.values()]
    plans.append(plan_environment(desired(wanted()), live(live_key(), live_key(generation=2)), {}))
    plans.append(plan_environment(desired(wanted()), live(undelivered(), live_key(generation=2)), {}))
    plans.append(plan_destroy(desired(), live(live_key(), own=[owned_id("ci")])))
    plans.append(plan_environment(desired(absent=frozenset({"old"})), live(live_key(id="old")), {}))
    plans.append(plan_environment(desired(prune="expire"), live(live_key(), undelivered("lost")), {}))
    plans.append(plan_environment(desired(prune="report"), live(live_key()), {}))
    plans += [sinks()[1], rotating(), asked_for(), compromised()]
    changes = [change for plan in plans for change in plan.changes]
    reasons = {entry.reason for plan in plans for entry in (*plan.changes, *plan.unchanged)}

    assert {type(change) for change in changes} == {Create, Deliver, Update, Retire, Delete}
    assert reasons == set(Reason)
    of_credential = {Risk.MAY_NOT_CREATE, Risk.MAY_NOT_WRITE, Risk.BEYOND_CREDENTIAL}  # see test_denials
    assert {mark.risk for change in changes for mark in change.marks} == set(Risk) - of_credential


@pytest.mark.parametrize(
    ("expiry", "expire", "equal"),
    [
        (After(DAY * 90), NOW - DAY * 30 + DAY * 90, True),
        (After(DAY * 90), NOW + DAY * 60 + timedelta(seconds=60), True),
        (After(DAY * 90), NOW + DAY * 60 - timedelta(seconds=60), True),
        (After(DAY * 90), NOW + DAY * 60 + timedelta(seconds=61), False),
        (After(DAY * 90), NOW + DAY * 60 - timedelta(seconds=61), False),
        (After(DAY * 90), None, False),
        (At(NOW + DAY), NOW + DAY, True),
        (At(NOW + DAY), NOW + DAY + timedelta(milliseconds=1), False),
        (Never(), None, True),
        (Never(), NOW + DAY, False),
    ],
)
def test_durations_compare_within_a_minute_and_times_exactly(
    expiry: Expiry, expire: datetime | None, equal: bool
) -> None:
    plan = plan_environment(desired(wanted(expiry=expiry)), live(live_key(expire=expire)), {})

    assert (not plan.changes) is equal


def test_a_duration_counts_from_the_creation_of_the_live_key() -> None:
    plan = plan_environment(desired(wanted(expiry=After(DAY * 90))), live(live_key()), {})

    (change,) = plan.changes
    assert isinstance(change, Update)
    assert change.after.expire == NOW + DAY * 60


def test_a_field_that_differs_does_not_move_an_expiry_within_the_minute() -> None:
    expire = NOW + DAY * 60 + timedelta(seconds=3)
    plan = plan_environment(desired(wanted(title="New", expiry=After(DAY * 90))), live(live_key(expire=expire)), {})

    (change,) = plan.changes
    assert isinstance(change, Update)
    assert change.after.expire == expire


@pytest.mark.parametrize("past", [NOW, NOW - DAY])
def test_a_key_with_a_fixed_expire_in_the_past_is_not_created_and_that_is_said(past: datetime) -> None:
    plan = plan_environment(desired(wanted(expiry=At(past), sinks=(SINK,))), live(), NOTHING)

    assert plan.changes == ()
    assert plan.warnings == ("staging/ci is not created: its expire is in the past",)


def test_a_live_key_with_a_fixed_expire_in_the_past_needs_no_change_and_that_is_said() -> None:
    past = NOW - DAY

    plan = plan_environment(desired(wanted(expiry=At(past))), live(live_key(expire=past)), {})

    assert plan.changes == ()
    assert plan.warnings == ("staging/ci expired at 2026-11-22T12:00:00Z and is left so",)


def test_a_duration_that_has_run_out_leaves_the_key_expired() -> None:
    key = live_key(expire=NOW - DAY, age=DAY * 31)

    plan = plan_environment(desired(wanted(expiry=After(DAY * 30), sinks=(SINK,))), live(key), NOTHING)

    assert plan.changes == ()
    assert plan.warnings == ("staging/ci expired at 2026-11-22T12:00:00Z and is left so",)


def test_a_key_without_sink_is_warned_of_where_secrets_are_hidden() -> None:
    hidden = live_key(id="stranger", secret=None)

    assert plan_environment(desired(wanted()), live(hidden), {}).warnings == (
        "staging/ci has no sink, and this server never shows a secret again: declare deliver",
    )
    assert plan_environment(desired(wanted()), live(live_key(id="stranger")), {}).warnings == ()
    assert plan_environment(desired(wanted(sinks=(SINK,))), live(hidden), {}).warnings == ()


@pytest.mark.parametrize(("count", "warned"), [(899, False), (900, True)])
def test_a_project_that_fills_up_is_warned_of_early(count: int, warned: bool) -> None:
    strangers = tuple(live_key(id=f"stranger-{number}") for number in range(count))

    assert bool(plan_environment(desired(), live(*strangers), {}).warnings) is warned


def test_only_sinks_that_lack_the_secret_are_delivered_to() -> None:
    plan = plan_environment(
        desired(wanted(sinks=(SINK, OTHER_SINK))), live(live_key()), {SINK: holding(SECRET), OTHER_SINK: EMPTY}
    )

    (change,) = plan.changes
    assert isinstance(change, Deliver)
    assert change.sinks == (OTHER_SINK,)


def test_a_plan_names_only_the_scopes_that_a_glob_newly_adds() -> None:
    scopes = ["rows.read", "rows.write", "users.read"]
    declared = wanted(scopes=scopes, from_globs=["rows.read", "rows.write"])

    (change,) = plan_environment(desired(declared), live(live_key(scopes=["users.read", "rows.read"])), {}).changes

    assert isinstance(change, Update)
    assert change.from_globs == {"rows.write"}


def test_a_plan_does_not_depend_on_the_order_of_keys_or_of_the_manifest() -> None:
    keys = (live_key("a"), live_key("b", generation=2), live_key("b"), live_key(id="stranger"))
    wishes = (wanted("a", title="New"), wanted("b"), wanted("c"))

    plans = {
        plan_environment(desired(*wish), live(*found), {})
        for wish in permutations(wishes)
        for found in permutations(keys)
    }

    assert len(plans) == 1


def test_changes_come_by_address() -> None:
    plan = plan_environment(desired(wanted("b"), wanted("d")), live(live_key("c"), live_key("a")), {})

    assert [change.address for change in plan.changes] == ["staging/a", "staging/b", "staging/c", "staging/d"]


def test_a_plan_agrees_with_the_same_plan_at_another_time_and_no_other() -> None:
    def plan_at(world: Live, held: Held | None = None) -> EnvironmentPlan:
        return plan_environment(desired(wanted(expiry=After(DAY), sinks=(SINK,))), world, held or {})

    def agrees(one: EnvironmentPlan, other: EnvironmentPlan) -> bool:
        return Plan(environments=(one,)).agrees_with(Plan(environments=(other,)))

    shown = plan_at(live())
    assert agrees(shown, plan_at(replace(live(), now=NOW + timedelta(minutes=3))))
    assert not agrees(shown, plan_at(live(live_key())))
    assert not agrees(plan_at(live(live_key())), plan_at(live(live_key(title="Other"))))
    assert not agrees(plan_at(live(live_key("old"))), plan_at(live()))
    assert not agrees(shown, plan_at(live(), {SINK: holding(SECRET)}))
