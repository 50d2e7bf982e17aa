"""The console account: login, who is logged in, tokens, the end of a session, and web pages."""

import json

import httpx
import pytest

from reconciler.emulator import Emulator
from tests.unit.emulator.conftest import MovingClock

pytestmark = pytest.mark.anyio

_LOGIN = "/v1/account/sessions/email"
_KEYS = "/v1/project/keys"
_CONSOLE = {"X-Appwrite-Project": "console"}
_SCHEME = (
    "Invalid Scheme. The scheme used (ftp) in the Origin (ftp://x) is not supported. If you are using a custom "
    "scheme, please change it to `appwrite-callback-<PROJECT_ID>`"
)
_WEB = "Invalid Origin. Register your new client (x.example) as a new Web platform on your project console dashboard"
_SHOP = {"X-Appwrite-Project": "shop", "X-Appwrite-Mode": "admin"}


async def _login(client: httpx.AsyncClient, email: str, password: str, **headers: str) -> httpx.Response:
    answer = await client.post(_LOGIN, json={"email": email, "password": password}, headers=_CONSOLE | headers)
    client.cookies.clear()
    return answer


def _error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"]


async def _session(client: httpx.AsyncClient, emulator: Emulator) -> str:
    answer = await _login(client, *emulator.console_login())
    return str(json.loads(answer.headers["x-fallback-cookies"])["a_session_console"])


async def test_a_login_comes_back_in_cookies_and_in_what_stands_in_for_them(
    emulator: Emulator, anyone: httpx.AsyncClient
) -> None:
    answer = await _login(anyone, *emulator.console_login())

    session = json.loads(answer.headers["x-fallback-cookies"])["a_session_console"]
    assert answer.status_code == 201
    assert answer.json()["providerUid"] == "owner@emulator.invalid"
    assert answer.json()["expire"] == "2031-01-01T12:00:00.000+00:00"
    assert answer.json()["secret"] == ""
    legacy, cookie = answer.headers.get_list("set-cookie")
    assert legacy.startswith(
        f"a_session_console_legacy={session}; expires=Wed, 01-Jan-2031 12:00:00 GMT; path=/; httponly"
    )
    assert cookie.startswith(f"a_session_console={session}; ")
    for header in ({"Cookie": f"a_session_console={session}"}, {"X-Appwrite-Session": session}):
        assert (await anyone.get(_KEYS, headers=_SHOP | header)).status_code == 200


async def test_who_is_logged_in_can_be_asked(emulator: Emulator, anyone: httpx.AsyncClient) -> None:
    session = {"X-Appwrite-Session": await _session(anyone, emulator)}

    assert (await anyone.get("/v1/account", headers=_CONSOLE | session)).json()["email"] == "owner@emulator.invalid"
    guest = await anyone.get("/v1/account", headers=_CONSOLE)
    assert (guest.status_code, guest.json()["message"]) == (
        401,
        'User (role: guests) missing scopes (["account"])',
    )


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, 400, 'Param "email" is not optional.'),
        ({"email": "x"}, 400, "Invalid `email` param: Value must be a valid email address"),
        ({"email": "a@b.c"}, 400, 'Param "password" is not optional.'),
        (
            {"email": "a@b.c", "password": "short"},
            400,
            "Invalid `password` param: Password must be between 8 and 256 characters long.",
        ),
        (
            {"email": "a@b.c", "password": "long enough"},
            401,
            "Invalid credentials. Please check the email and password.",
        ),
        (
            {"email": "owner@emulator.invalid", "password": "long enough"},
            401,
            "Invalid credentials. Please check the email and password.",
        ),
    ],
)
async def test_a_login_that_fails_says_why(
    anyone: httpx.AsyncClient, body: dict[str, str], status: int, message: str
) -> None:
    refused = await anyone.post(_LOGIN, json=body, headers=_CONSOLE)

    assert (refused.status_code, refused.json()["message"]) == (status, message)


async def test_ten_logins_an_hour_are_let_through_whatever_they_say(
    emulator: Emulator, anyone: httpx.AsyncClient, clock: MovingClock
) -> None:
    email, password = emulator.console_login()
    tries = [(await _login(anyone, email, "wrong" * 3)).status_code for _ in range(10)]

    assert tries == [401] * 10
    assert _error(await _login(anyone, email, password)) == (429, "general_rate_limit_exceeded")
    assert _error(await _login(anyone, "other@emulator.invalid", password)) == (401, "user_invalid_credentials")
    clock.move(hours=1)
    assert (await _login(anyone, email, password)).status_code == 201


async def test_nobody_logs_in_twice(emulator: Emulator, anyone: httpx.AsyncClient) -> None:
    session = await _session(anyone, emulator)
    again = await _login(anyone, *emulator.console_login(), **{"X-Appwrite-Session": session})

    assert _error(again) == (401, "user_session_already_exists")


