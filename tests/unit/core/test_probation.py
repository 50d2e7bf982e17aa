"""REFERENCE, "Nonce", and DESIGN §5, "Commit by expiry"."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.probation import (
    can_be_delivered,
    is_on_probation,
    may_be_in_progress,
    probation,
)
from tests.support.builders import NOW, live_key, state, undelivered

WEEK = timedelta(days=7)
CHANCES = st.floats(0, 1, exclude_max=True)


@given(chance=CHANCES)
def test_the_nonce_lies_seven_days_off_within_the_hour(chance: float) -> None:
    now = datetime(2026, 11, 23, 17, 34, 56, tzinfo=UTC)

    expire = probation(state(), now, chance).expire

    assert expire is not None
    assert expire.replace(minute=0, second=0, microsecond=0) == datetime(2026, 11, 30, 17, tzinfo=UTC)
    assert expire.microsecond % 1000 == 0


def test_the_nonce_takes_every_millisecond_of_the_hour() -> None:
    def at(chance: float) -> timedelta:
        expire = probation(state(), NOW, chance).expire
        assert expire is not None
        return expire - (NOW + WEEK)

    assert at(0) == timedelta(0)
    assert at(0.5) == timedelta(minutes=30)
    assert at(1 - 2**-53) == timedelta(hours=1) - timedelta(milliseconds=1)


@given(left=st.timedeltas(timedelta(milliseconds=1), timedelta(days=8)), chance=CHANCES)
def test_no_probation_outlives_the_declared_expiry(left: timedelta, chance: float) -> None:
    real = NOW + left

    expire = probation(state(expire=real), NOW, chance).expire

    assert expire is not None
    assert expire <= real
    assert expire >= NOW or left < timedelta(milliseconds=2)


def test_a_probation_that_ends_with_the_hour_of_the_real_expiry_is_still_random() -> None:
    real = NOW + timedelta(days=2)

    made = {probation(state(expire=real), NOW, chance / 10).expire for chance in range(10)}

    assert len(made) == 10
    assert all(expire is not None and real - timedelta(hours=1) <= expire < real for expire in made)


def test_a_probation_keeps_the_scopes_and_marks_the_name() -> None:
    made = probation(state("Storefront", ["rows.read", "users.read"]), NOW, 0)

    assert made.name == "Storefront (undelivered)"
    assert made.scopes == {"rows.read", "users.read"}


@pytest.mark.parametrize("length", [113, 114, 115, 128])
def test_the_marked_name_is_cut_to_the_128_characters_that_appwrite_takes(length: int) -> None:
    made = probation(state("ä" * length), NOW, 0)

    assert len(made.name) == min(128, length + 14)
    assert made.name.endswith("ä (undelivered)")


def test_a_key_is_on_probation_by_its_name_and_an_expiry() -> None:
    assert is_on_probation(undelivered())
    assert not is_on_probation(undelivered(title="CI"))
    assert not is_on_probation(undelivered(expire=None))
    assert not is_on_probation(live_key(title="CI (undelivered) 2", expire=NOW + WEEK))


def test_a_probation_key_can_be_delivered_while_it_lives_and_its_secret_is_known() -> None:
    assert can_be_delivered(undelivered(), NOW)
    assert not can_be_delivered(undelivered(secret=None), NOW)
    assert not can_be_delivered(undelivered(expire=NOW), NOW)
    assert can_be_delivered(undelivered(expire=NOW + timedelta(milliseconds=1)), NOW)


def test_a_run_may_be_at_work_on_a_key_for_fifteen_minutes() -> None:
    quarter = timedelta(minutes=15)

    assert may_be_in_progress(undelivered(age=quarter - timedelta(seconds=1)), NOW)
    assert not may_be_in_progress(undelivered(age=quarter), NOW)
