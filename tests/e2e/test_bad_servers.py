"""Whatever a server does, a person reads who must do what, soon, and no credential leaks.

Every server here is on a real socket. Time between retries passes on a fake clock; a sending has a quarter of a
second instead of half a minute.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import re
import socket
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from reconciler.core.keys import KeyState, LiveKey, ServerFacts
from reconciler.core.secret import Secret
from reconciler.edge.appwrite import AppwriteKeys, open_http
from reconciler.edge.credentials import Credential
from reconciler.errors import CreationDenied, CredentialError, KeyExists, ReconcilerError, Rejected, ServerError
from tests.support.bad_servers import (
    Asked,
    Behaviour,
    endless,
    error,
    head,
    html,
    in_turn,
    raw,
    reply,
    serving,
    silent,
    trickle,
)
from tests.support.clocks import FakeClock

pytestmark = pytest.mark.anyio

CREDENTIAL = "standard_" + "c0ffee12" * 32
LIVE = "standard_" + "decaf345" * 32
CANARIES = ("c0ffee12c0ffee12", "decaf345decaf345")
STATE = KeyState(name="CI", scopes=frozenset({"users.read"}), expire=datetime(2030, 1, 1, tzinfo=UTC))
KEY = LiveKey(
    id="ci.aaaaaaaa.g1",
    name="CI",
    scopes=("users.read",),
    expire=STATE.expire,
    created=datetime(2026, 1, 1, tzinfo=UTC),
)
ITEM = {
    "$id": KEY.id,
    "$createdAt": "2026-01-01T00:00:00.000+00:00",
    "$updatedAt": "2026-01-01T00:00:00.000+00:00",
    "name": "CI",
    "expire": "2030-01-01T00:00:00.000+00:00",
    "scopes": ["users.read"],
    "secret": LIVE,
    "accessedAt": "",
    "sdks": [],
}

Do = Callable[[AppwriteKeys], Awaitable[object]]


async def a_list(keys: AppwriteKeys) -> object:
    return await keys.list()


async def a_get(keys: AppwriteKeys) -> object:
    return await keys.get(KEY.id)


async def a_create(keys: AppwriteKeys) -> object:
    return await keys.create(KEY.id, STATE)


async def an_update(keys: AppwriteKeys) -> object:
    return await keys.update(KEY, STATE)


async def a_touch(keys: AppwriteKeys) -> object:
    await keys.touch(KEY)
    return None


async def a_delete(keys: AppwriteKeys) -> object:
    await keys.delete(KEY.id)
    return None


async def an_accepts(keys: AppwriteKeys) -> object:
    return await keys.accepts(Secret(LIVE))


async def a_facts(keys: AppwriteKeys) -> object:
    return await keys.facts()


def listed(**changes: object) -> str:
    """A list of one key, some of its fields changed; `...` leaves one out."""
    item = {name: value for name, value in (ITEM | changes).items() if value is not ...}
    return json.dumps({"total": 1, "keys": [item]})


@asynccontextmanager
async def connected(url: str, deadline: float = 0.25) -> AsyncIterator[AppwriteKeys]:
    async with open_http(url, parallelism=4) as http:
        yield AppwriteKeys(
            http,
            project="shop",
            organization=None,
            credential=Credential(
                kind="project_key", secret=Secret(CREDENTIAL), source="the environment variable APPWRITE_API_KEY"
            ),
            limiter=asyncio.Semaphore(4),
            clock=FakeClock(),
            random=random.Random(7),
            label="production",
            deadline=deadline,
        )


async def failure(do: Do, url: str, deadline: float = 0.25) -> ReconcilerError:
    """The error that a call ends with, proven to be for people and to leak nothing."""
    started = time.monotonic()
    async with connected(url, deadline) as keys:
        with pytest.raises(ReconcilerError) as caught:
            await do(keys)
    assert time.monotonic() - started < 8
    shown = caught.value
    assert shown.exit_code == 1
    assert shown.hint, "somebody must do something"
    assert shown.message.startswith("production: ")
    assert len(shown.message) < 600
    assert shown.message.isprintable()
    leaks_nothing(shown)
    return shown


def leaks_nothing(shown: BaseException) -> None:
    frames = traceback.TracebackException.from_exception(shown, capture_locals=True)
    for frame in frames.stack:
        if frame.filename == __file__:
            frame.locals = None
    text = "".join([*frames.format(chain=True), str(shown), repr(shown), str(getattr(shown, "hint", ""))])
    for canary in CANARIES:
        assert canary not in text


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a server does to a call, and what a person reads then."""

    name: str
    server: Behaviour
    message: str
    hint: str
    do: Do = a_list
    raises: type[ReconcilerError] = ServerError


