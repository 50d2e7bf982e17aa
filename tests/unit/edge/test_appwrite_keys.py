"""The client against the emulator, in process: what each method of the port does, and what it sends."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from reconciler.core.credential import CredentialKind as Kind
from reconciler.core.keys import KeyState
from reconciler.core.secret import Secret
from reconciler.edge.appwrite import AppwriteKeys, Server, open_http
from reconciler.edge.credentials import Credential
from reconciler.emulator import Emulator, Profile
from reconciler.errors import CreationDenied, CredentialError, KeyExists, ServerError, UsageError
from tests.support.clocks import FakeClock

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 23, 12, 0, 0, 250000, tzinfo=UTC)
EXPIRE = datetime(2027, 2, 3, 4, 5, 6, 789123, tzinfo=UTC)
STATE = KeyState(name="CI deploy", scopes=frozenset({"users.read", "functions.write"}), expire=EXPIRE)
KEPT = replace(STATE, expire=EXPIRE.replace(microsecond=789000))

Next = Callable[[], Awaitable[httpx.Response]]
Fault = Callable[[httpx.Request, Next], Awaitable[httpx.Response]]


class Between(httpx.AsyncBaseTransport):
    """Stands between client and emulator: notes every request, and lets a fault befall those that match."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.asked: list[httpx.Request] = []
        self.faults: list[tuple[str, Fault]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        for at, (method, fault) in enumerate(self.faults):
            if request.method == method:
                del self.faults[at]
                return await fault(request, lambda: self.inner.handle_async_request(request))
        return await self.inner.handle_async_request(request)

    def methods(self) -> list[str]:
        return [request.method for request in self.asked]


async def lost_before(_: httpx.Request, __: Next) -> httpx.Response:
    raise httpx.ReadError("lost")


async def lost_after(_: httpx.Request, go: Next) -> httpx.Response:
    await go()
    raise httpx.ReadError("lost")


async def failed_before(_: httpx.Request, __: Next) -> httpx.Response:
    return httpx.Response(500, json={"message": "Server Error", "code": 500, "type": "general_unknown"})


async def failed_after(request: httpx.Request, go: Next) -> httpx.Response:
    await go()
    return await failed_before(request, go)


class Bench:
    """An emulator, and clients of it."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.between = Between(httpx.ASGITransport(emulator.app))
        self.http = open_http("emulator", app=emulator.app, parallelism=4)
        self.http._transport = self.between
        self.clock = FakeClock()
        session = Credential(kind="session", secret=Secret(emulator.console_session()))
        self.keys = self.client(session)

    def client(
        self,
        credential: Credential | None,
        *,
        project: str = "shop",
        organization: str | None = None,
        server: Server | None = None,
    ) -> AppwriteKeys:
        return AppwriteKeys(
            self.http,
            project=project,
            organization=organization,
            credential=credential,
            limiter=asyncio.Semaphore(4),
            clock=self.clock,
            random=random.Random(3),
            label="local",
            server=server or Server(),
        )


@asynccontextmanager
async def _bench(profile: Any = "main") -> AsyncIterator[Bench]:
    emulator = Emulator(profile=profile, clock=lambda: NOW)
    emulator.ensure_project("shop")
    emulator.ensure_project("other")
    bench = Bench(emulator)
    yield bench
    await bench.http.aclose()
    emulator.close()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with _bench() as bench:
        yield bench


async def test_a_created_key_is_read_back_as_it_was_wanted(bench: Bench) -> None:
    key = await bench.keys.create("ci.aaaaaaaa.g1", STATE)
    assert key.state == KEPT
    assert key.secret
    assert key.secret.reveal().startswith("standard_")
    listing = await bench.keys.list()
    assert listing.keys == (key,)
    assert listing.now == NOW.replace(microsecond=0)
    assert await bench.keys.get(key.id) == key


async def test_scopes_are_sent_sorted_and_every_field_always(bench: Bench) -> None:
    scopes = ["databases.read", "files.read", "functions.write", "sessions.write", "teams.read", "users.read"]
    wide = replace(STATE, scopes=frozenset(scopes), expire=None)
    key = await bench.keys.create("ci.aaaaaaaa.g1", wide)
    assert json.loads(bench.between.asked[0].content) == {
        "keyId": "ci.aaaaaaaa.g1",
        "name": "CI deploy",
        "scopes": scopes,
        "expire": None,
    }
    assert key.expire is None
    await bench.keys.update(key, replace(wide, expire=EXPIRE))
    assert json.loads(bench.between.asked[1].content) == {
        "name": "CI deploy",
        "scopes": scopes,
        "expire": "2027-02-03T04:05:06.789+00:00",
    }


async def test_a_key_that_is_nowhere_here_reads_as_none(bench: Bench) -> None:
    bench.emulator.add_key("other", "theirs", [])
    assert await bench.keys.get("theirs") is None
    assert await bench.keys.get("nobodys") is None


async def test_an_id_taken_in_another_project_exists(bench: Bench) -> None:
    bench.emulator.add_key("other", "theirs", [])
    with pytest.raises(KeyExists) as caught:
        await bench.keys.create("THEIRS", STATE)
    assert "creating key THEIRS in project shop" in caught.value.message
    assert "unique on a whole server" in caught.value.hint


async def test_deleting_twice_is_deleting(bench: Bench) -> None:
    bench.emulator.add_key("shop", "old", [])
    await bench.keys.delete("old")
    await bench.keys.delete("old")
    assert (await bench.keys.list()).keys == ()


async def test_touching_a_key_changes_nothing_of_it(bench: Bench) -> None:
    bench.emulator.add_key("shop", "odd", ["users.write", "users.read", "users.write"], expire=EXPIRE)
    (key,) = (await bench.keys.list()).keys
    await bench.keys.touch(key)
    assert json.loads(bench.between.asked[-1].content) == {
        "name": "odd",
        "scopes": ["users.write", "users.read", "users.write"],
        "expire": "2027-02-03T04:05:06.789+00:00",
    }
    assert (await bench.keys.list()).keys == (key,)


async def test_a_description_survives_an_update(bench: Bench) -> None:
    bench.emulator.add_key("shop", "told", [])
    (key,) = (await bench.keys.list()).keys
    state = replace(STATE, description="for the nightly job")
    await bench.keys.update(key, state)
    assert json.loads(bench.between.asked[-1].content)["description"] == "for the nightly job"
    await bench.keys.touch(replace(key, description="for the nightly job"))
    assert json.loads(bench.between.asked[-1].content)["description"] == "for the nightly job"


async def test_no_description_is_sent_where_none_is_wanted(bench: Bench) -> None:
    await bench.keys.create("ci.aaaaaaaa.g1", STATE)
    assert "description" not in json.loads(bench.between.asked[-1].content)


async def test_a_project_key_creates_on_1_9_and_is_told_why_not_on_newer_servers() -> None:
    for profile, may in (("1.9.x", True), ("main", False)):
        async with _bench(profile) as bench:
            secret = bench.emulator.add_key("shop", "admin", ["keys.read", "keys.write"])
            keys = bench.client(Credential(kind="project_key", secret=Secret(secret), source="the file token"))
            if may:
                assert (await keys.create("ci.aaaaaaaa.g1", STATE)).state == KEPT
            else:
                with pytest.raises(CreationDenied) as caught:
                    await keys.create("ci.aaaaaaaa.g1", STATE)
                assert "the project key in the file token may not create keys" in caught.value.message


async def test_an_organization_key_creates() -> None:
    async with _bench() as bench:
        secret = bench.emulator.add_organization_key("emulator", ["keys.read", "keys.write"])
        credential = Credential(kind="organization_key", secret=Secret(secret))
        keys = bench.client(credential, organization="emulator")
        assert (await keys.create("ci.aaaaaaaa.g1", STATE)).state == KEPT


@pytest.mark.parametrize(("profile", "routes"), [("main", False), ("2.6.2", True)])
async def test_an_organization_key_goes_by_its_own_routes_where_the_server_has_them(
    profile: Profile, routes: bool
) -> None:
    async with _bench(profile) as bench:
        scopes = ["organization.projects.keys.read", "organization.projects.keys.write"] if routes else ["keys.read"]
        secret = bench.emulator.add_organization_key("emulator", scopes)
        credential = Credential(kind="organization_key", secret=Secret(secret))
        keys = bench.client(credential, organization="emulator")
        listings = [await keys.list(), await keys.list()]
        paths = [request.url.path for request in bench.between.asked]
    assert [listing.by_organization for listing in listings] == [routes, routes]
    theirs, others = "/v1/organization/projects/shop/keys", "/v1/project/keys"
    assert paths == ([theirs, theirs] if routes else [theirs, others, others])
    sent = bench.between.asked[-1].headers
    assert ("x-appwrite-project" in sent, sent["x-appwrite-organization"]) == (not routes, "emulator")


async def test_no_other_credential_asks_for_the_routes_of_organizations(bench: Bench) -> None:
    assert (await bench.keys.list()).by_organization is None
    assert [request.url.path for request in bench.between.asked] == ["/v1/project/keys"]


async def test_projects_of_one_server_ask_it_once_what_it_is(bench: Bench) -> None:
    server = Server()
    one, two = (bench.client(bench.keys.credential, server=server) for _ in range(2))
    first, second = await asyncio.gather(one.facts(), two.facts())
    assert first == second == await one.facts()
    assert len(bench.between.asked) == 2, "its version and its scopes"


async def test_the_servers_time_is_asked_without_a_credential_and_anew_each_time(bench: Bench) -> None:
    listed = (await bench.keys.list()).now
    bench.between.asked.clear()

    assert await bench.keys.now() == await bench.keys.now() == listed
    assert [request.url.path for request in bench.between.asked] == ["/v1/health/version"] * 2
    assert not {"cookie", "x-appwrite-key"} & {name for request in bench.between.asked for name in request.headers}


async def test_who_gives_up_waiting_for_facts_leaves_them_to_the_others(bench: Bench) -> None:
    async def slow(_: httpx.Request, go: Next) -> httpx.Response:
        await asyncio.sleep(0.02)
        return await go()

    bench.between.faults = [("GET", slow), ("GET", slow)]
    server = Server()
    one, two = (asyncio.create_task(bench.client(bench.keys.credential, server=server).facts()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    assert (await two).version == "1.9.6"
    alone = asyncio.create_task(bench.client(bench.keys.credential).facts())
    await asyncio.sleep(0)
    before = asyncio.all_tasks() - {alone}
    alone.cancel()
    await asyncio.wait([alone])
    assert asyncio.all_tasks() <= before, "what nobody waits for ends"


async def test_a_failed_question_is_asked_again_by_whoever_comes_later(bench: Bench) -> None:
    async def untrusted(_: httpx.Request, __: Next) -> httpx.Response:
        raise httpx.ConnectError("no") from ssl.SSLCertVerificationError("no")

    bench.between.faults = [("GET", untrusted)]
    with pytest.raises(ServerError, match="is not trusted"):
        await bench.keys.facts()
    assert (await bench.keys.facts()).version == "1.9.6"


@pytest.mark.parametrize(
    ("kind", "secret", "hint"),
    [
        ("project_key", "standard_" + "0" * 256, "mistyped, was deleted, belongs to another project"),
        ("session", "eyJub3QiOiJ0aGlzIn0=", "log in to the console there"),
    ],
)
async def test_a_credential_that_the_server_does_not_know(bench: Bench, kind: Kind, secret: str, hint: str) -> None:
    with pytest.raises(CredentialError) as caught:
        await bench.client(Credential(kind=kind, secret=Secret(secret))).list()
    assert hint in caught.value.hint


async def test_no_credential_at_all_is_told(bench: Bench) -> None:
    with pytest.raises(CredentialError) as caught:
        await bench.client(None).list()
    assert "no credential was sent" in caught.value.message


async def test_a_project_that_is_not_there_is_told(bench: Bench) -> None:
    keys = bench.client(bench.keys.credential, project="shpo")
    with pytest.raises(ServerError) as caught:
        await keys.list()
    assert "listing the keys of project shpo failed" in caught.value.message
    assert "correct `project:` of local" in caught.value.hint


async def test_a_secret_is_accepted_with_keys_read_and_without_and_no_more_once_refused(bench: Bench) -> None:
    with_scope = bench.emulator.add_key("shop", "reader", ["keys.read"])
    without = bench.emulator.add_key("shop", "other", ["users.read"])
    expired = bench.emulator.add_key("shop", "expired", ["keys.read"], expire=NOW - timedelta(seconds=1))
    foreign = bench.emulator.add_key("other", "foreign", ["keys.read"])
    accepted = [await bench.keys.accepts(Secret(secret)) for secret in (with_scope, without, expired, foreign)]
    assert accepted == [True, True, False, False]
    await bench.keys.delete("reader")
    assert not await bench.keys.accepts(Secret(with_scope))
    assert "cookie" not in bench.between.asked[0].headers, "a session beside it would prove nothing"


async def test_a_server_says_what_it_is(bench: Bench) -> None:
    facts = await bench.keys.facts()
    assert facts.version == "1.9.6"
    assert facts.scopes
    assert {"keys.read", "users.write"} <= facts.scopes


async def test_a_failed_question_leaves_no_other_running(bench: Bench) -> None:
    async def untrusted(_: httpx.Request, __: Next) -> httpx.Response:
        raise httpx.ConnectError("no") from ssl.SSLCertVerificationError("no")

    async def slow(_: httpx.Request, go: Next) -> httpx.Response:
        await asyncio.sleep(0.02)
        return await go()

    bench.between.faults = [("GET", untrusted), ("GET", slow)]
    before = asyncio.all_tasks()
    with pytest.raises(ServerError, match="is not trusted"):
        await bench.keys.facts()
    assert asyncio.all_tasks() == before


async def test_five_thousand_keys_are_one_call_and_more_come_page_by_page(bench: Bench) -> None:
    for number in range(5000):
        bench.emulator.add_key("shop", f"k{number}", [])
    assert len((await bench.keys.list()).keys) == 5000
    bench.between.asked.clear()
    for number in range(5000, 5002):
        bench.emulator.add_key("shop", f"k{number}", [])
    listing = await bench.keys.list()
    assert [key.id for key in listing.keys] == [f"k{number}" for number in range(5002)]
    assert len(bench.between.asked) == 2


def _page(ids: Iterable[str], total: int) -> Fault:
    item = {"name": "n", "scopes": [], "expire": "", "$createdAt": "2026-01-01T00:00:00.000+00:00"}

    async def fault(_: httpx.Request, __: Next) -> httpx.Response:
        body = {"total": total, "keys": [item | {"$id": key_id} for key_id in ids]}
        return httpx.Response(200, json=body, headers={"Date": "Mon, 23 Nov 2026 11:51:03 GMT"})

    return fault


async def test_a_page_cut_short_by_the_server_is_not_taken_for_the_end(bench: Bench) -> None:
    bench.between.faults = [("GET", _page(["a", "b"], 3)), ("GET", _page(["b", "c"], 3))]
    assert [key.id for key in (await bench.keys.list()).keys] == ["a", "b", "c"]
    assert len(bench.between.asked) == 2
    assert json.loads(bench.between.asked[1].url.params["queries[1]"]) == {"method": "cursorAfter", "values": ["b"]}


@pytest.mark.parametrize("pages", [[_page([], 1)], [_page(["a"], 2), _page([], 2)]], ids=["first", "last"])
async def test_an_empty_page_that_leaves_keys_missing_starts_the_list_anew(bench: Bench, pages: list[Fault]) -> None:
    bench.emulator.add_key("shop", "made meanwhile", [])
    bench.between.faults = [("GET", page) for page in pages]
    assert [key.id for key in (await bench.keys.list()).keys] == ["made meanwhile"]


async def test_a_key_deleted_under_the_cursor_starts_the_list_anew(bench: Bench) -> None:
    bench.emulator.add_key("shop", "left", [])
    bench.between.faults = [("GET", _page(["gone"], 2))]
    assert [key.id for key in (await bench.keys.list()).keys] == ["left"]
    assert len(bench.between.asked) == 3


@pytest.mark.parametrize(
    ("fault", "made_by_first"), [(lost_before, False), (lost_after, True), (failed_before, False), (failed_after, True)]
)
async def test_a_creation_whose_answer_is_lost_is_sent_again_the_same(
    bench: Bench, fault: Fault, made_by_first: bool
) -> None:
    bench.between.faults = [("POST", fault)]
    if made_by_first:
        with pytest.raises(KeyExists):
            await bench.keys.create("ci.aaaaaaaa.g1", STATE)
    else:
        assert (await bench.keys.create("ci.aaaaaaaa.g1", STATE)).state == KEPT
    first, second = bench.between.asked
    assert first.content == second.content
    found = await bench.keys.get("ci.aaaaaaaa.g1")
    assert found
    assert found.state == KEPT


async def test_a_put_that_answers_500_and_was_applied_is_success(bench: Bench) -> None:
    bench.emulator.add_key("shop", "ci", [])
    (key,) = (await bench.keys.list()).keys
    bench.between.asked.clear()
    bench.between.faults = [("PUT", failed_after)]
    assert (await bench.keys.update(key, STATE)).state == KEPT
    assert bench.between.methods() == ["PUT", "GET"]


async def test_a_put_that_answers_500_and_was_not_applied_is_sent_again(bench: Bench) -> None:
    bench.emulator.add_key("shop", "ci", [])
    (key,) = (await bench.keys.list()).keys
    bench.between.asked.clear()
    bench.between.faults = [("PUT", failed_before)]
    assert (await bench.keys.update(key, STATE)).state == KEPT
    assert bench.between.methods() == ["PUT", "GET", "PUT"]


async def test_a_put_that_lost_against_a_deletion_says_so(bench: Bench) -> None:
    bench.emulator.add_key("shop", "ci", [])
    (key,) = (await bench.keys.list()).keys
    await bench.keys.delete("ci")
    bench.between.asked.clear()
    bench.between.faults = [("PUT", failed_before)]
    with pytest.raises(ServerError) as caught:
        await bench.keys.update(key, STATE)
    assert "updating key ci of project shop failed: project shop has no such key any more" in caught.value.message
    assert "somebody deleted it meanwhile" in caught.value.hint
    assert bench.between.methods() == ["PUT", "GET"]


@pytest.mark.parametrize("fault", [lost_before, lost_after, failed_before, failed_after])
async def test_a_deletion_whose_answer_is_lost_is_sent_again(bench: Bench, fault: Fault) -> None:
    bench.emulator.add_key("shop", "old", [])
    bench.between.faults = [("DELETE", fault)]
    await bench.keys.delete("old")
    assert (await bench.keys.list()).keys == ()


async def test_the_limiter_is_free_while_a_call_waits_to_be_sent_again(bench: Bench) -> None:
    bench.keys.limiter = limiter = asyncio.Semaphore(1)
    keys = replace(bench.keys, limiter=limiter)
    bench.between.faults = [("GET", lost_before)]

    class Watching(FakeClock):
        async def sleep(self, seconds: float) -> None:
            assert not limiter.locked()
            await super().sleep(seconds)

    clock = Watching()
    await replace(keys, clock=clock).list()
    assert clock.sleeps


@pytest.mark.parametrize("stopped", ["before", "while it waits"])
async def test_once_stopped_a_call_is_not_sent_again_and_does_not_wait(bench: Bench, stopped: str) -> None:
    stop = asyncio.Event()

    class Waiting(FakeClock):
        async def sleep(self, seconds: float) -> None:
            self.sleeps.append(seconds)
            asyncio.get_running_loop().call_soon(stop.set)
            await asyncio.Event().wait()

    if stopped == "before":
        stop.set()
    keys = replace(bench.keys, clock=Waiting(), stop=stop)
    bench.between.faults = [("GET", lost_before), ("GET", lost_before)]
    before = asyncio.all_tasks()
    async with asyncio.timeout(5):
        with pytest.raises(ServerError, match="gave no whole answer"):
            await keys.list()
    assert len(bench.between.asked) == 1
    assert asyncio.all_tasks() == before


async def test_no_more_calls_are_under_way_than_the_limiter_lets(bench: Bench) -> None:
    under_way: list[int] = []

    async def slow(_: httpx.Request, go: Next) -> httpx.Response:
        under_way.append(sum(under_way[-1:]) + 1)
        await asyncio.sleep(0.001)
        under_way.append(under_way[-1] - 1)
        return await go()

    bench.between.faults = [("GET", slow)] * 8
    keys = replace(bench.keys, limiter=asyncio.Semaphore(2))
    await asyncio.gather(*(keys.get("nobodys") for _ in range(8)))
    assert max(under_way) == 2


async def test_a_server_that_goes_away_is_waited_for_longer_than_one_that_never_was(bench: Bench) -> None:
    async def refused(_: httpx.Request, __: Next) -> httpx.Response:
        raise httpx.ConnectError("refused")

    sent = []
    for _ in range(2):
        bench.between.asked.clear()
        bench.between.faults = [("GET", refused)] * 9
        with pytest.raises(ServerError, match="cannot be reached"):
            await bench.keys.list()
        sent.append(len(bench.between.asked))
        bench.between.faults.clear()
        await bench.keys.list()
    assert sent == [4, 6]


async def test_an_endpoint_that_is_no_url_is_told() -> None:
    with pytest.raises(UsageError) as caught:
        open_http("https://x.example:port/v1", parallelism=1)
    assert "https://x.example:port/v1" in caught.value.message


# --- ephemeral keys, and questions that write nothing ---


async def test_an_ephemeral_key_works_and_is_in_no_list(bench: Bench) -> None:
    key = await bench.keys.create_ephemeral(frozenset({"users.read", "rows.read"}), timedelta(minutes=15))

    assert key.scopes == {"users.read", "rows.read"}
    assert key.expire == NOW + timedelta(minutes=15)
    assert await bench.keys.accepts(key.secret)
    assert (await bench.keys.list()).keys == ()
    assert json.loads(bench.between.asked[0].content) == {"scopes": ["rows.read", "users.read"], "duration": 900}


@pytest.mark.parametrize("profile", ["main", "2.6.2"])
async def test_an_organization_key_lends_too_whatever_routes_the_server_has(profile: str) -> None:
    async with _bench(profile) as bench:
        bench.emulator.ensure_project("acmes", organization="acme")
        secret = Secret(bench.emulator.add_organization_key("acme", ["keys.read", "keys.write"]))
        client = bench.client(Credential(kind="organization_key", secret=secret), project="acmes", organization="acme")

        key = await client.create_ephemeral(frozenset({"users.read"}), timedelta(minutes=1))

        assert await client.accepts(key.secret)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"expire": "2026-11-23T13:00:00.123456Z", "scopes": []}, "`secret` is missing"),
        ({"secret": "", "expire": "2026-11-23T13:00:00.123456Z", "scopes": []}, "`secret` is missing"),
        ({"secret": "ephemeral_a.b.c", "scopes": []}, "`expire` is missing"),
        ({"secret": "ephemeral_a.b.c", "expire": "2026-11-23 13:00:00", "scopes": []}, "`expire` is not a time"),
        ({"secret": "ephemeral_a.b.c", "expire": "2026-11-23T13:00:00Z"}, "`scopes` is not a list"),
        ([], "a key is not an object"),
    ],
)
async def test_an_ephemeral_key_in_another_shape_is_told(bench: Bench, body: object, what: str) -> None:
    async def other(_: httpx.Request, __: Next) -> httpx.Response:
        return httpx.Response(201, json=body)

    bench.between.faults.append(("POST", other))

    with pytest.raises(ServerError, match=what):
        await bench.keys.create_ephemeral(frozenset(), timedelta(minutes=1))


@pytest.mark.parametrize(("scopes", "may"), [(["keys.read"], False), (["keys.write"], True), ([], False)])
async def test_whether_keys_may_be_written_is_asked_by_a_deletion_of_nothing(
    bench: Bench, scopes: list[str], may: bool
) -> None:
    client = bench.client(Credential(kind="project_key", secret=Secret(bench.emulator.add_key("shop", "own", scopes))))

    assert await client.may_write("nobody") is may
    assert bench.emulator.count_keys("shop") == 1


@pytest.mark.parametrize(("profile", "may"), [("1.9.x", True), ("main", False), ("2.6.2", False)])
async def test_whether_keys_may_be_created_is_asked_with_an_id_that_is_taken(profile: str, may: bool) -> None:
    async with _bench(profile) as bench:
        secret = Secret(bench.emulator.add_key("shop", "own", ["keys.write"]))
        client = bench.client(Credential(kind="project_key", secret=secret))

        assert await client.may_create("own") is may
        assert await bench.keys.may_create("own")
        assert await bench.keys.may_create("own", secret) is may
        assert bench.emulator.count_keys("shop") == 1


async def test_an_id_that_has_become_free_is_free_afterwards(bench: Bench) -> None:
    assert await bench.keys.may_create("gone")

    assert bench.emulator.count_keys("shop") == 0
    assert bench.between.methods() == ["POST", "DELETE"]
    assert json.loads(bench.between.asked[0].content)["expire"].startswith("1971-")


async def test_a_question_of_a_credential_that_is_refused_is_no_answer(bench: Bench) -> None:
    client = bench.client(Credential(kind="project_key", secret=Secret("standard_unknown")))

    with pytest.raises(CredentialError):
        await client.may_write("nobody")
    with pytest.raises(CredentialError):
        await client.may_create("nobody")
