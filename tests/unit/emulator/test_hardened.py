"""The profile 2.6.2, of which only the intent is known: no key gives more than it holds, secrets are shown once."""

from collections.abc import Iterator

import httpx
import pytest

from reconciler.emulator import Emulator
from tests.unit.emulator.conftest import MovingClock

pytestmark = pytest.mark.anyio

_KEYS = "/v1/project/keys"
_ORGANIZATION = "/v1/organization/projects/shop/keys"


@pytest.fixture
def emulator(clock: MovingClock) -> Iterator[Emulator]:
    emulator = Emulator(profile="2.6.2", clock=clock)
    emulator.ensure_project("shop", organization="acme")
    yield emulator
    emulator.close()


@pytest.fixture
async def key(emulator: Emulator, anyone: httpx.AsyncClient, clock: MovingClock) -> httpx.AsyncClient:
    """A key that manages keys and reads users, for an hour."""
    secret = emulator.add_key(
        "shop", "ci", ["keys.read", "keys.write", "users.read"], expire=clock.now.replace(hour=13)
    )
    anyone.headers.update({"X-Appwrite-Project": "shop", "X-Appwrite-Key": secret})
    return anyone


def _error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


async def test_a_secret_is_shown_at_the_creation_only(owner: httpx.AsyncClient) -> None:
    body = {"keyId": "k", "name": "k", "scopes": []}
    made = await owner.post(_KEYS, json=body)
    later = [
        (await owner.get(f"{_KEYS}/k")).json(),
        (await owner.get(_KEYS)).json()["keys"][0],
        (await owner.put(f"{_KEYS}/k", json=body)).json(),
    ]

    assert made.json()["secret"].startswith("standard_")
    assert [shown["secret"] for shown in later] == [""] * 3


async def test_a_description_is_kept_and_replaced(owner: httpx.AsyncClient) -> None:
    body = {"keyId": "k", "name": "k", "scopes": []}
    made = await owner.post(_KEYS, json={**body, "description": "of the deploy"})
    bare = await owner.put(f"{_KEYS}/k", json=body)
    wrong = await owner.put(f"{_KEYS}/k", json={**body, "description": 1})

    assert list(made.json())[3:6] == ["name", "description", "expire"]
    assert [answer.json()["description"] for answer in (made, bare)] == ["of the deploy", ""]
    assert _error(wrong) == (400, "general_argument_invalid")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"scopes": ["users.read"], "expire": "2030-01-01T13:00:00.000+00:00"}, 200),
        ({"scopes": ["users.write"], "expire": "2030-01-01T13:00:00.000+00:00"}, 403),
        ({"scopes": ["users.read"], "expire": "2030-01-01T13:00:00.001+00:00"}, 403),
        ({"scopes": ["users.read"]}, 403),
    ],
)
async def test_a_key_changes_no_key_beyond_itself(
    emulator: Emulator, key: httpx.AsyncClient, fields: dict[str, object], status: int
) -> None:
    emulator.add_key("shop", "other", [])
    answer = await key.put(f"{_KEYS}/other", json={"name": "n", **fields})

    assert answer.status_code == status
    assert status == 200 or answer.json()["type"] == "key_grant_exceeded"


@pytest.mark.parametrize(
    ("scopes", "duration", "status"), [(["users.read"], 3600, 201), (["users.write"], 60, 403), ([], 3600, 201)]
)
async def test_an_ephemeral_key_is_no_more_than_its_maker(
    key: httpx.AsyncClient, scopes: list[str], duration: int, status: int
) -> None:
    made = await key.post(f"{_KEYS}/ephemeral", json={"scopes": scopes, "duration": duration})

    assert made.status_code == status


async def test_an_ephemeral_key_does_not_outlive_its_maker(key: httpx.AsyncClient, clock: MovingClock) -> None:
    clock.move(minutes=30)
    made = await key.post(f"{_KEYS}/ephemeral", json={"scopes": [], "duration": 1801})

    assert _error(made) == (403, "key_grant_exceeded")


async def test_an_ephemeral_key_narrows_and_ends_with_its_maker(
    key: httpx.AsyncClient, owner: httpx.AsyncClient
) -> None:
    made = await key.post(f"{_KEYS}/ephemeral", json={"scopes": ["keys.read"], "duration": 60})
    as_child = {"X-Appwrite-Key": made.json()["secret"]}
    first = await key.get(_KEYS, headers=as_child)
    await owner.put(f"{_KEYS}/ci", json={"name": "ci", "scopes": ["keys.write"]})
    narrowed = await key.get(_KEYS, headers=as_child)
    await owner.delete(f"{_KEYS}/ci")
    ended = await key.get(_KEYS, headers=as_child)

    assert first.status_code == 200
    assert "(role: applications) missing scopes" in narrowed.text
    assert _error(ended) == (401, "user_unauthorized")