@pytest.mark.parametrize(("profile", "status"), [("main", 204), ("2.6.2", 204), ("1.9.x", 500)])
async def test_a_logout_ends_the_session_even_where_it_says_that_it_failed(profile: str, status: int) -> None:
    emulator = Emulator(profile=profile)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(emulator.app), base_url="http://emulator") as client:
        session = {"X-Appwrite-Session": await _session(client, emulator)}
        ended = await client.delete("/v1/account/sessions/current", headers=_CONSOLE | session)
        client.cookies.clear()
        afterwards = await client.get("/v1/account", headers=_CONSOLE | session)
    emulator.close()

    assert (ended.status_code, afterwards.status_code) == (status, 401)


async def test_a_session_ends_after_a_year(emulator: Emulator, anyone: httpx.AsyncClient, clock: MovingClock) -> None:
    session = {"X-Appwrite-Session": await _session(anyone, emulator)}
    clock.move(days=365)

    assert _error(await anyone.get("/v1/account", headers=_CONSOLE | session)) == (401, "general_unauthorized_scope")


async def test_the_emulators_own_session_lives_again_after_a_logout(
    emulator: Emulator, anyone: httpx.AsyncClient
) -> None:
    headers = _CONSOLE | {"X-Appwrite-Session": emulator.console_session()}
    await anyone.delete("/v1/account/sessions/current", headers=headers)
    anyone.cookies.clear()
    ended = await anyone.get("/v1/account", headers=headers)

    assert emulator.console_session() == headers["X-Appwrite-Session"]
    assert [ended.status_code, (await anyone.get("/v1/account", headers=headers)).status_code] == [401, 200]


async def _token(client: httpx.AsyncClient, session: str, **body: object) -> httpx.Response:
    return await client.post("/v1/account/jwts", json=body, headers=_CONSOLE | {"X-Appwrite-Session": session})


async def test_a_token_stands_for_its_session_while_that_lives(
    emulator: Emulator, anyone: httpx.AsyncClient, clock: MovingClock
) -> None:
    session = await _session(anyone, emulator)
    token = {"X-Appwrite-JWT": (await _token(anyone, session)).json()["jwt"]}
    create = {"keyId": "made", "name": "made", "scopes": []}

    assert (await anyone.post(_KEYS, json=create, headers=_SHOP | token)).status_code == 201
    guest = await anyone.get(_KEYS, headers={"X-Appwrite-Project": "shop"} | token)
    assert _error(guest) == (401, "general_unauthorized_scope")
    both = await anyone.get(_KEYS, headers=_SHOP | token | {"X-Appwrite-Session": session})
    assert _error(both) == (403, "user_jwt_and_cookie_set")
    await anyone.delete("/v1/account/sessions/current", headers=_CONSOLE | {"X-Appwrite-Session": session})
    anyone.cookies.clear()
    assert _error(await anyone.get(_KEYS, headers=_SHOP | token)) == (401, "general_unauthorized_scope")


async def test_a_token_ends_by_itself(emulator: Emulator, anyone: httpx.AsyncClient, clock: MovingClock) -> None:
    session = await _session(anyone, emulator)
    token = {"X-Appwrite-JWT": (await _token(anyone, session, duration=10)).json()["jwt"]}
    clock.move(seconds=10)
    refused = await anyone.get(_KEYS, headers=_SHOP | token)

    assert refused.json()["message"] == "Failed to verify JWT. Invalid token: Expired"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("abc", "Invalid token: Incomplete segments"),
        ("a.b.c", "JSON failed: Syntax error"),
        ("e30.e30.e30", "Invalid token: Missing header algo"),
        ("eyJhbGciOiJ4In0.e30.e30", "Invalid token: Unsupported header algo"),
        ("eyJhbGciOiJIUzI1NiJ9.e30.e30", "Invalid token: Signature failed"),
    ],
)
async def test_what_is_no_token_says_what_is_wrong_with_it(anyone: httpx.AsyncClient, token: str, reason: str) -> None:
    refused = await anyone.get(_KEYS, headers=_SHOP | {"X-Appwrite-JWT": token})

    assert _error(refused) == (401, "user_jwt_invalid")
    assert refused.json()["message"] == f"Failed to verify JWT. {reason}"


@pytest.mark.parametrize(
    ("origin", "message"),
    [
        ("https://x.example", _WEB),
        ("null", "Invalid Origin."),
        (
            "ftp://x",
            _SCHEME,
        ),
    ],
)
async def test_a_foreign_page_is_refused_unless_it_has_a_key(
    emulator: Emulator, owner: httpx.AsyncClient, anyone: httpx.AsyncClient, origin: str, message: str
) -> None:
    secret = emulator.add_key("shop", "ci", ["keys.read"])
    refused = await owner.get(_KEYS, headers={"Origin": origin})
    by_key = {"X-Appwrite-Project": "shop", "X-Appwrite-Key": secret, "Origin": origin}

    assert _error(refused) == (403, "general_unknown_origin")
    assert refused.json()["message"] == message
    assert (await anyone.get(_KEYS, headers=by_key)).status_code == 200


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://emulator", "appwrite-callback-shop://x"])
async def test_the_console_and_the_projects_own_scheme_are_known(owner: httpx.AsyncClient, origin: str) -> None:
    assert (await owner.get(_KEYS, headers={"Origin": origin})).status_code == 200
