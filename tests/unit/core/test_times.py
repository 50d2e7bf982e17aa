"""Instants and durations as the manifest and Appwrite write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.times import (
    format_instant,
    parse_duration,
    parse_instant,
    show_duration,
    show_instant,
)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2027-12-31T23:59:59Z", "2027-12-31T23:59:59.000+00:00"),
        ("2027-12-31T23:59:59.1239999Z", "2027-12-31T23:59:59.123+00:00"),
        ("2028-01-01T01:59:59+02:00", "2027-12-31T23:59:59.000+00:00"),
    ],
)
def test_an_instant_is_stored_in_utc_cut_to_milliseconds(text: str, stored: str) -> None:
    assert format_instant(parse_instant(text)) == stored


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a zone"):
        parse_instant("2027-12-31T23:59:59")


@given(st.datetimes(datetime(1970, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_what_is_written_is_read_back(instant: datetime) -> None:
    stored = format_instant(instant)

    assert format_instant(parse_instant(stored)) == stored
    assert timedelta(0) <= instant - parse_instant(stored) < timedelta(milliseconds=1)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("30m", timedelta(minutes=30)),
        ("12h", timedelta(hours=12)),
        ("90d", timedelta(days=90)),
        ("4w", timedelta(weeks=4)),
    ],
)
def test_durations_are_whole_minutes_hours_days_or_weeks(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span
    assert parse_duration(show_duration(span)) == span


@pytest.mark.parametrize(
    "text", ["", "0d", "-1d", "1.5d", "1", "d", "1y", "1 d", "01d", "1d1h", "1234567d", "1D", "¹d"]
)
def test_nothing_else_is_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(("microsecond", "shown"), [(0, "2026-11-23T12:00:00Z"), (5000, "2026-11-23T12:00:00.005Z")])
def test_people_see_milliseconds_only_where_there_are_some(microsecond: int, shown: str) -> None:
    assert show_instant(datetime(2026, 11, 23, 12, microsecond=microsecond, tzinfo=UTC)) == shown
