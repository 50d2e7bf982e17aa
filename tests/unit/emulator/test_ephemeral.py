"""Ephemeral keys: what they may do, how they look, and how they end."""

import json

import httpx
import pytest

from reconciler.emulator import Emulator
from tests.unit.emulator.conftest import MovingClock

pytestmark = pytest.mark.anyio

_KEYS = "/v1/project/keys"
_EPHEMERAL = f"{_KEYS}/ephemeral"
_GUEST = 'User (role: guests) missing scopes (["keys.read"])'


def _by(secret: str, project: str = "shop") -> dict[str, str]:
    return {"X-Appwrite-Project": project, "X-Appwrite-Key": secret}


async def _made(client: httpx.AsyncClient, scopes: list[str], duration: object = 60, **headers: str) -> httpx.Response:
    return await client.post(_EPHEMERAL, json={"scopes": scopes, "duration": duration}, headers=headers)


async def test_it_is_shown_once_with_dates_of_its_own_forms(owner: httpx.AsyncClient) -> None:
    made = await _made(owner, ["keys.read", "keys.read"], 3600)

    key = made.json()
    assert made.status_code == 201
    assert list(key) == ["$id", "$createdAt", "$updatedAt", "name", "expire", "scopes", "secret", "accessedAt", "sdks"]
    assert key | {"$id": "", "secret": ""} == {
        "$id": "",
        "$createdAt": "2030-01-01 12:00:00.000",
        "$updatedAt": "2030-01-01 12:00:00.000",
        "name": "",
        "expire": "2030-01-01T13:00:00.000000Z",
        "scopes": ["keys.read", "keys.read"],
        "secret": "",
        "accessedAt": "",
        "sdks": [],
    }
    assert key["secret"].startswith("ephemeral_ey")
    assert (await owner.get(f"{_KEYS}/{key['$id']}")).status_code == 404
    assert (await owner.get(_KEYS)).json()["total"] == 0


async def test_it_works_in_its_project_and_for_its_time(
    emulator: Emulator, owner: httpx.AsyncClient, anyone: httpx.AsyncClient, clock: MovingClock
) -> None:
    emulator.ensure_project("other", organization="acme")
    secret = (await _made(owner, ["keys.read"])).json()["secret"]

    assert (await anyone.get(_KEYS, headers=_by(secret))).status_code == 200
    assert (await anyone.get(_KEYS, headers=_by(f"dynamic_{secret.partition('_')[2]}"))).status_code == 200
    elsewhere = await anyone.get(_KEYS, headers=_by(secret, "other"))
    clock.move(seconds=60)
    afterwards = await anyone.get(_KEYS, headers=_by(secret))

    assert [answer.json()["message"] for answer in (elsewhere, afterwards)] == [_GUEST, _GUEST]


@pytest.mark.parametrize("secret", ["ephemeral_", "ephemeral_x.y.z", "ephemeral_a.b", "ephemeral_e30.e30.e30"])
async def test_what_is_no_token_is_a_guest(anyone: httpx.AsyncClient, secret: str) -> None:
    assert (await anyone.get(_KEYS, headers=_by(secret))).json()["message"] == _GUEST


async def test_a_changed_token_is_a_guest(owner: httpx.AsyncClient, anyone: httpx.AsyncClient) -> None:
    secret = (await _made(owner, ["keys.read"])).json()["secret"]
    head, payload, signature = secret.split(".")

    assert (await anyone.get(_KEYS, headers=_by(f"{head}.{payload}A.{signature}"))).json()["message"] == _GUEST


async def test_a_key_makes_one_that_may_more_than_itself(
    emulator: Emulator, owner: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    maker = emulator.add_key("shop", "maker", ["keys.write"])
    wider = (await _made(anyone, ["keys.read", "keys.write"], **_by(maker))).json()["secret"]

    assert (await anyone.get(_KEYS, headers=_by(wider))).json()["total"] == 1
    body = {"keyId": "x", "name": "x", "scopes": []}
    assert (await anyone.post(_KEYS, json=body, headers=_by(wider))).json()["type"] == "key_creation_denied"


async def test_the_alias_calls_it_a_jwt(owner: httpx.AsyncClient) -> None:
    headers = {"X-Appwrite-Project": "console"}
    made = await owner.post("/v1/projects/shop/jwts", json={"scopes": [], "duration": 60}, headers=headers)

    assert made.status_code == 201


_RANGE = "Invalid `duration` param: Value must be a valid range between 1 and 3,600"
_NO_DURATIONS: tuple[object, ...] = (0, 3601, -1, 1.5, "x", "", None, True, [])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, 'Param "scopes" is not optional.'),
        ({"scopes": []}, 'Param "duration" is not optional.'),
        *(({"scopes": [], "duration": value}, _RANGE) for value in _NO_DURATIONS),
    ],
)
async def test_its_parameters_are_checked_in_order(
    owner: httpx.AsyncClient, body: dict[str, object], message: str
) -> None:
    refused = await owner.post(_EPHEMERAL, json=body)

    assert (refused.status_code, refused.json()["message"]) == (400, message)


async def test_a_duration_may_be_a_text(owner: httpx.AsyncClient) -> None:
    assert (await _made(owner, [], "3600")).json()["expire"] == "2030-01-01T13:00:00.000000Z"


@pytest.mark.parametrize(("version", "old"), [("1.9.2", True), ("abc", True), ("1.9", True), ("1.9.3", False)])
async def test_old_clients_are_shown_a_token_and_no_more(owner: httpx.AsyncClient, version: str, old: bool) -> None:
    made = await _made(owner, ["keys.read"], **{"X-Appwrite-Response-Format": version})

    shown = json.loads(made.content)
    assert list(shown) == ["scopes", "projectId", "jwt"] if old else next(iter(shown)) == "$id"
    if old:
        assert (shown["scopes"], shown["projectId"], shown["jwt"][:10]) == (["keys.read"], "shop", "ephemeral_")
