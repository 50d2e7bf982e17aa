"""Whatever a server sends, reading it ends in a value or in a word about what is wrong."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.edge.appwrite import wire
from reconciler.edge.appwrite.answer import Answer

NAMES = st.sampled_from(
    [
        "$id",
        "$createdAt",
        "name",
        "expire",
        "scopes",
        "secret",
        "accessedAt",
        "sdks",
        "keys",
        "total",
        "message",
        "code",
        "type",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=8),
    max_leaves=12,
)
ITEM = {
    "$id": "ci",
    "$createdAt": "2026-08-21T12:00:00.123+00:00",
    "name": "CI",
    "expire": "",
    "scopes": ["users.read"],
}


def _answer(body: object) -> Answer:
    return Answer(status=200, headers=httpx.Headers(), body=json.dumps(body).encode())


@given(body=JSON | st.builds(lambda field, value: {"total": 1, "keys": [ITEM | {field: value}]}, NAMES, JSON))
def test_any_json_is_a_page_or_is_malformed(body: object) -> None:
    answer = _answer(body)
    answer.error()
    wire.read_version(answer.json())
    wire.read_scopes(answer.json())
    with suppress(wire.Malformed):
        keys, _ = wire.read_page(answer.json())
        assert all(key.id and key.created.tzinfo is UTC for key in keys)


@given(body=st.binary())
def test_any_bytes_are_json_or_none(body: bytes) -> None:
    Answer(status=200, headers=httpx.Headers(), body=body).error()


@pytest.mark.parametrize("secret", [{}, {"secret": None}, {"secret": ""}])
def test_a_secret_that_is_hidden_is_none(secret: dict[str, object]) -> None:
    assert wire.read_key(_answer(ITEM | secret).json()).secret is None


@pytest.mark.parametrize("expire", [{}, {"expire": None}, {"expire": ""}])
def test_never_is_written_in_three_ways(expire: dict[str, object]) -> None:
    item = {name: value for name, value in ITEM.items() if name != "expire"} | expire
    assert wire.read_key(_answer(item).json()).expire is None


def test_a_key_may_expire_at_the_end_of_time() -> None:
    key = wire.read_key(_answer(ITEM | {"expire": "9999-12-31T23:59:58.999+00:00"}).json())
    assert key.expire == datetime(9999, 12, 31, 23, 59, 58, 999000, tzinfo=UTC)


def test_characters_beyond_the_first_plane_are_text() -> None:
    assert wire.read_key(_answer(ITEM | {"name": "🗝 ключ"}).json()).name == "🗝 ключ"


def test_fields_of_newer_servers_are_kept_or_left_alone() -> None:
    item = ITEM | {"description": "nightly", "accessedAt": "2026-08-21T12:00:00.123+00:00", "color": {"of": "paint"}}
    key = wire.read_key(_answer(item).json())
    assert key.description == "nightly"
    assert key.accessed == datetime(2026, 8, 21, 12, 0, 0, 123000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sdks", "read"), [({}, ()), ({"sdks": None}, ()), ({"sdks": ["python", "node"]}, ("python", "node"))]
)
def test_the_sdks_that_used_a_key_are_kept_in_their_order(sdks: dict[str, object], read: tuple[str, ...]) -> None:
    assert wire.read_key(_answer(ITEM | sdks).json()).sdks == read


@pytest.mark.parametrize(
    ("body", "version"),
    [
        ({"version": "1.9.6"}, "1.9.6"),
        ({"version": "2.6.2-rc.1"}, "2.6.2-rc.1"),
        ({"version": 2}, None),
        ({"version": ""}, None),
        ({"version": "\x1b[2J"}, None),
        ([], None),
        (None, None),
    ],
)
def test_a_version_is_a_short_word(body: object, version: str | None) -> None:
    assert wire.read_version(body) == version


@pytest.mark.parametrize(
    ("body", "scopes"),
    [
        ({"total": 2, "scopes": [{"$id": "a.read"}, {"$id": "b.read"}]}, frozenset({"a.read", "b.read"})),
        ({"total": 0, "scopes": []}, None),
        ({"scopes": [{"$id": "a.read"}, {"$id": "\ud800"}]}, None),
        ({"scopes": [{"$id": "a.read"}, {"$id": 7}]}, None),
        ({"scopes": [{"$id": "a.read"}, "b.read"]}, None),
        ({"scopes": "a.read"}, None),
        ([], None),
    ],
)
def test_a_list_of_scopes_is_believed_as_a_whole_or_not_at_all(body: object, scopes: frozenset[str] | None) -> None:
    assert wire.read_scopes(_answer(body).json()) == scopes
