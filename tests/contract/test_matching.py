"""What the replay lets pass and what it does not."""

import json

from tests.contract.matching import Matcher
from tests.contract.recorded import Reply

_BEFORE, _AFTER = "2026-11-23T11:51:03.491+00:00", "2026-11-23T11:51:03.570+00:00"
_NOW, _LATER = "2030-01-01T00:00:00.001+00:00", "2030-01-01T00:00:00.002+00:00"


def _key(created: str, updated: str, **fields: object) -> Reply:
    shown = {"$id": "full", "$createdAt": created, "$updatedAt": updated, **fields}
    return Reply(status=200, body=json.dumps(shown, separators=(",", ":")))


def test_times_and_secrets_match_by_form() -> None:
    recorded = _key(_BEFORE, _BEFORE, secret="standard_<hex:256>")
    replayed = _key(_NOW, _NOW, secret="standard_" + "0f" * 128)

    assert Matcher().difference(recorded, replayed) is None


def test_a_secret_of_another_length_differs() -> None:
    recorded = _key(_BEFORE, _BEFORE, secret="standard_<hex:256>")
    replayed = _key(_NOW, _NOW, secret="standard_" + "0f" * 127)

    assert Matcher().difference(recorded, replayed) is not None


def test_a_time_that_moves_where_the_recorded_one_stayed_differs() -> None:
    matcher = Matcher()

    assert matcher.difference(_key(_BEFORE, _BEFORE), _key(_NOW, _NOW)) is None
    assert "$updatedAt" in (matcher.difference(_key(_BEFORE, _BEFORE), _key(_NOW, _LATER)) or "")


def test_a_time_that_stays_where_the_recorded_one_moved_differs() -> None:
    matcher = Matcher()

    assert matcher.difference(_key(_BEFORE, _BEFORE), _key(_NOW, _NOW)) is None
    assert "$updatedAt" in (matcher.difference(_key(_BEFORE, _AFTER), _key(_NOW, _NOW)) or "")


def test_a_time_where_the_recorded_one_was_empty_differs() -> None:
    recorded, replayed = _key(_BEFORE, _BEFORE, accessedAt=""), _key(_NOW, _NOW, accessedAt=_NOW)

    assert "accessedAt" in (Matcher().difference(recorded, replayed) or "")


def test_an_expiry_is_compared_exactly() -> None:
    recorded, replayed = _key(_BEFORE, _BEFORE, expire=_BEFORE), _key(_NOW, _NOW, expire=_NOW)

    assert "expire" in (Matcher().difference(recorded, replayed) or "")


def test_an_id_the_server_chose_must_stay_the_same() -> None:
    matcher = Matcher()
    first, second, other = (Reply(status=200, body=f'{{"$id":"{digit * 20}"}}') for digit in "abc")

    assert matcher.difference(first, second) is None
    assert "chosen id" in (matcher.difference(first, other) or "")


def test_the_order_of_fields_matters() -> None:
    recorded = Reply(status=200, body='{"name":"n","expire":""}')
    replayed = Reply(status=200, body='{"expire":"","name":"n"}')

    assert Matcher().difference(recorded, replayed) is not None


def test_an_error_page_matches_by_its_error() -> None:
    page = "<!DOCTYPE html><html>{}</html>"
    recorded = Reply(status=404, body=page.format("much styling general_route_not_found"))
    same = Reply(status=404, body=page.format("general_route_not_found"))
    other = Reply(status=404, body=page.format("something else"))

    assert Matcher().difference(recorded, same) is None
    assert Matcher().difference(recorded, other) is not None