BAD = [
    Case(
        name="HTML 502",
        server=html(502),
        message=r"listing the keys of project shop failed: the server answered 502, and not in the form of Appwrite",
        hint="whoever runs http://127.0.0.1:.* finds the cause in its log",
    ),
    Case(
        name="HTML 200", server=html(200), message="not as Appwrite does: it is no list", hint="a proxy, or no Appwrite"
    ),
    Case(
        name="an HTML 404",
        server=html(404),
        raises=Rejected,
        message="answered 404",
        hint="no Appwrite 1.9.5 .* ends in /v1",
    ),
    Case(name="an HTML 403", server=html(403), raises=CredentialError, message="403", hint="the proxy or firewall"),
    Case(name="an empty body", server=reply(200, ""), message="it is no list of keys", hint="must see what answers"),
    Case(name="a list for a list", server=reply(200, "[]"), message="it is no list of keys", hint="must see"),
    Case(
        name="a list where an object should be",
        do=a_get,
        server=reply(200, f"[{json.dumps(ITEM)}]"),
        message=r"reading key ci\.aaaaaaaa\.g1 of project shop failed: .* a key is not an object",
        hint="must see what answers",
    ),
    Case(
        name="an object where a list should be",
        server=reply(200, '{"total": 1, "keys": {"a": 1}}'),
        message="it is no list of keys",
        hint="must see what answers",
    ),
    Case(name="a number for an id", server=reply(200, listed(**{"$id": 7})), message=r"`\$id` is not", hint="must see"),
    Case(name="no id", server=reply(200, listed(**{"$id": ...})), message=r"`\$id` is not a text", hint="must see"),
    Case(name="an empty id", server=reply(200, listed(**{"$id": ""})), message=r"`\$id` is empty", hint="must see"),
    Case(name="no name", server=reply(200, listed(name=None)), message="`name` is not a text", hint="must see"),
    Case(name="text for scopes", server=reply(200, listed(scopes="a,b")), message="`scopes` is not", hint="must see"),
    Case(name="numbers as scopes", server=reply(200, listed(scopes=[1])), message="`scopes` is not", hint="must see"),
    Case(name="no scopes", server=reply(200, listed(scopes=...)), message="`scopes` is not a list", hint="must see"),
    Case(name="no expiry's form", server=reply(200, listed(expire="soon")), message="`expire` is not", hint="must see"),
    Case(
        name="an expiry without zone",
        server=reply(200, listed(expire="2030-01-01T00:00:00")),
        message="`expire` is not a time with a zone",
        hint="must see",
    ),
    Case(name="a number as expiry", server=reply(200, listed(expire=7)), message="`expire` is not", hint="must see"),
    Case(
        name="an expiry before time",
        server=reply(200, listed(expire="0001-01-01T00:00:00+09:00")),
        message="`expire` is not a time",
        hint="must see",
    ),
    Case(
        name="no creation time",
        server=reply(200, listed(**{"$createdAt": ""})),
        message=r"`\$createdAt` is missing",
        hint="must see",
    ),
    Case(
        name="a line break in a secret",
        do=a_create,
        server=reply(201, json.dumps(ITEM | {"secret": f"{LIVE}\r\nX-Evil: 1"})),
        message=r"creating key .* `secret` is not a secret",
        hint="must see",
    ),
    Case(
        name="a list as secret",
        do=a_create,
        server=reply(201, json.dumps(ITEM | {"secret": [LIVE]})),
        message="`secret` is not a secret",
        hint="must see",
    ),
    Case(
        name="a creation at the end of time",
        server=reply(200, listed(**{"$createdAt": "9999-12-01T00:00:00.000+00:00"})),
        message=r"`\$createdAt` is no time that a server has seen",
        hint="must see",
    ),
    Case(
        name="a use before time",
        server=reply(200, listed(accessedAt="1969-12-31T23:59:59.999+00:00")),
        message="`accessedAt` is no time that a server has seen",
        hint="must see",
    ),
    Case(
        name="a Date at the end of time",
        server=reply(200, listed(), Date="Fri, 31 Dec 9999 23:59:59 GMT"),
        message="no Date header",
        hint="must see",
    ),
    Case(
        name="a Date beyond the end of time",
        server=reply(200, listed(), Date="Fri, 31 Dec 9999 23:59:59 -1200"),
        message="no Date header",
        hint="must see",
    ),
    Case(
        name="half a character in a scope",
        server=reply(200, listed(scopes=["users.read", "\ud800"])),
        message="`scopes` is not a list of texts",
        hint="must see",
    ),
    Case(
        name="half a character in a name",
        server=reply(200, listed(name="CI \udfff é")),
        message="`name` is not a text",
        hint="must see",
    ),
    Case(
        name="half a character in an error",
        raises=Rejected,
        server=error(400, "general_unforeseen", "a \ud800 b"),
        message='"a   b"$',
        hint="follows other rules",
    ),
    Case(name="JSON too deep", server=reply(200, "[" * 200_000), message="it is no list of keys", hint="must see"),
    Case(name="no text", server=reply(200, b'{"keys": [\xff\xfe]}'), message="it is no list", hint="must see"),
    Case(
        name="no Date",
        server=raw(head(200, {"Content-Length": "23"}), b'{"total": 0, "keys":[]}'),
        message="it has no Date header",
        hint="must see what answers",
    ),
    Case(name="a Date that is none", server=reply(200, listed(), Date="today"), message="no Date header", hint="must"),
    Case(
        name="half a response",
        server=raw(head(200, {"Content-Length": "1000"}), b'{"total": 1, "keys": ['),
        message="gave no whole answer in 6 attempts: it broke off",
        hint="whoever runs the server, or the network before it",
    ),
    Case(
        name="half a head", server=raw(b"HTTP/1.1 200 O"), message="gave no whole answer", hint="run the same command"
    ),
    Case(
        name="no response",
        server=raw(),
        message="gave no whole answer in 6 attempts: it broke off",
        hint="run the same command",
    ),
    Case(name="no HTTP", server=raw(b"SSH-2.0-OpenSSH_9.9\r\n"), message="does not speak HTTP", hint="whoever runs"),
    Case(
        name="a status line that repeats the credential",
        server=raw(f"HTTP/1.1 {CREDENTIAL}\r\n\r\n".encode()),
        message="broke off, or does not speak HTTP$",
        hint="whoever runs",
    ),
    Case(
        name="what is not gzip",
        server=reply(200, b"plain", Content_Encoding="gzip"),
        message="cannot be decompressed",
        hint="whoever runs",
    ),
    Case(
        name="an endless object", do=a_get, server=endless(200, b"{"), message="longer than 1 MiB", hint="`endpoint:`"
    ),
    Case(name="an endless list", server=endless(200, b"["), message="longer than 64 MiB", hint="check `endpoint:`"),
    Case(
        name="a decompression bomb",
        do=a_get,
        server=reply(200, gzip.compress(b" " * (8 << 20)), Content_Encoding="gzip"),
        message="longer than 1 MiB",
        hint="check `endpoint:`",
    ),
    Case(
        name="silence",
        do=a_get,
        server=silent,
        message=r"no whole answer in 6 attempts: it took longer than 0\.05 s",
        hint="whoever runs",
    ),
    Case(
        name="a trickle",
        do=a_get,
        server=trickle(200),
        message=r"no whole answer in 6 attempts: it took longer than 0\.05 s",
        hint="whoever",
    ),
    Case(
        name="a redirect to another host",
        server=reply(302, "", Location="https://evil.example/v1/project/keys?a=b"),
        message="302, a redirect to https://evil.example, which is not followed",
        hint="if you trust it, set `endpoint:` of production to https://evil.example/v1",
    ),
    Case(
        name="a redirect of a creation",
        do=a_create,
        server=reply(307, "", Location="https://evil.example:444/x"),
        message="307, a redirect to https://evil.example:444, which",
        hint="https://evil.example:444/v1",
    ),
    Case(name="a redirect to nowhere", server=reply(301, ""), message="redirect to nowhere", hint="the server itself"),
    Case(
        name="a redirect to nonsense",
        server=reply(301, "", Location="javascript:alert(1)"),
        message="gave no whole answer",
        hint="whoever runs the server",
    ),
    Case(
        name="a body that repeats the credential, in HTML",
        raises=Rejected,
        server=reply(400, f"<p>{CREDENTIAL} is bad</p>", "text/html"),
        message="answered 400, and not in the form of Appwrite's API$",
        hint="follows other rules",
    ),
    Case(
        name="an error that repeats the credential",
        raises=Rejected,
        server=error(400, "general_unforeseen", f"Bad header X-Appwrite-Key: {CREDENTIAL[:100]}"),
        message=r"withheld: it repeats the credential",
        hint="follows other rules",
    ),
    Case(
        name="an error that tells another's secret",
        raises=Rejected,
        server=error(400, "general_unforeseen", f"duplicate of {LIVE}"),
        message=r'"duplicate of \(secret\)"$',
        hint="follows other rules",
    ),
    Case(
        name="an error that drives the terminal",
        raises=Rejected,
        server=error(400, "general_unforeseen", "\x1b[2J\x07\r\nall is well " + "x" * 5000),
        message=r'general_unforeseen: " \[2J   all is well x+…"$',
        hint="follows other rules",
    ),
    Case(
        name="a type that is none",
        raises=Rejected,
        server=error(400, "<script>", "hello"),
        message=r'answered 400: "hello"$',
        hint="follows other rules",
    ),
    Case(
        name="a type that is the credential",
        raises=Rejected,
        server=error(400, CREDENTIAL[:64], "no"),
        message=r'answered 400: "no"$',
        hint="follows other rules",
    ),
    Case(
        name="a type that is another's secret",
        raises=Rejected,
        server=error(400, LIVE[:64], "no"),
        message=r'answered 400: "no"$',
        hint="follows other rules",
    ),
    Case(
        name="a missing scope that is another's secret",
        raises=CredentialError,
        server=error(401, "general_unauthorized_scope", f"missing scopes (standard_{'decafdecaf' * 4}"),
        message="lacks the scope that is missing; the server answered 401 general_unauthorized_scope$",
        hint="must add the scope that is missing to it",
    ),
    Case(
        name="a list that never ends",
        server=reply(200, json.dumps({"keys": [ITEM | {"$id": f"k{n}"} for n in range(5000)]})),
        message="the same page again and again",
        hint="when nobody else changes keys",
    ),
    Case(
        name="a total without keys",
        server=reply(200, json.dumps({"total": 50, "keys": []})),
        message="the list changed under each of three readings",
        hint="when nobody else changes keys",
    ),
    Case(
        name="a cursor that always vanishes",
        server=in_turn(
            *(
                [
                    reply(200, json.dumps({"keys": [ITEM | {"$id": f"k{n}"} for n in range(5000)]})),
                    error(400, "general_cursor_not_found", "Key 'k4999' for the 'cursor' value not found."),
                ]
                * 3
            )
        ),
        message="the list changed under each of three readings",
        hint="when nobody else changes keys",
    ),
]


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
async def test_a_bad_server_is_told_in_words(case: Case) -> None:
    deadline = 0.05 if "took longer" in case.message else 5
    async with serving(case.server) as server:
        shown = await failure(case.do, server.url, deadline)
    assert type(shown) is case.raises
    assert re.search(case.message, shown.message), shown.message
    assert re.search(case.hint, shown.hint), shown.hint


