"""What the key routes do beyond the recordings: forms, formats, headers, and the ways in past the API."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from reconciler.emulator import Emulator
from reconciler.emulator.dropped import Dropped
from tests.unit.emulator.conftest import MovingClock

pytestmark = pytest.mark.anyio

_KEYS = "/v1/project/keys"
_SAME = {"name": "ci", "scopes": ["users.read", "keys.read"], "expire": "2031-01-01T00:00:00.000+00:00"}


@pytest.mark.parametrize(
    ("sent", "moves"),
    [
        (_SAME, False),
        ({**_SAME, "expire": "2031-01-01T00:00:00.000Z"}, True),
        ({**_SAME, "scopes": ["keys.read", "users.read"]}, True),
        ({**_SAME, "name": "CI"}, True),
        ({"name": "ci", "scopes": ["users.read", "keys.read"]}, True),
    ],
    ids=["the same", "the instant in another form", "scopes in another order", "another name", "no expire"],
)
async def test_a_put_moves_updated_at_when_what_was_sent_differs(
    owner: httpx.AsyncClient, clock: MovingClock, sent: dict[str, object], moves: bool
) -> None:
    before = (await owner.post(_KEYS, json={"keyId": "ci", **_SAME})).json()
    clock.move(seconds=1)
    after = (await owner.put(f"{_KEYS}/ci", json=sent)).json()

    assert (after["$updatedAt"] != before["$updatedAt"]) is moves
    assert after["secret"] == before["secret"]


@pytest.mark.parametrize(
    ("version", "status", "message"),
    [
        ("1.8.0", 201, None),
        ("no version", 201, None),
        ("1.9.0", 400, 'Param "keyId" is not optional.'),
        ("1.9.5", 400, 'Param "keyId" is not optional.'),
    ],
)
async def test_an_old_response_format_makes_up_an_id(
    owner: httpx.AsyncClient, version: str, status: int, message: str | None
) -> None:
    headers = {"X-Appwrite-Response-Format": version}
    response = await owner.post(_KEYS, json={"name": "n", "scopes": []}, headers=headers)

    assert (response.status_code, response.json().get("message")) == (status, message)


@pytest.mark.parametrize("version", ["1.8.0", "1.9.0"])
async def test_an_old_response_format_strips_a_key_of_scopes_that_a_put_leaves_out(
    owner: httpx.AsyncClient, version: str
) -> None:
    await owner.post(_KEYS, json={"keyId": "ci", **_SAME})
    headers = {"X-Appwrite-Response-Format": version}

    assert (await owner.put(f"{_KEYS}/ci", json={"name": "ci"}, headers=headers)).json()["scopes"] == []


async def test_a_response_format_beyond_the_server_is_answered_with_a_warning(
    owner: httpx.AsyncClient,
) -> None:
    newer = await owner.get(_KEYS, headers={"X-Appwrite-Response-Format": "2.5.0"})
    older = await owner.get(_KEYS, headers={"X-Appwrite-Response-Format": "1.9.5"})

    assert newer.headers["X-Appwrite-Warning"].startswith("The current SDK is built for Appwrite 2.5.0.")
    assert "X-Appwrite-Warning" not in older.headers


async def test_answers_carry_the_server_s_date_and_name(owner: httpx.AsyncClient, clock: MovingClock) -> None:
    clock.now = datetime(2031, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC)
    response = await owner.get(_KEYS)

    assert response.headers["Date"] == "Mon, 03 Feb 2031 04:05:06 GMT"
    assert response.headers["Server"] == "Appwrite"


async def test_an_object_of_scopes_fails_in_the_database_unless_it_is_a_list_in_disguise(
    owner: httpx.AsyncClient,
) -> None:
    def body(key_id: str, scopes: object) -> dict[str, object]:
        return {"keyId": key_id, "name": "n", "scopes": scopes}

    named = await owner.post(_KEYS, json=body("named", {"a": "keys.read"}))
    numbered = await owner.post(_KEYS, json=body("numbered", {"0": "keys.read"}))

    assert (named.status_code, named.json()["type"]) == (500, "general_unknown")
    assert numbered.json()["scopes"] == ["keys.read"]


@pytest.mark.parametrize("body", ['{"name":"\\ud800"}', '{"name":NaN}', "[" * 100_000])
async def test_what_php_cannot_parse_is_an_empty_body(owner: httpx.AsyncClient, body: str) -> None:
    response = await owner.post(_KEYS, content=body, headers={"Content-Type": "application/json"})

    assert response.json()["message"] == 'Param "keyId" is not optional.'


async def test_a_body_over_12_mib_gets_no_answer(owner: httpx.AsyncClient) -> None:
    with pytest.raises(Dropped):
        await owner.post(_KEYS, content=b" " * (12 * 1024 * 1024 + 1))


async def test_line_separators_are_escaped_and_other_characters_left(owner: httpx.AsyncClient) -> None:
    body = {"keyId": "ci", "name": "ü/\u2028\u2029", "scopes": []}
    response = await owner.post(_KEYS, json=body)

    assert '"name":"ü\\/\\u2028\\u2029"' in response.text


async def test_a_client_that_leaves_before_its_body_is_whole_changes_nothing(emulator: Emulator) -> None:
    async def leave() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def refuse(message: object) -> None:
        raise AssertionError(f"nobody is there for {message}")

    with pytest.raises(Dropped):
        await emulator.app({"type": "http", "method": "POST", "path": _KEYS, "headers": []}, leave, refuse)


async def test_other_protocols_than_http_are_refused(emulator: Emulator) -> None:
    async def never(*_: object) -> Any:
        raise AssertionError("nothing is read or written")

    with pytest.raises(RuntimeError, match="HTTP only, not lifespan"):
        await emulator.app({"type": "lifespan"}, never, never)


async def test_a_page_of_an_unknown_route_is_html_even_for_clients_of_json(owner: httpx.AsyncClient) -> None:
    response = await owner.get("/v1/nothing", headers={"Accept": "application/json"})

    assert response.status_code == 404
    assert response.headers["Content-Type"].startswith("text/html")


async def test_a_key_put_in_past_the_api_has_what_it_was_given(
    emulator: Emulator, owner: httpx.AsyncClient, clock: MovingClock
) -> None:
    secret = emulator.add_key("shop", "ci", ["users.read"], name="CI", expire=clock.now, secret="standard_chosen")
    shown = (await owner.get(f"{_KEYS}/ci")).json()

    assert secret == shown["secret"] == "standard_chosen"
    assert (shown["name"], shown["expire"]) == ("CI", "2030-01-01T12:00:00.000+00:00")


def test_a_key_put_in_twice_or_nowhere_is_refused(emulator: Emulator) -> None:
    emulator.add_key("shop", "ci", [])

    with pytest.raises(ValueError, match="'CI' is taken"):
        emulator.add_key("shop", "CI", [])
    with pytest.raises(ValueError, match="no project 'nowhere'"):
        emulator.add_key("nowhere", "other", [])


async def test_a_project_ensured_twice_keeps_its_keys_and_organization(
    emulator: Emulator, owner: httpx.AsyncClient
) -> None:
    emulator.add_key("shop", "ci", [])
    emulator.ensure_project("shop", organization="other")
    secret = emulator.add_organization_key("acme", ["keys.read"])
    headers = {"X-Appwrite-Key": secret, "X-Appwrite-Organization": "acme"}

    listed = await owner.get(_KEYS, headers=headers)
    assert [key["$id"] for key in listed.json()["keys"]] == ["ci"]