@pytest.mark.parametrize("secret", ["bogus_x", "ephemeral_x", "standard_x"])
async def test_a_bad_key_is_refused_and_no_guest(anyone: httpx.AsyncClient, secret: str) -> None:
    headers = {"X-Appwrite-Project": "shop", "X-Appwrite-Key": secret}

    assert _error(await anyone.get(_KEYS, headers=headers)) == (401, "user_unauthorized")


async def test_an_ephemeral_key_that_is_over_says_so(owner: httpx.AsyncClient, clock: MovingClock) -> None:
    made = await owner.post(f"{_KEYS}/ephemeral", json={"scopes": ["keys.read"], "duration": 1})
    clock.move(seconds=1)
    over = await owner.get(_KEYS, headers={"X-Appwrite-Key": made.json()["secret"]})

    assert _error(over) == (401, "project_key_expired")


async def test_tokens_manage_no_keys(emulator: Emulator, anyone: httpx.AsyncClient) -> None:
    session = {"X-Appwrite-Session": emulator.console_session()}
    token = {"X-Appwrite-JWT": (await anyone.post("/v1/account/jwts", json={}, headers=session)).json()["jwt"]}
    admin = {"X-Appwrite-Project": "shop", "X-Appwrite-Mode": "admin"}

    assert _error(await anyone.get(_KEYS, headers=admin | token)) == (401, "user_unauthorized")
    assert (await anyone.get(_KEYS, headers=admin | session)).status_code == 200


async def test_keys_are_managed_under_their_organization(emulator: Emulator, anyone: httpx.AsyncClient) -> None:
    emulator.ensure_project("theirs", organization="other")
    secret = emulator.add_organization_key("acme", ["organization.projects.keys.write", "keys.read"])
    anyone.headers.update(
        {"X-Appwrite-Organization": "acme", "X-Appwrite-Project": "console", "X-Appwrite-Key": secret}
    )
    body = {"keyId": "k", "name": "k", "scopes": ["users.write"]}

    assert (await anyone.post(_ORGANIZATION, json=body)).status_code == 201
    assert (await anyone.get(_ORGANIZATION)).json()["total"] == 1
    assert (await anyone.get(f"{_ORGANIZATION}/k")).json()["name"] == "k"
    assert (await anyone.put(f"{_ORGANIZATION}/k", json={**body, "name": "n"})).json()["name"] == "n"
    assert (await anyone.post(f"{_ORGANIZATION}/ephemeral", json={"scopes": [], "duration": 9})).status_code == 201
    assert (await anyone.delete(f"{_ORGANIZATION}/k")).status_code == 204
    for project in ("theirs", "nope", "console"):
        refused = await anyone.get(f"/v1/organization/projects/{project}/keys")
        assert _error(refused) == (404, "project_not_found")


async def test_an_organization_must_be_named_and_known(emulator: Emulator, anyone: httpx.AsyncClient) -> None:
    session = {"X-Appwrite-Session": emulator.console_session()}
    unknown = {"X-Appwrite-Organization": "nope"}

    assert _error(await anyone.get(_ORGANIZATION, headers=session)) == (401, "general_unauthorized_scope")
    assert _error(await anyone.get(_ORGANIZATION, headers=session | unknown)) == (404, "team_not_found")
    known = {"X-Appwrite-Organization": "acme"}
    assert (await anyone.get(_ORGANIZATION, headers=session | known)).status_code == 200


async def test_a_projects_key_reaches_no_sibling(emulator: Emulator, key: httpx.AsyncClient) -> None:
    emulator.ensure_project("sibling", organization="acme")

    assert (await key.get(_ORGANIZATION)).status_code == 200
    assert _error(await key.get("/v1/organization/projects/sibling/keys")) == (401, "user_unauthorized")


async def test_the_older_servers_have_no_such_routes() -> None:
    emulator = Emulator(profile="main")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(emulator.app), base_url="http://emulator") as client:
        answer = await client.get(_ORGANIZATION)
    emulator.close()

    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=UTF-8")


async def test_it_says_its_release_and_knows_more_scopes(anyone: httpx.AsyncClient) -> None:
    assert (await anyone.get("/v1/health/version")).json() == {"version": "2.6.2"}
    assert (await anyone.get("/v1/console/scopes/project")).json()["total"] == 105