REFUSALS = [
    Case(
        name="no keys.read",
        server=error(401, "general_unauthorized_scope", 'app.x@y (role: applications) missing scopes (["keys.read"])'),
        message="APPWRITE_API_KEY lacks the scope keys.read; the server answered 401 general_unauthorized_scope$",
        hint="whoever manages the project key in the environment variable APPWRITE_API_KEY must add .* keys.read",
    ),
    Case(
        name="no keys.write",
        do=a_delete,
        server=error(401, "general_unauthorized_scope", 'app.x@y (role: applications) missing scopes (["keys.write"])'),
        message=r"deleting key ci\.aaaaaaaa\.g1 of project shop failed",
        hint="must add the scope keys.write",
    ),
    Case(
        name="a credential of no known kind",
        server=error(401, "general_unauthorized_scope", 'User (role: guests) missing scopes (["keys.read"])'),
        message="the server does not know the project key in the environment variable APPWRITE_API_KEY",
        hint="give another one",
    ),
    Case(
        name="an unknown key",
        server=error(401, "user_unauthorized", "The current user is not authorized to perform the requested action."),
        message="401 user_unauthorized",
        hint="is mistyped, was deleted, belongs to another project or organization",
    ),
    Case(
        name="an expired key",
        server=error(401, "project_key_expired", "The project key has expired."),
        message="401 project_key_expired",
        hint="a later expiry",
    ),
    Case(
        name="the console's own project",
        server=error(401, "general_access_forbidden", "Access to this API is forbidden."),
        message="401 general_access_forbidden",
        hint="correct `project:` of production",
    ),
    Case(
        name="no such project for the key",
        server=error(403, "project_id_missing", "When using project API key, make sure to pass …"),
        message="403 project_id_missing",
        hint="correct `project:` of production: .* letter case",
    ),
    Case(
        name="no organization",
        server=error(403, "organization_id_missing", "When using organization API key, make sure to pass …"),
        message="403 organization_id_missing",
        hint="correct `organization:` of production",
    ),
    Case(
        name="a key that may not create",
        do=a_create,
        raises=CreationDenied,
        server=error(403, "key_creation_denied", "An API key cannot be created from a request authorized with …"),
        message=r"creating key ci\.aaaaaaaa\.g1 in project shop failed: .* 403 key_creation_denied",
        hint="organization key.*console session of an owner, developer or admin",
    ),
    Case(
        name="a key that may not create, its type left out",
        do=a_create,
        server=error(403, "", "Forbidden"),
        message='answered 403: "Forbidden"',
        hint="whoever handed out the project key in the environment variable APPWRITE_API_KEY",
    ),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case.name)
