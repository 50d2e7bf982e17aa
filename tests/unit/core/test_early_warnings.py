"""What is said of a key long before it stops working."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.checkup import Check, Verdict
from reconciler.core.credential import CredentialInUse, CredentialKind
from reconciler.core.desired import After, At, Desired, DesiredKey, Rotation
from reconciler.core.early_warnings import Sign
from reconciler.core.keys import Live, LiveKey
from reconciler.core.observed import Observed
from reconciler.core.planner import plan_environment
from reconciler.core.rotation_checks import keys_end, rotation
from reconciler.core.status import EnvironmentStatus, KeyStatus, status
from tests.support.builders import NOW, SINK, desired, live, live_key, undelivered, wanted
from tests.support.screens import DAY, rotated

HOUR = timedelta(hours=1)
LIFE = 97 * DAY


def looked(wish: Desired, world: Live) -> EnvironmentStatus:
    return status(wish, world, plan_environment(wish, world, {}), {})


def signs(*keys: LiveKey, wish: DesiredKey | None = None) -> list[Sign]:
    """What is warned of, oldest generation last."""
    told = looked(desired(wish or rotated("ci")), live(*keys))
    return [each.sign for key in told.keys for each in key.warnings]


def made(ago: timedelta, **fields: object) -> LiveKey:
    """A key as a run of its rotation has made it."""
    return live_key(age=ago, expire=NOW - ago + LIFE, **fields)  # type: ignore[arg-type]


def due() -> timedelta:
    """The age at which `ci` is due; its id decides."""
    told = looked(desired(rotated("ci")), live(made(DAY)))
    (key,) = told.keys
    assert key.rotates is not None
    assert key.created is not None
    return key.rotates - key.created


def test_a_rotation_that_a_daily_run_may_still_make_is_no_warning_and_a_day_later_it_is() -> None:
    assert signs(made(due() - HOUR)) == []
    assert signs(made(due() + DAY - HOUR)) == []
    assert signs(made(due() + DAY + HOUR)) == [Sign.OVERDUE]


def test_the_warning_comes_more_than_an_overlap_before_the_key_ends() -> None:
    (key,) = looked(desired(rotated("ci")), live(made(due() + DAY + HOUR))).keys

    (warning,) = key.warnings
    assert key.expire is not None
    assert key.expire - NOW > 5 * DAY
    assert "and no run has rotated it; it ends at " in warning.message
    assert warning.hint.startswith("see whether a pipeline runs reconciler apply")


def test_a_short_overlap_leaves_less_patience_than_a_day() -> None:
    short = Rotation(every=2 * DAY, overlap=12 * HOUR)
    wish = replace(rotated("ci"), rotation=short, expiry=After(short.life))

    assert signs(live_key(age=2 * DAY + 5 * HOUR, expire=NOW + 7 * HOUR), wish=wish) == [Sign.OVERDUE]


def test_a_key_that_has_ended_meanwhile_is_warned_of_too() -> None:
    (key,) = looked(desired(rotated("ci")), live(made(98 * DAY))).keys

    assert "it ended at " in key.warnings[0].message


def test_an_adopted_key_that_ends_within_its_overlap_is_warned_of() -> None:
    wish = rotated("ci", adopts="Legacy.Key")

    assert signs(live_key(id="Legacy.Key", expire=NOW + 7 * DAY - HOUR), wish=wish) == []
    assert signs(live_key(id="Legacy.Key", expire=NOW + 5 * DAY), wish=wish) == [Sign.OVERDUE]


def test_since_when_a_key_is_newly_under_rotation_nobody_knows() -> None:
    assert signs(live_key(age=400 * DAY)) == []


def test_a_key_that_a_run_has_left_undelivered_is_warned_of_after_a_day() -> None:
    wish = wanted(sinks=(SINK,))

    assert signs(undelivered(age=23 * HOUR), wish=wish) == []
    assert signs(undelivered(age=25 * HOUR), wish=wish) == [Sign.NOT_DELIVERED]
    assert signs(undelivered(age=25 * HOUR, secret=None), wish=wish) == [Sign.NOT_DELIVERED]


@pytest.mark.parametrize(("ago", "warned"), [(23 * HOUR, []), (25 * HOUR, [Sign.NOT_ENDED])])
def test_an_older_generation_that_no_run_has_retired_is_warned_of_after_a_day(
    ago: timedelta, warned: list[Sign]
) -> None:
    assert signs(made(91 * DAY), made(ago, generation=2)) == warned


@pytest.mark.parametrize(("ago", "warned"), [(23 * HOUR, []), (25 * HOUR, [Sign.NOT_ENDED])])
def test_a_retired_generation_that_has_ended_is_warned_of_where_no_run_deletes_it(
    ago: timedelta, warned: list[Sign]
) -> None:
    old = live_key(title="CI (retiring)", age=98 * DAY, expire=NOW - ago)

    assert signs(old, made(9 * DAY, generation=2)) == warned


def test_an_older_key_that_no_run_has_deleted_is_warned_of_without_rotation() -> None:
    assert signs(live_key(), live_key(generation=2, age=2 * DAY), wish=wanted()) == [Sign.NOT_ENDED]
    assert signs(live_key(), live_key(generation=2, age=HOUR), wish=wanted()) == []


def test_a_retiring_generation_within_its_overlap_is_as_it_should_be() -> None:
    old = live_key(title="CI (retiring)", age=90 * DAY, expire=NOW + 4 * DAY)

    assert signs(old, made(3 * DAY, generation=2)) == []


def test_a_key_that_the_manifest_deletes_by_its_id_is_superseded_by_nobody() -> None:
    wish = desired(wanted(), absent=frozenset({"ci"}))
    told = looked(wish, live(live_key(), live_key(id="ci", age=200 * DAY)))

    assert [each for key in told.keys for each in key.warnings] == []


@pytest.mark.parametrize(
    ("left", "warned"),
    [(15 * DAY, []), (14 * DAY, [Sign.ENDS_SOON]), (HOUR, [Sign.ENDS_SOON]), (-HOUR, [Sign.ENDS_SOON])],
)
def test_a_key_under_no_rotation_is_warned_of_two_weeks_before_its_end(left: timedelta, warned: list[Sign]) -> None:
    key = live_key(age=300 * DAY, expire=NOW + left)

    assert signs(key, wish=wanted(expiry=At(NOW + left))) == warned


def test_a_key_of_a_few_days_is_meant_to_be_one() -> None:
    assert signs(live_key(age=DAY, expire=NOW + 4 * DAY), wish=wanted(expiry=After(5 * DAY))) == []
    assert signs(live_key(age=4 * DAY, expire=NOW + DAY), wish=wanted(expiry=After(5 * DAY))) == [Sign.ENDS_SOON]


def test_an_end_that_the_plan_puts_off_is_no_warning() -> None:
    assert signs(live_key(age=90 * DAY, expire=NOW + DAY), wish=wanted(expiry=At(NOW + 90 * DAY))) == []


@pytest.mark.parametrize(
    ("kind", "left", "is_warned"),
    [
        ("organization_key", 13 * DAY, True),
        ("organization_key", 15 * DAY, False),
        ("session", 13 * DAY, True),
        ("ephemeral_key", HOUR, False),
    ],
)
def test_the_credential_of_the_run_is_warned_of_two_weeks_before_its_end(
    kind: CredentialKind, left: timedelta, is_warned: bool
) -> None:
    credential = CredentialInUse(kind=kind, source="CREDENTIAL", declared_end=NOW + left)
    told = looked(desired(wanted()), replace(live(live_key()), credential=credential))

    assert [each.endswith("within 14 days: hand out the next one") for each in told.warnings] == [True] * is_warned


def test_a_credential_that_is_a_key_of_the_project_ends_with_that_key() -> None:
    own = live_key(id="admin", scopes=["keys.write", "keys.read"], expire=NOW + 3 * DAY)
    credential = CredentialInUse(kind="project_key", source="APPWRITE_API_KEY")
    world = replace(live(own, live_key(), own=["admin"]), credential=credential)

    (warning,) = looked(desired(wanted()), world).warnings
    assert warning.startswith("the project key in APPWRITE_API_KEY ends at 2026-11-26T12:00:00Z")


def checked(check: object, *keys: LiveKey, wishes: tuple[DesiredKey, ...]) -> Check:
    wish, world = desired(*wishes), live(*keys)
    plan = plan_environment(wish, world, {})
    seen = Observed(
        environment="staging",
        endpoint="emulator",
        project="p1",
        credential=None,
        facts=world.facts,
        live=world,
        desired=wish,
        plan=plan,
    )
    return check(seen)  # type: ignore[operator, no-any-return]


def test_the_doctor_warns_of_the_first_key_and_counts_the_others() -> None:
    late = [live_key(name, age=95 * DAY, expire=NOW + 2 * DAY) for name in ("a", "b", "c")]

    found = checked(rotation, *late, wishes=tuple(rotated(name) for name in "abc"))

    assert found.verdict is Verdict.WARNING
    assert found.message.startswith(f"{late[0].id}: due since ")
    assert found.message.endswith("; and 2 more")
    assert "pipeline" in found.hint


def test_the_doctor_tells_the_next_date_where_all_is_well() -> None:
    found = checked(rotation, made(DAY), live_key("b"), wishes=(rotated("ci"), wanted("b")))

    assert (found.verdict, found.message[:45]) == (Verdict.OK, "1 key is under rotation; the next date is 202")
    assert checked(keys_end, made(DAY), wishes=(rotated("ci"),)).verdict is Verdict.OK


def test_the_doctor_warns_of_a_key_that_ends_soon() -> None:
    ending = live_key(age=300 * DAY, expire=NOW + DAY)

    found = checked(keys_end, ending, wishes=(wanted(expiry=At(NOW + DAY)),))

    assert (found.verdict, found.message) == (
        Verdict.WARNING,
        f"{ending.id}: it ends at 2026-11-24T12:00:00Z, and nothing takes its place",
    )


def test_a_retiring_key_that_is_still_used_is_told_with_the_sdks_that_used_it() -> None:
    old = live_key(title="CI (retiring)", age=90 * DAY, expire=NOW + 4 * DAY, accessed=NOW - DAY, sdks=("node",))
    told = looked(desired(rotated("ci")), live(old, made(3 * DAY, generation=2)))
    by_id: dict[str, KeyStatus] = {key.key_id: key for key in told.keys}

    (warning,) = told.warnings
    assert "was used on 2026-11-22 (SDKs so far: node), after" in warning
    assert "last used 2026-11-22 (SDKs so far: node)" in by_id[old.id].why
