"""Who may call, beyond what the recordings hold: time, limits, organizations, open routes."""

from contextlib import closing
from pathlib import Path

import httpx
import pytest

from reconciler.emulator import Emulator
from tests.unit.emulator.conftest import MovingClock

pytestmark = pytest.mark.anyio

_KEYS = "/v1/project/keys"


def _by_key(secret: str, project: str = "shop") -> dict[str, str]:
    return {"X-Appwrite-Project": project, "X-Appwrite-Key": secret}


def _error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


async def test_a_use_counts_once_in_24_hours(
    emulator: Emulator, owner: httpx.AsyncClient, anyone: httpx.AsyncClient, clock: MovingClock
) -> None:
    secret = emulator.add_key("shop", "ci", ["keys.read"])
    accessed = []
    for hours in (1, 23, 0.999, 0.002):
        clock.move(hours=hours)
        await anyone.get(_KEYS, headers=_by_key(secret))
        shown = (await owner.get(f"{_KEYS}/ci")).json()
        assert shown["accessedAt"] == shown["$updatedAt"]
        accessed.append(shown["accessedAt"][:16])

    assert accessed == ["2030-01-01T13:00", "2030-01-01T13:00", "2030-01-01T13:00", "2030-01-02T13:00"]


async def test_a_call_refused_for_its_scope_counts_as_a_use(
    emulator: Emulator, owner: httpx.AsyncClient, anyone: httpx.AsyncClient
) -> None:
    secret = emulator.add_key("shop", "ci", ["users.read"])

    assert _error(await anyone.get(_KEYS, headers=_by_key(secret))) == (401, "general_unauthorized_scope")
    assert (await owner.get(f"{_KEYS}/ci")).json()["accessedAt"] == "2030-01-01T12:00:00.000+00:00"


@pytest.mark.parametrize(("name", "recorded"), [("python", ["python"]), ("Python", []), ("reconciler", [])])
async def test_only_known_sdk_names_in_lower_case_are_recorded(
    emulator: Emulator, owner: httpx.AsyncClient, anyone: httpx.AsyncClient, name: str, recorded: list[str]
) -> None:
    secret = emulator.add_key("shop", "ci", ["keys.read"])

    for _ in range(2):
        await anyone.get(_KEYS, headers={**_by_key(secret), "X-Sdk-Name": name})

    assert (await owner.get(f"{_KEYS}/ci")).json()["sdks"] == recorded


async def test_a_key_expires_to_the_millisecond_and_an_extension_revives_it(
    emulator: Emulator, owner: httpx.AsyncClient, anyone: httpx.AsyncClient, clock: MovingClock
) -> None:
    secret = emulator.add_key("shop", "ci", ["keys.read"], expire=clock.now)
    at_the_end = await anyone.get(_KEYS, headers=_by_key(secret))
    clock.move(milliseconds=1)
    after = await anyone.get(_KEYS, headers=_by_key(secret))
    await owner.put(f"{_KEYS}/ci", json={"name": "ci", "scopes": ["keys.read"]})
    revived = await anyone.get(_KEYS, headers=_by_key(secret))

    assert at_the_end.status_code == 200
    assert _error(after) == (401, "project_key_expired")
    assert revived.status_code == 200


async def test_only_the_first_thousand_keys_authenticate_expired_ones_included(
    emulator: Emulator, owner: httpx.AsyncClient, anyone: httpx.AsyncClient, clock: MovingClock
) -> None:
    for number in range(1000):
        emulator.add_key("shop", f"old-{number}", [], expire=clock.now)
    secret = emulator.add_key("shop", "last", ["keys.read"])

    assert _error(await anyone.get(_KEYS, headers=_by_key(secret))) == (401, "user_unauthorized")
    await owner.delete(f"{_KEYS}/old-500")
    assert (await anyone.get(_KEYS, headers=_by_key(secret))).status_code == 200


@pytest.mark.parametrize("header", ["X-Appwrite-Session", "X-Fallback-Cookies", "Cookie"])
async def test_a_session_comes_in_any_of_its_three_headers(
    emulator: Emulator, anyone: httpx.AsyncClient, header: str
) -> None:
    session = emulator.console_session()
    value = {
        "X-Appwrite-Session": session,
        "X-Fallback-Cookies": f'{{"a_session_console":"{session}"}}',
        "Cookie": f"theme=dark; a_session_console={session}",
    }[header]
    headers = {"X-Appwrite-Project": "shop", "X-Appwrite-Mode": "admin", header: value}

    assert (await anyone.get(_KEYS, headers=headers)).status_code == 200


@pytest.mark.parametrize("cookies", ["{", "[]", '{"a_session_console":1}'])
async def test_fallback_cookies_of_another_shape_are_no_session(anyone: httpx.AsyncClient, cookies: str) -> None:
    headers = {"X-Appwrite-Project": "shop", "X-Appwrite-Mode": "admin", "X-Fallback-Cookies": cookies}

    assert _error(await anyone.get(_KEYS, headers=headers)) == (401, "general_unauthorized_scope")


async def test_an_organization_key_creates_in_its_own_projects_only(
    emulator: Emulator, anyone: httpx.AsyncClient
) -> None:
    emulator.ensure_project("elsewhere", organization="other")
    secret = emulator.add_organization_key("acme", ["keys.write"])
    body = {"keyId": "unique()", "name": "n", "scopes": []}

    async def created(project: str, **headers: str) -> httpx.Response:
        return await anyone.post(_KEYS, json=body, headers=_by_key(secret, project) | headers)

    own = {"X-Appwrite-Organization": "acme"}
    assert secret.startswith("organization_")
    assert len(secret) == len("organization_") + 256
    assert (await created("shop", **own)).status_code == 201
    assert _error(await created("elsewhere", **own)) == (401, "user_unauthorized")
    assert _error(await created("shop")) == (403, "organization_id_missing")
    assert _error(await created("shop", **{"X-Appwrite-Organization": "x"})) == (403, "organization_id_missing")


