"""List queries beyond the recorded ones: orders with cursors, further filters, the cap of the total."""

import json
from typing import Any

import httpx
import pytest

from reconciler.emulator import Emulator
from tests.unit.emulator.conftest import MovingClock

pytestmark = pytest.mark.anyio

_KEYS = "/v1/project/keys"


def _query(method: str, attribute: str = "", *values: object) -> dict[str, Any]:
    return {"method": method, **({"attribute": attribute} if attribute else {}), "values": list(values)}


async def _list(owner: httpx.AsyncClient, *queries: dict[str, Any]) -> httpx.Response:
    params = {f"queries[{number}]": json.dumps(query) for number, query in enumerate(queries)}
    return await owner.get(_KEYS, params=params)


async def _ids(owner: httpx.AsyncClient, *queries: dict[str, Any]) -> list[str]:
    return [key["$id"] for key in (await _list(owner, *queries)).json()["keys"]]


@pytest.fixture(autouse=True)
def _five_keys(emulator: Emulator, clock: MovingClock) -> None:
    """a–e, created in this order; names b a b a c; only d and e expire."""
    for key_id, name in zip("abcde", "babac", strict=True):
        clock.move(seconds=1)
        expire = clock.now if key_id in "de" else None
        emulator.add_key("shop", key_id, ["users.read", f"{key_id}.x"], name=name, expire=expire)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        (_query("notEqual", "name", "b"), "bde"),
        (_query("equal", "name", "A"), "bd"),
        (_query("endsWith", "$id", "E"), "e"),
        (_query("contains", "name", "B"), "ac"),
        (_query("contains", "scopes", "c.x", "d.x"), "cd"),
        (_query("isNotNull", "expire"), "de"),
        (_query("between", "$createdAt", "2030-01-01T12:00:02Z", "2030-01-01T12:00:03Z"), "bc"),
        (_query("greaterThanEqual", "expire", "2030-01-01T12:00:05Z"), "e"),
        (_query("lessThan", "$sequence", 3), "ab"),
        (_query("orderDesc"), "edcba"),
        (_query("orderAsc", "name"), "bdace"),
        (_query("startsWith", "name", "%"), ""),
    ],
    ids=str,
)
async def test_filters_and_orders(owner: httpx.AsyncClient, query: dict[str, Any], ids: str) -> None:
    assert await _ids(owner, query) == list(ids)


async def test_filters_narrow_each_other_and_the_total(owner: httpx.AsyncClient) -> None:
    shown = await _list(owner, _query("equal", "name", "a", "b"), _query("isNull", "expire"), _query("limit", "", 2))

    assert shown.json()["total"] == 3
    assert [key["$id"] for key in shown.json()["keys"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("method", "orders", "ids"),
    [
        ("cursorAfter", [], "cd"),
        ("cursorBefore", [], "a"),
        ("cursorAfter", [_query("orderAsc", "name")], "da"),
        ("cursorBefore", [_query("orderDesc", "name")], "ac"),
        ("cursorAfter", [_query("orderDesc")], "a"),
        ("cursorAfter", [_query("orderDesc", "name"), _query("orderDesc", "$createdAt")], ""),
    ],
)
async def test_a_cursor_goes_on_in_the_order_asked_for(
    owner: httpx.AsyncClient, method: str, orders: list[dict[str, Any]], ids: str
) -> None:
    assert await _ids(owner, *orders, _query(method, "", "b"), _query("limit", "", 2)) == list(ids)


async def test_pages_by_cursor_show_every_key_once(owner: httpx.AsyncClient) -> None:
    seen: list[str] = []
    while page := await _ids(owner, _query("limit", "", 2), *([_query("cursorAfter", "", seen[-1])] if seen else [])):
        seen += page

    assert seen == list("abcde")


@pytest.mark.parametrize(
    ("query", "status", "message"),
    [
        (_query("equal", "expire", "soon"), 400, 'Query value is invalid for attribute "expire"'),
        (_query("equal", "expire", "0001-01-01"), 400, 'Query value is invalid for attribute "expire"'),
        (_query("between", "name", "a"), 400, "Between queries require exactly two values."),
        (_query("equal", "name", *["n"] * 501), 400, "greater than 500 values: name"),
        (_query("limit", "", "many"), 400, "Invalid limit: Value must be a valid number"),
        (_query("search", "name", "a"), 500, "Server Error"),
        (_query("or", "", "a"), 501, "The emulator does not know the query method 'or'."),
    ],
    ids=lambda value: str(value)[:80],
)
async def test_what_the_server_refuses(
    owner: httpx.AsyncClient, query: dict[str, Any], status: int, message: str
) -> None:
    response = await _list(owner, query)

    assert response.status_code == status
    assert message in response.json()["message"]


@pytest.mark.parametrize(
    "text", ["[1]", '{"method":1}', '{"method":"equal","attribute":[]}', '{"method":"limit","values":1}', "3"]
)
async def test_a_query_of_another_shape_is_refused(owner: httpx.AsyncClient, text: str) -> None:
    response = await owner.get(_KEYS, params={"queries[]": text})

    assert response.status_code == 400
    assert response.json()["message"].startswith("Invalid `queries` param: Invalid query: Invalid query")


async def test_the_total_and_an_unpaged_list_stop_at_5000(emulator: Emulator, owner: httpx.AsyncClient) -> None:
    for number in range(4996):
        emulator.add_key("shop", f"more-{number}", [])

    unpaged = (await _list(owner)).json()
    larger = (await _list(owner, _query("limit", "", 10_000))).json()

    assert (unpaged["total"], len(unpaged["keys"])) == (5000, 5000)
    assert (larger["total"], len(larger["keys"])) == (5000, 5001)
