"""When a request is sent again: a pure function of what happened, of time and of chance."""

from __future__ import annotations

import random
from typing import Literal

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.edge.appwrite.answer import Answer, Failure
from reconciler.edge.appwrite.retry import delay


def _answer(status: int, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=httpx.Headers(named), body=b"")


def _delay(
    result: Answer | Failure, *, attempt: int = 0, elapsed: float = 0, reached: bool = True, seed: int = 1
) -> float | None:
    return delay(result, attempt=attempt, elapsed=elapsed, reached=reached, chance=random.Random(seed))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again_five_times(status: int) -> None:
    waits = [_delay(_answer(status), attempt=attempt) for attempt in range(6)]
    assert None not in waits[:5]
    assert waits[5] is None


@pytest.mark.parametrize("status", [200, 201, 204, 301, 400, 401, 403, 404, 409, 422, 501])
def test_an_answer_that_will_be_the_same_is_not_asked_again(status: int) -> None:
    assert _delay(_answer(status)) is None


@given(attempt=st.integers(0, 4), seed=st.integers())
def test_the_wait_is_anything_up_to_a_doubling_bound(attempt: int, seed: int) -> None:
    wait = _delay(_answer(500), attempt=attempt, seed=seed)
    assert wait is not None
    assert 0 <= wait <= 0.5 * 2**attempt


@pytest.mark.parametrize(
    ("headers", "least"),
    [
        ({"Retry_After": "7"}, 7),
        ({"Retry_After": "0"}, 0),
        ({"Retry_After": "60"}, 60),
        ({"Retry_After": "149"}, 149),
        ({"Retry_After": "Mon, 23 Nov 2026 11:51:15 GMT", "Date": "Mon, 23 Nov 2026 11:51:03 GMT"}, 12),
        ({"Retry_After": "Mon, 23 Nov 2026 11:51:00 GMT", "Date": "Mon, 23 Nov 2026 11:51:03 GMT"}, 0),
    ],
)
def test_a_server_that_says_how_long_is_believed(headers: dict[str, str], least: float) -> None:
    for seed in range(20):
        wait = _delay(_answer(429, **headers), seed=seed)
        assert wait is not None
        assert least <= wait <= least + 1


@pytest.mark.parametrize(("asked", "elapsed"), [("3600", 0), ("150", 0), ("60", 90), ("999999999", 0)])
def test_a_server_that_asks_for_more_time_than_a_call_has_is_not_waited_for(asked: str, elapsed: float) -> None:
    assert _delay(_answer(429, Retry_After=asked), elapsed=elapsed) is None


@pytest.mark.parametrize("text", ["soon", "-5", "1e3", "", "Mon, 23 Nov 2026 11:51:15 GMT", "9" * 40])
def test_a_retry_after_that_says_nothing_is_ignored(text: str) -> None:
    wait = _delay(_answer(429, Retry_After=text))
    assert wait is not None
    assert wait <= 0.5


def test_nothing_is_asked_again_two_and_a_half_minutes_on() -> None:
    assert _delay(_answer(500), elapsed=149) is not None
    assert _delay(_answer(500), elapsed=150) is None


@pytest.mark.parametrize("kind", ["untrusted", "oversized"])
def test_what_time_cannot_mend_is_not_asked_again(kind: Literal["untrusted", "oversized"]) -> None:
    assert _delay(Failure(kind=kind, text="")) is None


@pytest.mark.parametrize("kind", ["late", "broken"])
def test_a_lost_answer_is_asked_for_again(kind: Literal["late", "broken"]) -> None:
    assert _delay(Failure(kind=kind, text=""), attempt=4) is not None
    assert _delay(Failure(kind=kind, text=""), attempt=5) is None


def test_a_server_that_never_answered_is_given_three_seconds() -> None:
    away = Failure(kind="unreachable", text="")
    for seed in range(50):
        waits = [_delay(away, attempt=attempt, reached=False, seed=seed) for attempt in range(4)]
        assert waits[3] is None
        assert sum(wait for wait in waits[:3] if wait is not None) <= 3
    assert _delay(away, elapsed=3, reached=False) is None
    assert _delay(away, attempt=4, elapsed=10, reached=True) is not None
