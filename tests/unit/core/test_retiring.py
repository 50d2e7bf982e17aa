"""Ending a key by its expiry."""

from datetime import timedelta

from reconciler.core.names import MAX_NAME
from reconciler.core.retiring import SUFFIX, is_retiring, retired
from tests.support.builders import NOW, live_key, state

DAY = timedelta(days=1)


def test_a_key_that_is_to_end_says_so_in_its_name_once() -> None:
    once = retired(state("CI"), NOW + DAY)
    assert (once.name, once.expire) == ("CI (retiring)", NOW + DAY)
    assert retired(once, NOW + DAY) == once


def test_a_key_never_ends_later_than_it_would_have_ended_anyway() -> None:
    assert retired(state(expire=NOW + DAY), NOW + 7 * DAY).expire == NOW + DAY
    assert retired(state(expire=NOW + 9 * DAY), NOW + 7 * DAY).expire == NOW + 7 * DAY


def test_the_longest_name_is_cut_so_that_appwrite_takes_it() -> None:
    name = retired(state("x" * MAX_NAME), NOW + DAY).name
    assert len(name) == MAX_NAME
    assert name.endswith("x" + SUFFIX)


def test_everything_else_stays() -> None:
    before = state(scopes=["users.read", "rows.read"])
    assert retired(before, NOW).scopes == before.scopes


def test_a_key_is_retiring_by_name_and_expiry_together() -> None:
    assert is_retiring(live_key(title="CI (retiring)", expire=NOW + DAY))
    assert not is_retiring(live_key(title="CI (retiring)"))
    assert not is_retiring(live_key(title="CI", expire=NOW + DAY))
