"""How the server reads an expiry."""

from datetime import UTC, datetime

import pytest

from reconciler.emulator import dates

_NOW = datetime(2026, 5, 6, 7, 8, 9, 123_456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("2030-01-02", "2030-01-02T00:00:00.000+00:00"),
        ("2030-01-02T10:00:00.123Z", "2030-01-02T10:00:00.123+00:00"),
        ("2030-01-02T10:00:00.9999999+00:00", "2030-01-02T10:00:00.999+00:00"),
        ("2030-01-02 10:00:00", "2030-01-02T10:00:00.000+00:00"),
        ("2030-01-02T10:00", "2030-01-02T10:00:00.000+00:00"),
        ("2030-01-02T10:00:00-0530", "2030-01-02T15:30:00.000+00:00"),
        ("2030-07-02T10:00:00 Europe/Berlin", "2030-07-02T08:00:00.000+00:00"),
        ("2030-02-30", "2030-03-02T00:00:00.000+00:00"),
        ("2030-06-30T23:59:60Z", "2030-07-01T00:00:00.000+00:00"),
        ("2030-01-01T24:00:00Z", "2030-01-02T00:00:00.000+00:00"),
        ("1970-01-01", "1970-01-01T00:00:00.000+00:00"),
        ("9999-12-31", "9999-12-31T00:00:00.000+00:00"),
        ("2030", "2026-05-06T20:30:00.000+00:00"),
    ],
)
def test_what_php_can_read_is_stored_in_one_form(text: str, stored: str) -> None:
    moment = dates.read(text, _NOW)

    assert moment is not None
    assert dates.render(moment) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tomorrow",
        "+1 day",
        "@1893456000",
        "1893456000",
        "2030-13-01",
        "2030-01-32",
        "2030-01-01T25:00:00Z",
        "2030-01-01T10:60:00Z",
        "2030-01-01T10:00:00 Nowhere/Land",
        "2030-01-01T10:00:00+99:00",
        "9999-12-31T00:00:01",
        "9999-12-31T23:00:00-02:00",
        "10000-01-01",
    ],
)
def test_what_php_cannot_read_and_what_lies_beyond_9999_is_refused(text: str) -> None:
    assert dates.read(text, _NOW) is None


@pytest.mark.parametrize("text", ["0000-01-01", "0001-01-01T00:00:00.000+00:00", "0999-12-31"])
def test_years_before_1000_pass_the_check_and_cannot_be_stored(text: str) -> None:
    with pytest.raises(dates.Unstorable):
        dates.read(text, _NOW)


def test_a_moment_is_cut_to_milliseconds_and_never_rounded() -> None:
    moment = datetime(2030, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC)

    assert dates.render(moment) == "2030-01-01T00:00:00.999+00:00"
