"""A console session of a run's own: made by one call, proven, and ended by whoever made it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from reconciler.core.secret import Secret
from reconciler.edge.appwrite import Console, open_http
from reconciler.emulator import Emulator, Profile
from reconciler.emulator.wire import ASGIApp
from reconciler.errors import CredentialError, ReconcilerError, ServerError
from tests.support.bad_servers import Behaviour, error, in_turn, reply, serving
from tests.support.clocks import FakeClock

pytestmark = pytest.mark.anyio

EMAIL = "ada@example.org"
PASSWORD = Secret("correct horse battery")
SESSION = "eyJpZCI6InUxIn0="
MADE = reply(201, "{}", Set_Cookie=f"a_session_console={SESSION}; path=/; httponly")


@asynccontextmanager
async def _console(endpoint: str, app: ASGIApp | None = None, email: str = EMAIL) -> AsyncIterator[Console]:
    async with open_http(endpoint, app=app, parallelism=2) as http:
        yield Console(http=http, label="production", email=email, clock=FakeClock(), limiter=asyncio.Semaphore(2))


async def _refusal(behave: Behaviour) -> tuple[ReconcilerError, list[str]]:
    """What a login ends with, and what was asked for until then."""
    async with serving(behave) as server, _console(server.url) as console:
        with pytest.raises(ReconcilerError) as caught:
            await console.log_in(PASSWORD)
    assert PASSWORD.reveal() not in f"{caught.value.message}{caught.value.hint}"
    assert "production: " in caught.value.message
    return caught.value, [f"{asked.method} {asked.path}" for asked in server.asked]


@pytest.mark.parametrize("profile", ["1.9.x", "main", "2.6.2"])
async def test_a_session_is_made_and_is_dead_after_the_logout(profile: Profile) -> None:
    emulator = Emulator(profile=profile)
    emulator.ensure_project("shop")
    email, password = emulator.console_login()
    async with _console("emulator", emulator.app, email) as console:
        made = await console.log_in(Secret(password))
        headers = {"Cookie": f"a_session_console={made.secret.reveal()}", "X-Appwrite-Project": "console"}
        before = await console.http.get("/account", headers=headers)
        left = await console.log_out(made)
        after = await console.http.get("/account", headers=headers)
    assert (made.kind, made.source) == ("session", f"the login of {email}")
    assert (before.status_code, after.status_code, left) == (200, 401, ""), "1.9.x answers 500 to the logout itself"


async def test_a_session_may_come_in_the_json_that_stands_in_for_cookies() -> None:
    made = reply(201, "{}", X_Fallback_Cookies=json.dumps({"a_session_console": SESSION}))
    async with serving(in_turn(made, reply(200, "{}"))) as server, _console(server.url) as console:
        assert (await console.log_in(PASSWORD)).secret == Secret(SESSION)
    login, proof = server.asked
    assert json.loads(login.body) == {"email": EMAIL, "password": PASSWORD.reveal()}
    assert (login.headers["x-appwrite-project"], "cookie" in login.headers) == ("console", False)
    assert proof.headers["cookie"] == f"a_session_console={SESSION}"


async def test_a_wrong_password_is_told_without_a_word_of_it() -> None:
    message = f"Invalid credentials: {PASSWORD.reveal()}"
    shown, asked = await _refusal(error(401, "user_invalid_credentials", message))
    assert isinstance(shown, CredentialError)
    assert "no account there has this e-mail address and password" in shown.message
    assert asked == ["POST /v1/account/sessions/email"]


async def test_an_error_that_repeats_the_password_is_withheld() -> None:
    shown, _ = await _refusal(error(400, "general_unforeseen", f"strange: {PASSWORD.reveal()}"))
    assert "withheld" in shown.message


async def test_too_many_logins_are_told_and_not_tried_again() -> None:
    shown, asked = await _refusal(error(429, "general_rate_limit_exceeded", "Rate limit", Retry_After="1"))
    assert "after a login an hour" in shown.hint
    assert len(asked) == 1


async def test_a_login_whose_answer_is_lost_is_not_sent_again() -> None:
    async def broken(_: object, writer: asyncio.StreamWriter) -> None:
        writer.close()

    shown, asked = await _refusal(broken)
    assert isinstance(shown, ServerError)
    assert len(asked) == 1


async def test_an_account_with_a_second_factor_is_refused_and_logged_out() -> None:
    factors = error(401, "user_more_factors_required", "More factors are required to complete the sign in process.")
    shown, asked = await _refusal(in_turn(MADE, factors, reply(204, ""), error(401, "user_unauthorized", "No.")))
    assert "asks for a second factor, which this program cannot give" in shown.message
    assert "log in to the console in a browser" in shown.hint
    assert asked[1:] == ["GET /v1/account", "DELETE /v1/account/sessions/current", "GET /v1/account"]


async def test_an_answer_without_a_session_is_no_login() -> None:
    shown, _ = await _refusal(reply(201, "{}", Set_Cookie="a_session_console=; path=/"))
    assert "it has no session" in shown.message


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ((reply(204, ""), reply(200, "{}")), "the server answered 200"),
        ((error(500, "general_unknown", "Server Error"), reply(200, "{}")), "the server answered 200"),
        ((reply(301, ""),), "a redirect"),
    ],
)
async def test_a_session_that_goes_on_is_told_with_what_to_do(answers: tuple[Behaviour, ...], why: str) -> None:
    async with serving(in_turn(MADE, reply(200, "{}"), *answers)) as server, _console(server.url) as console:
        left = await console.log_out(await console.log_in(PASSWORD))
    assert left.startswith(f"the console session of {EMAIL} at {server.url} could not be ended")
    assert "end it in the console" in left
    assert why in left
    assert SESSION not in left


async def test_a_logout_that_worked_and_answered_500_is_one() -> None:
    answers = (error(500, "general_unknown", "Server Error"), error(401, "general_unauthorized_scope", "No."))
    async with serving(in_turn(MADE, reply(200, "{}"), *answers)) as server, _console(server.url) as console:
        assert await console.log_out(await console.log_in(PASSWORD)) == ""


async def test_a_console_shows_nothing_of_a_session() -> None:
    emulator = Emulator()
    email, password = emulator.console_login()
    async with _console("emulator", emulator.app, email) as console:
        made = await console.log_in(Secret(password))
        assert made.secret.reveal() not in repr((console, made))
        assert isinstance(console.http, httpx.AsyncClient)
