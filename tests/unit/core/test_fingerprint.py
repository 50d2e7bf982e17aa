"""The fingerprint of live keys."""

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.fingerprint import fingerprint
from reconciler.core.keys import LiveKey
from tests.support.builders import NOW, SECRET, live_key

KEY = live_key(scopes=["a.read", "b.read"], expire=NOW, description="For CI")


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, scopes=("b.read", "a.read", "b.read")),
        replace(KEY, accessed=NOW),
        replace(KEY, created=NOW),
        replace(KEY, secret=None),
    ],
    ids=["order of scopes", "use", "creation", "secret"],
)
def test_what_is_not_compared_does_not_count(other: LiveKey) -> None:
    assert fingerprint([other]) == fingerprint([KEY])


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, id="x"),
        replace(KEY, name="x"),
        replace(KEY, scopes=("a.read",)),
        replace(KEY, expire=NOW + timedelta(milliseconds=1)),
        replace(KEY, expire=None),
        replace(KEY, description="x"),
    ],
    ids=["id", "name", "scopes", "expire", "never", "description"],
)
def test_what_is_compared_counts(other: LiveKey) -> None:
    assert fingerprint([other]) != fingerprint([KEY])


def test_no_description_and_an_empty_one_are_the_same() -> None:
    assert fingerprint([live_key(description="")]) == fingerprint([live_key()])


def test_the_order_of_keys_does_not_count_and_no_secret_is_in_it() -> None:
    keys = [live_key("a"), live_key("b")]
    assert fingerprint(keys) == fingerprint(keys[::-1])
    assert SECRET.reveal() not in fingerprint(keys)
    assert fingerprint([]).startswith("sha256:")
