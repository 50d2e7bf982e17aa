"""A secret shows nowhere but in `reveal()`."""

import copy
import dataclasses
import json
import pickle
from collections.abc import Callable
from functools import partial

import pytest

from reconciler.core.keys import LiveKey
from reconciler.core.secret import Secret
from tests.support.builders import live_key

CANARY = "standard_canary"
SECRET = Secret(CANARY)
KEY = live_key(secret=SECRET)


WAYS_TO_TEXT: dict[str, Callable[[object], str]] = {
    "repr": repr,
    "str": str,
    "format": format,
    "ascii": ascii,
    "f-string": lambda value: f"{value}",
    "f-string, padded": lambda value: f"{value!r:>40}",
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031 - as logging does it
    "format method": lambda value: "{} {!r}".format(value, value),  # noqa: UP032
    "in containers": lambda value: repr([value, {"secret": value}, (value,)]),
    "in an error": lambda value: str(ValueError(value)),
    "in a dataclass": lambda value: repr(dataclasses.make_dataclass("Holder", ["value"])(value)),
    "as JSON by str": lambda value: json.dumps({"value": value}, default=str),
}
WAYS_TO_CARRY: dict[str, Callable[[object], object]] = {
    **{f"pickle {protocol}": partial(pickle.dumps, protocol=protocol) for protocol in range(6)},
    "deep copy": copy.deepcopy,
    "JSON": json.dumps,
}


@pytest.mark.parametrize("show", WAYS_TO_TEXT.values(), ids=WAYS_TO_TEXT.keys())
@pytest.mark.parametrize("value", [SECRET, KEY], ids=["secret", "key"])
def test_no_way_to_text_shows_it(show: Callable[[object], str], value: Secret | LiveKey) -> None:
    assert "canary" not in show(value)


def test_it_shows_as_a_word_that_says_what_it_is() -> None:
    assert f"{SECRET} {SECRET!r} {SECRET:>10}" == "(secret) (secret)   (secret)"


@pytest.mark.parametrize("carry", WAYS_TO_CARRY.values(), ids=WAYS_TO_CARRY.keys())
@pytest.mark.parametrize("value", [SECRET, KEY], ids=["secret", "key"])
def test_it_is_neither_pickled_nor_copied_nor_written_as_json(
    carry: Callable[[object], object], value: Secret | LiveKey
) -> None:
    with pytest.raises(TypeError) as raised:
        carry(value)

    assert "canary" not in str(raised.value)


def test_a_key_as_a_dictionary_is_refused_because_of_its_secret() -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        dataclasses.asdict(KEY)


def test_secrets_are_equal_when_their_texts_are() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("\udcff") == Secret("\udcff")


def test_a_key_compares_without_its_secret() -> None:
    assert live_key(secret=Secret("a")) == live_key(secret=None)