async def test_a_refused_credential_names_who_must_mend_it(case: Case) -> None:
    async with serving(case.server) as server:
        shown = await failure(case.do, server.url)
    assert type(shown) is (CreationDenied if case.raises is CreationDenied else CredentialError)
    assert re.search(case.message, shown.message), shown.message
    assert re.search(case.hint, shown.hint), shown.hint
    assert len(server.asked) == 1, "a refusal is not asked for again"


CALLS: list[Do] = [a_list, a_get, a_create, an_update, a_touch, a_delete, an_accepts, a_facts]
STATUSES = {
    401: ("user_unauthorized", CredentialError),
    403: ("user_blocked", CredentialError),
    404: ("project_not_found", Rejected),
    409: ("key_already_exists", KeyExists),
    429: ("general_rate_limit_exceeded", ServerError),
    500: ("general_unknown", ServerError),
}
ANSWERED: dict[tuple[Do, int], object] = {
    (an_accepts, 401): False,
    **{(a_facts, status): ServerFacts() for status in (401, 403, 404, 409)},
}
"""What is no failure: a new secret may be refused, and a server need not say what it is."""


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("do", CALLS, ids=lambda do: do.__name__)
async def test_each_error_of_the_api_is_told_in_each_call(do: Do, status: int) -> None:
    kind, raises = STATUSES[status]
    async with serving(error(status, kind, "The server's own words.")) as server:
        if (do, status) in ANSWERED:
            async with connected(server.url) as keys:
                assert await do(keys) == ANSWERED[do, status]
            return
        shown = await failure(do, server.url)
    assert type(shown) is raises
    assert f"; the server answered {status} {kind}" in shown.message
    assert " shop" in shown.message or do is a_facts


