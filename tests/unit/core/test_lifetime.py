"""An ephemeral key does not outlive what the manifest grants, and that is known before it is made."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from reconciler.core.desired import After, At, Never
from reconciler.core.lifetime import UNBOUNDED, Bounds, bounds_of, check_end, lifetime_of, parse_lifetime
from reconciler.errors import GuardError
from tests.support.builders import NOW

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)


def test_of_several_keys_the_last_to_end_bounds_it_and_one_that_never_ends_does_not() -> None:
    assert bounds_of([At(NOW), At(NOW + HOUR)]) == Bounds(until=NOW + HOUR)
    assert bounds_of([After(MINUTE), After(HOUR), At(NOW)]) == Bounds(until=NOW, longest=HOUR)
    assert bounds_of([At(NOW), After(MINUTE), Never()]) == UNBOUNDED


@pytest.mark.parametrize(
    ("bounds", "asked", "lifetime"),
    [
        (UNBOUNDED, None, 15 * MINUTE),
        (UNBOUNDED, HOUR, HOUR),
        (Bounds(longest=5 * MINUTE), None, 5 * MINUTE),
        (Bounds(longest=5 * MINUTE), 5 * MINUTE, 5 * MINUTE),
        (Bounds(longest=HOUR), None, 15 * MINUTE),
        (Bounds(until=NOW + HOUR), None, 15 * MINUTE),
        (Bounds(until=NOW + 10 * MINUTE), None, 10 * MINUTE - 5 * SECOND),
        (Bounds(until=NOW + MINUTE + timedelta(milliseconds=900)), None, 55 * SECOND),
        (Bounds(until=NOW - HOUR, longest=5 * MINUTE), None, 5 * MINUTE),
        (Bounds(until=NOW + HOUR, longest=5 * MINUTE), 20 * MINUTE, 20 * MINUTE),
    ],
)
def test_it_lives_as_long_as_asked_for_or_as_long_as_is_granted(
    bounds: Bounds, asked: timedelta | None, lifetime: timedelta
) -> None:
    assert lifetime_of(bounds, asked, NOW, "staging") == lifetime


@pytest.mark.parametrize(
    ("bounds", "asked", "message"),
    [
        (
            Bounds(longest=5 * MINUTE),
            10 * MINUTE,
            "staging: what the manifest grants lives for 5m, and the key would live for 10m",
        ),
        (
            Bounds(until=NOW + HOUR),
            HOUR,
            (
                "staging: what the manifest grants ends at 2026-11-23T13:00:00Z, and the key would live until "
                "2026-11-23T13:00:00Z"
            ),
        ),
        (
            Bounds(until=NOW - HOUR),
            None,
            (
                "staging: what the manifest grants ends at 2026-11-23T11:00:00Z, and the key would live until "
                "2026-11-23T12:15:00Z"
            ),
        ),
        (
            Bounds(until=NOW + 5 * SECOND),
            None,
            (
                "staging: what the manifest grants ends at 2026-11-23T12:00:05Z, and the key would live until "
                "2026-11-23T12:15:00Z"
            ),
        ),
    ],
)
def test_what_is_longer_than_granted_is_refused(bounds: Bounds, asked: timedelta | None, message: str) -> None:
    with pytest.raises(GuardError) as refused:
        lifetime_of(bounds, asked, NOW, "staging")

    assert refused.value.message == message
    assert refused.value.hint == (
        "pass a shorter --duration, give the declared key a later expire, or pass --allow-wider"
    )


def test_what_ends_at_a_time_is_never_judged_without_one() -> None:
    with pytest.raises(ValueError, match="cannot be judged"):
        lifetime_of(Bounds(until=NOW), None, None, "staging")


@pytest.mark.parametrize(
    ("bounds", "end", "refused"),
    [
        (UNBOUNDED, NOW + HOUR, False),
        (Bounds(until=NOW + HOUR), NOW + HOUR, False),
        (Bounds(until=NOW + HOUR), NOW + HOUR + timedelta(milliseconds=1), True),
        (Bounds(longest=MINUTE), NOW + HOUR, False),
        (Bounds(longest=SECOND, until=NOW), NOW + MINUTE, True),
    ],
)
def test_a_key_that_the_server_made_longer_than_granted_is_refused(
    bounds: Bounds, end: datetime, refused: bool
) -> None:
    try:
        check_end(bounds, MINUTE, end, "staging")
    except GuardError:
        assert refused
    else:
        assert not refused


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("90s", 90), ("15m", 900), ("60m", 3600), ("1h", 3600), ("3600s", 3600)]
)
def test_a_lifetime_is_a_second_to_an_hour(text: str, seconds: int) -> None:
    assert parse_lifetime(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "15", "15 m", "-1m", "1.5h", "1d", "3601s", "61m", "2h", "1h\n", "٣m"])
def test_anything_else_is_no_lifetime(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|is too long"):
        parse_lifetime(text)