async def test_on_1_9_x_nobody_makes_a_key_of_an_organization_and_one_from_elsewhere_is_refused(tmp_path: Path) -> None:
    with closing(Emulator(tmp_path / "db", profile="main")) as elsewhere:
        secret = elsewhere.add_organization_key("acme", ["keys.read", "keys.write"])
    with closing(Emulator(tmp_path / "db", profile="1.9.x")) as old:
        old.ensure_project("shop", organization="acme")
        with pytest.raises(ValueError, match="no server of this profile has keys of organizations"):
            old.add_organization_key("acme", ["keys.read"])
        headers = {**_by_key(secret), "X-Appwrite-Organization": "acme"}
        transport = httpx.ASGITransport(old.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://emulator", headers=headers) as client:
            answers = [await client.get(_KEYS), await client.get("/v1/organization/projects")]

    assert [_error(answer) for answer in answers] == [(401, "user_unauthorized")] * 2


async def test_an_organization_key_needs_the_scope(emulator: Emulator, anyone: httpx.AsyncClient) -> None:
    secret = emulator.add_organization_key("acme", ["keys.write"])
    headers = {**_by_key(secret), "X-Appwrite-Organization": "acme"}

    assert _error(await anyone.get(_KEYS, headers=headers)) == (401, "general_unauthorized_scope")


@pytest.mark.parametrize("secret", ["organization_abc", "account_abc"])
@pytest.mark.parametrize("headers", [{}, {"X-Appwrite-User": "u", "X-Appwrite-Organization": "acme"}])
async def test_a_key_of_nobody_is_refused_whoever_is_named(
    anyone: httpx.AsyncClient, secret: str, headers: dict[str, str]
) -> None:
    assert _error(await anyone.get(_KEYS, headers=_by_key(secret) | headers)) == (401, "user_unauthorized")


@pytest.mark.parametrize("secret", ["standard_x", "ephemeral_x", "organization_x", "account_x", "bogus_x", "x"])
async def test_whatever_is_no_key_wants_the_project_header_first(anyone: httpx.AsyncClient, secret: str) -> None:
    assert _error(await anyone.get(_KEYS, headers={"X-Appwrite-Key": secret})) == (403, "project_id_missing")


async def test_an_account_key_beside_a_session_is_one_too_many(owner: httpx.AsyncClient) -> None:
    headers = {"X-Appwrite-Key": "account_x", "X-Appwrite-User": "owner"}

    assert _error(await owner.get(_KEYS, headers=headers)) == (403, "user_api_key_and_session_set")


async def test_key_routes_are_closed_on_the_console(emulator: Emulator, anyone: httpx.AsyncClient) -> None:
    headers = {"X-Appwrite-Project": "console", "X-Appwrite-Session": emulator.console_session()}

    as_a_user = await anyone.get(_KEYS, headers=headers)
    as_the_owner = await anyone.get(_KEYS, headers={**headers, "X-Appwrite-Organization": "acme"})

    assert "owner@emulator.invalid (role: users) missing scopes" in as_a_user.text
    assert _error(as_the_owner) == (401, "general_access_forbidden")


async def test_a_project_header_in_another_case_makes_admin_mode(emulator: Emulator, anyone: httpx.AsyncClient) -> None:
    headers = {"X-Appwrite-Project": "SHOP", "X-Appwrite-Session": emulator.console_session()}

    assert (await anyone.get(_KEYS, headers=headers)).status_code == 200


async def test_an_alias_without_a_project_header_is_a_call_to_the_project_itself(
    emulator: Emulator, anyone: httpx.AsyncClient
) -> None:
    session = {"X-Appwrite-Session": emulator.console_session()}

    assert _error(await anyone.get("/v1/projects/shop/keys", headers=session)) == (401, "general_unauthorized_scope")
    admin = {**session, "X-Appwrite-Mode": "admin"}
    assert (await anyone.get("/v1/projects/shop/keys", headers=admin)).status_code == 200


async def test_an_alias_of_another_project_than_the_header_is_refused(
    emulator: Emulator, owner: httpx.AsyncClient
) -> None:
    emulator.ensure_project("other")

    assert _error(await owner.get("/v1/projects/other/keys")) == (401, "user_unauthorized")


async def test_version_and_scopes_need_no_credential(anyone: httpx.AsyncClient) -> None:
    version = await anyone.get("/v1/health/version")
    scopes = (await anyone.get("/v1/console/scopes/project")).json()

    assert version.json() == {"version": "1.9.6"}
    assert scopes["total"] == len(scopes["scopes"]) == 87
    assert list(scopes["scopes"][0]) == ["$id", "description", "category", "deprecated"]
    assert scopes["scopes"][0]["$id"] == "project.read"


async def test_the_older_profile_knows_other_scopes_and_lets_keys_create() -> None:
    emulator = Emulator(profile="1.9.x")
    emulator.ensure_project("shop")
    secret = emulator.add_key("shop", "ci", ["keys.write"])
    transport = httpx.ASGITransport(emulator.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://emulator") as client:
        scopes = (await client.get("/v1/console/scopes/project")).json()
        body = {"keyId": "made", "name": "n", "scopes": ["oauth2.read"]}
        created = await client.post(_KEYS, json=body, headers=_by_key(secret))
    emulator.close()

    assert scopes["total"] == 84
    assert created.status_code == 201


def test_an_unknown_profile_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"unknown emulator profile '2\.0'; known: 1\.9\.x, main, 2\.6\.2"):
        Emulator(profile="2.0")  # type: ignore[arg-type]