@pytest.mark.parametrize("do", CALLS, ids=lambda do: do.__name__)
async def test_the_credential_never_follows_a_redirect(do: Do) -> None:
    async with serving(reply(200, "{}")) as elsewhere:
        moved = reply(308, "", Location=f"{elsewhere.url}/project/keys")
        async with serving(moved) as server:
            shown = await failure(do, server.url)
        assert elsewhere.asked == []
    assert elsewhere.url.removesuffix("/v1") in shown.message


@pytest.mark.parametrize("do", CALLS, ids=lambda do: do.__name__)
async def test_a_server_that_is_not_there_is_told_within_seconds(do: Do) -> None:
    with socket.socket() as bound:  # bound, and not listening: nobody else can take the port meanwhile
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}/v1"
        async with connected(url) as keys:
            with pytest.raises(ServerError) as caught:
                await do(keys)
            clock = keys.clock
    assert "cannot be reached: it refuses connections" in caught.value.message
    assert "check `endpoint:` of production" in caught.value.hint
    assert clock.monotonic() <= (6 if do is a_facts else 3), "its two questions wait side by side"
    leaks_nothing(caught.value)


async def test_a_host_that_has_no_address_is_named() -> None:
    # A label of 64 characters is no host name to any resolver, with or without a network.
    shown = await failure(a_list, f"https://{'a' * 64}.example/v1")
    assert "its host name cannot be resolved" in shown.message


