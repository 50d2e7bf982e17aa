"""Faults in process: what the client sees, and what the server has done meanwhile."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

import httpx
import pytest

from reconciler.emulator import Emulator
from reconciler.emulator.faults import (
    Answer,
    Clock,
    Double,
    DropAfter,
    DropBefore,
    Fault,
    Faults,
    HiddenSecrets,
    Late,
    Latency,
    Overtaken,
    Rule,
    StaleCache,
)
from tests.unit.emulator.conftest import MovingClock

pytestmark = pytest.mark.anyio

_KEYS = "/v1/project/keys"
_BODY = {"keyId": "ci", "name": "ci", "scopes": []}


@asynccontextmanager
async def _client(emulator: Emulator, app: Faults) -> AsyncIterator[httpx.AsyncClient]:
    headers = {
        "X-Appwrite-Project": "shop",
        "X-Appwrite-Mode": "admin",
        "X-Appwrite-Session": emulator.console_session(),
    }
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator", headers=headers) as client:
        yield client


def _on_create(emulator: Emulator, fault: Fault, nth: int | None = 1) -> Faults:
    return Faults(emulator.app, [Rule(fault=fault, method="POST", path="/keys$", nth=nth)])


async def _status(client: httpx.AsyncClient) -> int:
    return (await client.get(f"{_KEYS}/ci")).status_code


async def test_a_call_dropped_before_the_commit_was_never_made(emulator: Emulator) -> None:
    async with _client(emulator, _on_create(emulator, DropBefore())) as client:
        with pytest.raises(httpx.RemoteProtocolError, match="Server disconnected"):
            await client.post(_KEYS, json=_BODY)
        assert await _status(client) == 404


async def test_a_call_dropped_after_the_commit_was_made(emulator: Emulator) -> None:
    async with _client(emulator, _on_create(emulator, DropAfter())) as client:
        with pytest.raises(httpx.TransportError):
            await client.post(_KEYS, json=_BODY)
        assert await _status(client) == 200
        assert (await client.post(_KEYS, json=_BODY)).status_code == 409


async def test_a_late_call_is_made_after_its_client_has_failed(emulator: Emulator) -> None:
    faults = _on_create(emulator, Late(seconds=0.01))
    async with _client(emulator, faults) as client:
        with pytest.raises(httpx.TransportError):
            await client.post(_KEYS, json=_BODY)
        assert await _status(client) == 404
        await faults.settled()
        assert await _status(client) == 200


async def test_a_late_call_that_comes_after_a_retry_changes_nothing(emulator: Emulator) -> None:
    faults = _on_create(emulator, Late(seconds=0.01))
    async with _client(emulator, faults) as client:
        with pytest.raises(httpx.TransportError):
            await client.post(_KEYS, json=_BODY)
        retried = await client.post(_KEYS, json=_BODY)
        await faults.settled()
        shown = await client.get(f"{_KEYS}/ci")

    assert retried.status_code == 201
    assert shown.json() == retried.json()


@pytest.mark.parametrize(("returns", "status"), [("first", 201), ("second", 409)])
async def test_a_doubled_call_is_made_twice_and_answered_once(emulator: Emulator, returns: str, status: int) -> None:
    fault = Double(returns="first") if returns == "first" else Double(returns="second")
    async with _client(emulator, _on_create(emulator, fault)) as client:
        assert (await client.post(_KEYS, json=_BODY)).status_code == status
        assert await _status(client) == 200


async def test_an_answer_takes_the_application_s_place(emulator: Emulator) -> None:
    async with _client(emulator, _on_create(emulator, Answer(status=429, retry_after="3"))) as client:
        refused = await client.post(_KEYS, json=_BODY)
        assert await _status(client) == 404

    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "3"
    assert refused.json() == {
        "message": "Rate limit for the current endpoint has been exceeded. Please try again after some time.",
        "code": 429,
        "type": "general_rate_limit_exceeded",
        "version": "1.9.6",
    }


@pytest.mark.parametrize(
    ("answer", "content_type", "fragment"),
    [
        (Answer(status=500), "application/json; charset=UTF-8", '"type":"general_unknown"'),
        (Answer(status=429, body="untyped"), "application/json; charset=UTF-8", '429,"version"'),
        (Answer(status=502, body="html"), "text/html", "<html>"),
        (Answer(status=504, body="empty"), "text/html", ""),
    ],
)
async def test_answers_have_the_shapes_that_servers_and_proxies_give(
    emulator: Emulator, answer: Answer, content_type: str, fragment: str
) -> None:
    async with _client(emulator, _on_create(emulator, answer)) as client:
        response = await client.post(_KEYS, json=_BODY)

    assert response.status_code == answer.status
    assert response.headers["Content-Type"] == content_type
    assert "Retry-After" not in response.headers
    assert fragment in response.text


async def test_a_rule_takes_the_nth_call_of_its_kind_only(emulator: Emulator) -> None:
    async with _client(emulator, _on_create(emulator, Answer(status=500), nth=2)) as client:
        statuses = [(await client.post(_KEYS, json={**_BODY, "keyId": key_id})).status_code for key_id in "abc"]
        await client.get(_KEYS)

    assert statuses == [201, 500, 201]


async def test_a_rule_without_a_number_takes_every_call_of_its_kind(emulator: Emulator) -> None:
    async with _client(emulator, _on_create(emulator, Answer(status=500), nth=None)) as client:
        statuses = [(await client.post(_KEYS, json=_BODY)).status_code for _ in range(3)]
        listed = await client.get(_KEYS)

    assert statuses == [500, 500, 500]
    assert listed.status_code == 200


async def test_of_several_faults_the_first_counts_after_every_latency(emulator: Emulator) -> None:
    rules = [
        Rule(fault=Answer(status=503)),
        Rule(fault=Latency(seconds=0.02)),
        Rule(fault=Answer(status=500)),
        Rule(fault=Latency(seconds=0.02)),
    ]
    async with _client(emulator, Faults(emulator.app, rules)) as client:
        response = await client.get(_KEYS)

    assert response.status_code == 503
    assert response.elapsed.total_seconds() > 0.03


async def test_conditions_hold_beside_an_incident(emulator: Emulator) -> None:
    rules = [Rule(fault=HiddenSecrets()), Rule(fault=Double(returns="second"), method="PUT")]
    async with _client(emulator, Faults(emulator.app, rules)) as client:
        await client.post(_KEYS, json=_BODY)
        put = await client.put(f"{_KEYS}/ci", json=_BODY)

    assert (put.status_code, put.json()["secret"]) == (200, "")


@pytest.mark.parametrize("form", ["empty", "absent"])
async def test_secrets_are_hidden_but_in_the_answer_to_the_creation(
    emulator: Emulator, form: Literal["empty", "absent"]
) -> None:
    faults = Faults(emulator.app, [Rule(fault=HiddenSecrets(form=form))])
    async with _client(emulator, faults) as client:
        made = (await client.post(_KEYS, json={**_BODY, "name": "a/b"})).json()
        shown = (await client.get(f"{_KEYS}/ci")).json()
        (listed,) = (await client.get(_KEYS)).json()["keys"]
        gone = await client.delete(f"{_KEYS}/ci")

    assert made.pop("secret").startswith("standard_")
    assert shown == listed == (made | {"secret": ""} if form == "empty" else made)
    assert gone.status_code == 204


async def test_an_update_loses_against_a_deletion_that_overtakes_it(emulator: Emulator) -> None:
    async with _client(emulator, Faults(emulator.app, [Rule(fault=Overtaken())])) as client:
        await client.post(_KEYS, json=_BODY)
        lost = await client.put(f"{_KEYS}/ci", json=_BODY)
        after = await client.get(f"{_KEYS}/ci")

    assert (lost.status_code, lost.json()["type"]) == (500, "general_unknown")
    assert after.status_code == 404


async def test_a_stale_cache_accepts_a_deleted_key_and_refuses_a_new_one(
    emulator: Emulator, clock: MovingClock, anyone: httpx.AsyncClient
) -> None:
    old = emulator.add_key("shop", "old", ["keys.read"])
    rules = [Rule(fault=StaleCache(seconds=5), method="DELETE")]

    async def used(secret: str) -> int:
        headers = {"X-Appwrite-Project": "shop", "X-Appwrite-Key": secret}
        return (await anyone.get(_KEYS, headers=headers)).status_code

    async with _client(emulator, Faults(emulator.app, rules)) as client:
        await client.delete(f"{_KEYS}/old")
        new = emulator.add_key("shop", "new", ["keys.read"])
        assert [await used(old), await used(new)] == [200, 401]
        clock.move(seconds=5)
        assert [await used(old), await used(new)] == [401, 200]
        await client.delete(f"{_KEYS}/new")
        assert await used(new) == 200
        await client.post(_KEYS, json=_BODY)
        assert await used(new) == 401


@pytest.mark.parametrize(("direction", "day"), [("ahead", "2030-01-02"), ("behind", "2029-12-31")])
async def test_a_clock_may_be_off(emulator: Emulator, direction: Literal["ahead", "behind"], day: str) -> None:
    rules = [Rule(fault=Clock(seconds=86400, direction=direction), method="POST")]
    async with _client(emulator, Faults(emulator.app, rules)) as client:
        made = await client.post(_KEYS, json=_BODY)
        then = await client.get(f"{_KEYS}/ci")

    assert made.json()["$createdAt"].startswith(day)
    assert made.headers["date"][5:7] == day[8:]
    assert then.headers["date"] == "Tue, 01 Jan 2030 12:00:00 GMT"
