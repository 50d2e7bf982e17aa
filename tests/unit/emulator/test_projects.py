"""Projects and organizations: shown, listed page by page, and seen only by their owners."""

import json
from typing import Any

import httpx
import pytest

from reconciler.emulator import Emulator, Profile

pytestmark = pytest.mark.anyio

_PROJECTS = "/v1/projects"
_OF_ORGANIZATION = "/v1/organization/projects"


def _queries(*queries: dict[str, Any]) -> httpx.QueryParams:
    return httpx.QueryParams({"queries[]": [json.dumps(query) for query in queries]})


@pytest.fixture
def many(emulator: Emulator) -> Emulator:
    """Thirty projects of `acme` beside `shop`, and one of somebody else."""
    for number in range(30):
        emulator.ensure_project(f"p{number}", organization="acme", name=f"Project {number}")
    emulator.ensure_project("theirs", organization="other")
    return emulator


@pytest.fixture
def by_organization_key(many: Emulator) -> dict[str, str]:
    secret = many.add_organization_key("acme", ["projects.read"])
    return {"X-Appwrite-Project": "console", "X-Appwrite-Organization": "acme", "X-Appwrite-Key": secret}


async def test_an_organizations_projects_come_25_to_a_page(
    by_organization_key: dict[str, str], anyone: httpx.AsyncClient
) -> None:
    first = (await anyone.get(_OF_ORGANIZATION, headers=by_organization_key)).json()
    after = _queries({"method": "cursorAfter", "values": [first["projects"][-1]["$id"]]})
    second = (await anyone.get(_OF_ORGANIZATION, params=after, headers=by_organization_key)).json()

    assert first["total"] == second["total"] == 31
    assert [len(page["projects"]) for page in (first, second)] == [25, 6]
    assert {project["teamId"] for project in first["projects"]} == {"acme"}


@pytest.mark.parametrize(
    ("queries", "ids"),
    [
        (({"method": "limit", "values": [2]},), ["shop", "p0"]),
        (({"method": "limit", "values": [2]}, {"method": "offset", "values": [3]}), ["p2", "p3"]),
        (({"method": "limit", "values": [2]}, {"method": "cursorBefore", "values": ["p2"]}), ["p0", "p1"]),
        (({"method": "equal", "attribute": "name", "values": ["project 7", "shop"]},), ["shop", "p7"]),
        (({"method": "equal", "attribute": "teamId", "values": ["other"]},), []),
    ],
)
async def test_a_page_may_be_asked_for(
    by_organization_key: dict[str, str], anyone: httpx.AsyncClient, queries: list[dict[str, Any]], ids: list[str]
) -> None:
    page = (await anyone.get(_OF_ORGANIZATION, params=_queries(*queries), headers=by_organization_key)).json()

    assert [project["$id"] for project in page["projects"]] == ids


async def test_a_search_looks_into_names(by_organization_key: dict[str, str], anyone: httpx.AsyncClient) -> None:
    page = (await anyone.get(_OF_ORGANIZATION, params={"search": "ject 29"}, headers=by_organization_key)).json()

    assert [project["$id"] for project in page["projects"]] == ["p29"]


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ({"method": "cursorAfter", "values": ["nope"]}, 400, "general_cursor_not_found"),
        ({"method": "equal", "attribute": "secret", "values": ["x"]}, 400, "general_argument_invalid"),
        ({"method": "startsWith", "attribute": "name", "values": ["x"]}, 501, "general_not_implemented"),
    ],
)
async def test_a_page_that_cannot_be_given_is_refused(
    by_organization_key: dict[str, str], anyone: httpx.AsyncClient, query: dict[str, Any], status: int, kind: str
) -> None:
    refused = await anyone.get(_OF_ORGANIZATION, params=_queries(query), headers=by_organization_key)

    assert (refused.status_code, refused.json()["type"]) == (status, kind)


async def test_an_organization_that_nobody_names_or_knows_is_not_found(
    many: Emulator, anyone: httpx.AsyncClient
) -> None:
    headers = {"X-Appwrite-Session": many.console_session()}

    for named in ({}, {"X-Appwrite-Organization": "nope"}):
        refused = await anyone.get(_OF_ORGANIZATION, headers=headers | named)
        assert (refused.status_code, refused.json()["type"]) == (404, "team_not_found")


async def test_everybody_sees_the_projects_of_their_own_organizations(
    many: Emulator, anyone: httpx.AsyncClient
) -> None:
    many.add_user("them@emulator.invalid", "long enough", organizations=["other"])
    body = {"email": "them@emulator.invalid", "password": "long enough"}
    await anyone.post("/v1/account/sessions/email", json=body)
    as_them = {"Cookie": f"a_session_console={anyone.cookies['a_session_console']}"}
    anyone.cookies.clear()
    as_owner = {"X-Appwrite-Session": many.console_session()}

    async def seen(path: str, headers: dict[str, str]) -> list[str]:
        answer = (await anyone.get(path, headers=headers)).json()
        return [shown["$id"] for shown in answer.get("projects", answer.get("teams"))]

    assert await seen(_PROJECTS, as_them) == ["theirs"]
    assert await seen("/v1/teams", as_them) == ["other"]
    assert len(await seen(f"{_PROJECTS}?{_queries({'method': 'limit', 'values': [99]})}", as_owner)) == 32
    assert await seen("/v1/teams", as_owner) == ["acme", "other"]
    refused = await anyone.get(
        "/v1/project/keys", headers=as_them | {"X-Appwrite-Project": "shop", "X-Appwrite-Mode": "admin"}
    )
    assert (refused.status_code, refused.json()["type"]) == (401, "user_unauthorized")


async def test_guests_see_no_projects(anyone: httpx.AsyncClient) -> None:
    assert (await anyone.get(_PROJECTS)).json()["message"] == 'User (role: guests) missing scopes (["projects.read"])'


async def test_a_project_remembers_its_first_key(emulator: Emulator, owner: httpx.AsyncClient) -> None:
    before = (await owner.get("/v1/project")).json()
    for key_id in ("first", "second"):
        await owner.post("/v1/project/keys", json={"keyId": key_id, "name": "n", "scopes": []})
    after = (await owner.get("/v1/project")).json()

    assert before["onboarding"] == {}
    assert after["onboarding"]["project.createKey"]["at"] == "2030-01-01 12:00:00.000"


def test_a_user_of_an_unknown_organization_is_refused(emulator: Emulator) -> None:
    with pytest.raises(ValueError, match="no organization 'nope': call ensure_organization first"):
        emulator.add_user("a@b.c", "long enough", organizations=["nope"])


def test_an_address_is_one_users(emulator: Emulator) -> None:
    with pytest.raises(ValueError, match=r"a user 'OWNER@emulator\.invalid' already"):
        emulator.add_user("OWNER@emulator.invalid", "long enough")


@pytest.mark.parametrize(
    ("profile", "ids"),
    [
        ("main", ["projects.read", "projects.write", "devKeys.read", "devKeys.write"]),
        (
            "2.6.2",
            ["projects.read", "projects.write", "organization.projects.keys.read", "organization.projects.keys.write"],
        ),
    ],
)
async def test_the_scopes_of_an_organization_key_can_be_asked(profile: Profile, ids: list[str]) -> None:
    emulator = Emulator(profile=profile)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(emulator.app), base_url="http://emulator") as client:
        shown = (await client.get("/v1/console/scopes/organization")).json()
    emulator.close()

    assert (shown["total"], [scope["$id"] for scope in shown["scopes"]]) == (4, ids)