async def test_a_certificate_that_nobody_vouches_for_is_refused_at_once() -> None:
    async with serving(reply(200, listed()), tls=True) as server:
        shown = await failure(a_list, server.url, 5)
        assert server.asked == []
    assert "is not trusted: its certificate: self-signed certificate" in shown.message
    assert "SSL_CERT_FILE" in shown.hint


async def test_plain_http_where_tls_is_spoken_is_refused_at_once() -> None:
    async with serving(reply(200, listed())) as server:
        shown = await failure(a_list, server.url.replace("http:", "https:"), 5)
    assert "is not trusted: the TLS handshake: wrong version number" in shown.message
    assert "write http:// in `endpoint:` of production" in shown.hint


async def test_a_sink_of_answers_is_never_read_beyond_its_cap() -> None:
    async with serving(endless(200, b"{")) as server:
        await failure(a_get, server.url, 5)
        assert len(server.asked) == 1, "an endless answer is not asked for again"


async def test_what_passes_is_survived_in_every_call() -> None:
    good = reply(200, json.dumps(ITEM))
    bad: list[Behaviour] = [html(502), raw(), error(429, "", "Slow down."), html(503)]
    async with serving(in_turn(*bad, good)) as server, connected(server.url) as keys:
        assert await keys.get(KEY.id) == KEY
        assert len(server.asked) == 5


async def test_a_proxy_that_sets_cookies_gets_none_back() -> None:
    answer = reply(200, json.dumps(ITEM), Set_Cookie="a_session_console=theirs; Path=/")
    async with serving(answer) as server, connected(server.url) as keys:
        await keys.get(KEY.id)
        await keys.get(KEY.id)
        assert [_secretless(asked) for asked in server.asked] == [_secretless(server.asked[0])] * 2
        assert "cookie" not in server.asked[1].headers


async def test_only_what_appwrite_wants_is_sent() -> None:
    async with serving(reply(201, json.dumps(ITEM))) as server, connected(server.url) as keys:
        await keys.create(KEY.id, STATE)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/v1/project/keys")
    assert json.loads(asked.body) == {
        "keyId": KEY.id,
        "name": "CI",
        "scopes": ["users.read"],
        "expire": "2030-01-01T00:00:00.000+00:00",
    }
    assert asked.headers["x-appwrite-project"] == "shop"
    assert asked.headers["x-appwrite-key"] == CREDENTIAL
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["user-agent"].startswith("reconciler/")
    assert not {"origin", "cookie", "x-sdk-name", "x-appwrite-response-format"} & set(asked.headers)


async def test_the_server_is_asked_what_it_is_without_the_credential() -> None:
    async with serving(html(404)) as server, connected(server.url) as keys:
        assert await keys.facts() == ServerFacts(version=None, scopes=None)
    assert sorted(asked.path for asked in server.asked) == ["/v1/console/scopes/project", "/v1/health/version"]
    assert not any({"x-appwrite-key", "cookie"} & set(asked.headers) for asked in server.asked)


def _secretless(asked: Asked) -> tuple[str, str, frozenset[str]]:
    return asked.method, asked.path, frozenset(asked.headers)
