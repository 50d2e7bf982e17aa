"""The GitHub Actions sink, against a server that opens its sealed boxes."""

import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, Match, match, note_of
from reconciler.core.keys import LiveKey
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks
from reconciler.errors import SinkError, SinkUnavailable
from reconciler.ports import SecretSink
from tests.support.builders import live_key
from tests.support.github_server import READ_ONLY, TOKEN, WORKFLOW, GitHub, Kept, github
from tests.support.http_service import Fault, Reply

SECRET = Secret("standard_k4n4ry" + "5ec4e7" * 40)
REPOSITORY = {"repository": "acme/shop", "secret": "APPWRITE_API_KEY"}
ENVIRONMENT = {**REPOSITORY, "environment": "production"}
ORGANIZATION = {"organization": "acme", "secret": "APPWRITE_API_KEY"}
PLACES = {"acme/shop": REPOSITORY, "acme/shop:production": ENVIRONMENT, "acme": ORGANIZATION}
LIMITED = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}


@pytest.fixture
def server() -> Iterator[GitHub]:
    with github() as server:
        yield server


@pytest.fixture
def sinks(server: GitHub) -> Iterator[InstalledSinks]:
    with InstalledSinks({"GH_TOKEN": TOKEN, "GITHUB_API_URL": server.address}) as sinks:
        yield sinks


def spec(options: dict[str, str]) -> SinkSpec:
    return SinkSpec(kind="github_actions", options=tuple(sorted(options.items())))


def opened(sinks: InstalledSinks, options: dict[str, str] = REPOSITORY) -> SecretSink:
    return sinks.open(spec(options))


def with_token(server: GitHub, token: str) -> InstalledSinks:
    return InstalledSinks({"GITHUB_TOKEN": token, "GITHUB_API_URL": server.address})


def made_now() -> LiveKey:
    return replace(live_key("k"), created=datetime.now(UTC), secret=None)


def assert_tells_nothing(error: BaseException) -> None:
    assert "k4n4ry" not in "".join(traceback.format_exception(error)) + str(error)


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_arrives_and_is_deleted_again(server: GitHub, sinks: InstalledSinks, place: str) -> None:
    sink = opened(sinks, PLACES[place])
    sink.preflight()
    assert sink.look() == EMPTY

    sink.write(SECRET, None)

    assert server.places[place].secrets["APPWRITE_API_KEY"].value == SECRET.reveal()
    assert sink.look().occupied
    sink.remove()
    assert sink.look() == EMPTY
    sink.remove()


def test_preflight_leaves_no_trace(server: GitHub, sinks: InstalledSinks) -> None:
    server.places["acme/shop"].secrets["KEPT"] = Kept(value="kept", created=server.now(), updated=server.now())

    opened(sinks).preflight()

    assert list(server.places["acme/shop"].secrets) == ["KEPT"]
    assert {request.method for request in server.calls.requests} == {"GET", "DELETE"}


def test_a_value_is_never_on_the_wire(server: GitHub, sinks: InstalledSinks) -> None:
    opened(sinks).write(SECRET, None)

    (put,) = server.calls.of("PUT")
    assert SECRET.reveal() not in f"{put}"
    assert put.headers["x-github-api-version"] == "2022-11-28"
    assert put.headers["user-agent"] == "appwrite-reconciler"


def test_a_name_is_the_same_in_any_case(server: GitHub, sinks: InstalledSinks) -> None:
    opened(sinks, {**REPOSITORY, "secret": "appwrite_api_key"}).write(SECRET, None)

    assert opened(sinks).look().occupied


@pytest.mark.parametrize(
    ("age", "expected"), [(timedelta(days=1), Match.LACKS), (timedelta(minutes=4), Match.UNKNOWN)], ids=str
)
def test_what_was_written_before_the_key_was_made_is_stale(
    server: GitHub, sinks: InstalledSinks, age: timedelta, expected: Match
) -> None:
    moment = server.now() - age
    server.places["acme/shop"].secrets["APPWRITE_API_KEY"] = Kept(value="old", created=moment, updated=moment)

    assert match(opened(sinks).look(), made_now()) is expected


def test_what_was_written_after_it_is_not_known(sinks: InstalledSinks) -> None:
    key = made_now()

    opened(sinks).write(SECRET, note_of(key, SECRET))

    assert match(opened(sinks).look(), key) is Match.UNKNOWN


def test_the_public_key_of_a_place_is_asked_for_once(server: GitHub, sinks: InstalledSinks) -> None:
    names = [f"KEY_{number}" for number in range(20)]

    def deliver(name: str) -> None:
        sink = opened(sinks, {**REPOSITORY, "secret": name})
        sink.preflight()
        sink.write(SECRET, None)

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(deliver, names))

    asked = [request for request in server.calls.of("GET") if request.parts[-1] == "public-key"]
    assert sorted(server.places["acme/shop"].secrets) == sorted(names)
    assert (len(asked), len(server.calls.of("DELETE"))) == (1, 1)


def test_an_environment_has_a_public_key_of_its_own(server: GitHub, sinks: InstalledSinks) -> None:
    for options in PLACES.values():
        opened(sinks, options).write(SECRET, None)

    assert {server.places[place].secrets["APPWRITE_API_KEY"].value for place in PLACES} == {SECRET.reveal()}


def test_a_public_key_that_was_rotated_is_asked_for_again(server: GitHub, sinks: InstalledSinks) -> None:
    opened(sinks).preflight()
    server.places["acme/shop"].rotate()

    opened(sinks).write(SECRET, None)

    assert server.places["acme/shop"].secrets["APPWRITE_API_KEY"].value == SECRET.reveal()
    assert len(server.calls.of("PUT")) == 2


def test_a_refused_box_for_the_present_key_is_not_sent_again(server: GitHub, sinks: InstalledSinks) -> None:
    words = "Bad request - validation failed due to an improperly encrypted secret"
    server.calls.faults.append(Fault(method="PUT", reply=Reply(status=422, body={"message": words})))

    with pytest.raises(SinkError, match=words) as caught:
        opened(sinks).write(SECRET, None)

    assert not isinstance(caught.value, SinkUnavailable)
    assert len(server.calls.of("PUT")) == 1
    assert server.calls.requests[-1].headers["if-none-match"]


@pytest.mark.parametrize("visibility", ["all", "private"])
def test_a_new_secret_of_an_organization_is_seen_by_whom_the_manifest_says(
    server: GitHub, sinks: InstalledSinks, visibility: str
) -> None:
    opened(sinks, {**ORGANIZATION, "visibility": visibility}).write(SECRET, None)

    assert server.places["acme"].secrets["APPWRITE_API_KEY"].visibility == visibility


def test_one_of_which_nothing_is_said_is_seen_by_private_repositories(server: GitHub, sinks: InstalledSinks) -> None:
    opened(sinks, ORGANIZATION).write(SECRET, None)

    assert server.places["acme"].secrets["APPWRITE_API_KEY"].visibility == "private"


def selecting(*names: str) -> SinkSpec:
    return spec({**ORGANIZATION, "visibility": "selected"}).having(repositories=names)


def test_a_new_secret_is_seen_by_the_repositories_that_are_selected(server: GitHub, sinks: InstalledSinks) -> None:
    server.add("acme/other")
    server.add("acme/admin")
    sink = sinks.open(selecting("admin", "Shop"))

    sink.preflight()
    sink.write(SECRET, None)

    kept = server.places["acme"].secrets["APPWRITE_API_KEY"]
    numbers = [server.number("acme/admin"), server.number("acme/shop")]
    assert (kept.value, kept.visibility, kept.selected) == (SECRET.reveal(), "selected", numbers)
    paths = [request.path for request in server.calls.requests if request.path.startswith("/repos/")]
    assert paths == ["/repos/acme/admin", "/repos/acme/Shop"]  # each is asked for once


def test_a_repository_that_is_not_there_is_told_before_any_key_is_made(server: GitHub, sinks: InstalledSinks) -> None:
    with pytest.raises(SinkUnavailable, match='GitHub has no repository "acme/shpo", or shows it not to this token'):
        sinks.open(selecting("shop", "shpo")).preflight()

    assert not server.calls.of("PUT")


def test_a_selection_that_somebody_changed_stays(server: GitHub, sinks: InstalledSinks) -> None:
    old = Kept(value="old", created=server.now(), updated=server.now(), visibility="selected", selected=[7])
    server.places["acme"].secrets["APPWRITE_API_KEY"] = old

    sinks.open(selecting("shop")).write(SECRET, None)

    new = server.places["acme"].secrets["APPWRITE_API_KEY"]
    assert (new.value, new.visibility, new.selected) == (SECRET.reveal(), "selected", [7])


@pytest.mark.parametrize("body", [{}, {"id": "4000"}, {"name": "shop"}], ids=["empty", "text", "none"])
def test_a_repository_without_a_number_is_none(server: GitHub, sinks: InstalledSinks, body: dict[str, str]) -> None:
    opened(sinks, ORGANIZATION).preflight()
    server.calls.faults.append(Fault(method="GET", reply=Reply(status=200, body=body)))

    with pytest.raises(SinkUnavailable, match="something that is no repository"):
        sinks.open(selecting("shop")).preflight()


@pytest.mark.parametrize("kept", [("all", []), ("selected", list(range(1, 251))), ("selected", list(range(1, 101)))])
def test_who_sees_a_secret_of_an_organization_stays(
    server: GitHub, sinks: InstalledSinks, kept: tuple[str, list[int]]
) -> None:
    old = Kept(value="old", created=server.now(), updated=server.now(), visibility=kept[0], selected=kept[1])
    server.places["acme"].secrets["APPWRITE_API_KEY"] = old

    opened(sinks, {**ORGANIZATION, "visibility": "private"}).write(SECRET, None)

    new = server.places["acme"].secrets["APPWRITE_API_KEY"]
    assert (new.value, new.visibility, new.selected) == (SECRET.reveal(), *kept)


@pytest.mark.parametrize("name", ["GITHUB_KEY", "github_key", "1KEY", "MY-KEY", "KEY É"])
def test_a_name_that_github_refuses_is_refused_before_it_is_asked(
    server: GitHub, sinks: InstalledSinks, name: str
) -> None:
    with pytest.raises(SinkError, match="GitHub has no secrets called"):
        opened(sinks, {**REPOSITORY, "secret": name}).preflight()

    assert server.calls.requests == []


def test_48_kb_arrive_and_a_byte_more_is_refused(server: GitHub, sinks: InstalledSinks) -> None:
    opened(sinks).write(Secret("a" * 48 * 1024), None)

    with pytest.raises(SinkError, match="48 KB at most"):
        opened(sinks).write(Secret("a" * 48 * 1024 + "b"), None)

    assert len(server.calls.of("PUT")) == 1


# --- who may not ---


def test_without_a_token_nothing_is_known_and_the_message_says_where_one_goes(server: GitHub) -> None:
    with InstalledSinks({"GITHUB_API_URL": server.address}) as sinks:
        (held,) = sinks.observe([spec(REPOSITORY)]).values()

    assert held.occupied is None
    assert held.why == "there is no credential for GitHub: neither GH_TOKEN nor GITHUB_TOKEN is set"


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("nobody", "GitHub answered 401: Bad credentials"),
        (WORKFLOW, "GitHub answered 403: Resource not accessible by integration"),
    ],
    ids=["unknown", "workflow"],
)
@pytest.mark.parametrize("options", PLACES.values(), ids=PLACES)
def test_a_token_that_may_not_read_fails_preflight_and_knows_nothing(
    server: GitHub, token: str, words: str, options: dict[str, str]
) -> None:
    with with_token(server, token) as sinks:
        with pytest.raises(SinkUnavailable, match=words) as caught:
            opened(sinks, options).preflight()
        with pytest.raises(SinkUnavailable, match=words):
            opened(sinks, options).look()

    assert "GH_TOKEN or GITHUB_TOKEN must be a token that may write" in caught.value.hint


@pytest.mark.parametrize("options", PLACES.values(), ids=PLACES)
def test_a_token_that_only_reads_sees_and_fails_preflight(server: GitHub, options: dict[str, str]) -> None:
    with with_token(server, READ_ONLY) as sinks:
        assert opened(sinks, options).look() == EMPTY
        with pytest.raises(SinkError, match="403: Resource not accessible by personal access token") as caught:
            opened(sinks, options).preflight()

    assert not isinstance(caught.value, SinkUnavailable)


@pytest.mark.parametrize("token", ["with\nbreak_k4n4ry", "k4n4ryé"])
def test_a_token_that_no_header_carries_is_not_repeated(server: GitHub, token: str) -> None:
    with with_token(server, token) as sinks, pytest.raises(SinkUnavailable) as caught:
        opened(sinks)

    assert "a character that none has" in caught.value.message
    assert_tells_nothing(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repository": "acme/nothing"}, 'GitHub has no repository "acme/nothing", or shows it not to this token'),
        ({"organization": "nobody"}, 'GitHub has no organization "nobody", or shows it not to this token'),
        ({"repository": "acme/shop", "environment": "Stage/2"}, 'acme/shop has no environment "Stage/2"'),
        ({"repository": "acme/gone", "environment": "production"}, 'GitHub has no repository "acme/gone", or'),
    ],
    ids=["repository", "organization", "environment", "environment of no repository"],
)
def test_a_place_that_is_not_there_is_named(sinks: InstalledSinks, options: dict[str, str], message: str) -> None:
    sink = opened(sinks, {**options, "secret": "KEY"})

    with pytest.raises(SinkUnavailable) as caught:
        sink.preflight()
    with pytest.raises(SinkUnavailable):
        sink.look()

    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_an_environment_with_a_slash_is_found(server: GitHub, sinks: InstalledSinks) -> None:
    server.add("acme/shop:review/pull 7")

    opened(sinks, {**REPOSITORY, "environment": "review/pull 7"}).write(SECRET, None)

    assert server.places["acme/shop:review/pull 7"].secrets


def test_a_renamed_repository_is_followed(server: GitHub, sinks: InstalledSinks) -> None:
    server.moved["acme/old"] = "acme/shop"
    sink = opened(sinks, {**REPOSITORY, "repository": "acme/old"})

    sink.preflight()
    sink.write(SECRET, None)

    assert server.places["acme/shop"].secrets["APPWRITE_API_KEY"].value == SECRET.reveal()


def test_a_token_is_shown_to_no_other_server(server: GitHub, sinks: InstalledSinks) -> None:
    with github() as elsewhere:
        moved = Reply(
            status=301, headers={"Location": f"{elsewhere.address}/repos/acme/shop/actions/secrets/public-key"}
        )
        server.calls.faults.append(Fault(method="GET", reply=moved))

        with pytest.raises(SinkUnavailable, match="401"):
            opened(sinks).preflight()

        (request,) = elsewhere.calls.requests
        assert "authorization" not in request.headers


# --- what goes wrong on the way ---


@pytest.mark.parametrize("status", [403, 429])
def test_a_rate_limit_is_waited_out(server: GitHub, sinks: InstalledSinks, status: int) -> None:
    limited = Reply(status=status, body=LIMITED, headers={"Retry-After": "0"})
    server.calls.faults += [Fault(method="GET", reply=limited, times=2), Fault(method="PUT", reply=limited, times=3)]

    opened(sinks).write(SECRET, None)

    assert server.places["acme/shop"].secrets["APPWRITE_API_KEY"].value == SECRET.reveal()


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "3600"},
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3600)},
    ],
    ids=["secondary", "primary"],
)
@pytest.mark.parametrize("status", [403, 429])
def test_one_that_lasts_for_an_hour_is_not_and_nothing_was_written(
    server: GitHub, sinks: InstalledSinks, status: int, headers: dict[str, str]
) -> None:
    server.calls.faults.append(Fault(method="PUT", reply=Reply(status=status, body=LIMITED, headers=headers)))

    with pytest.raises(SinkError, match="exceeded a secondary rate limit") as caught:
        opened(sinks).write(SECRET, None)

    assert not isinstance(caught.value, SinkUnavailable)
    assert caught.value.hint.startswith("try again in 3")
    assert len(server.calls.of("PUT")) == 1


def test_a_limit_that_keeps_from_looking_says_why_nothing_is_known(server: GitHub, sinks: InstalledSinks) -> None:
    limited = Reply(status=403, body=LIMITED, headers={"Retry-After": "3600"})
    server.calls.faults.append(Fault(method="GET", reply=limited))

    (held,) = sinks.observe([spec(REPOSITORY)]).values()

    assert "GitHub answered 403: You have exceeded a secondary rate limit" in held.why


@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_lost_answer_is_asked_for_again(server: GitHub, sinks: InstalledSinks, drop: str) -> None:
    server.calls.faults += [Fault(method="GET", drop=drop, times=3), Fault(method="PUT", drop=drop, times=3)]

    opened(sinks).write(SECRET, None)

    assert server.places["acme/shop"].secrets["APPWRITE_API_KEY"].value == SECRET.reveal()


def test_a_no_after_a_lost_answer_is_no_clear_no(server: GitHub, sinks: InstalledSinks) -> None:
    no = Reply(status=403, body={"message": "Resource not accessible by personal access token"})
    server.calls.faults += [Fault(method="PUT", drop="after"), Fault(method="PUT", reply=no)]

    with pytest.raises(SinkUnavailable, match="403"):
        opened(sinks).write(SECRET, None)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault(method="PUT", drop="before", times=9), "GitHub cannot be reached"),
        (Fault(method="PUT", drop="after", times=9), "GitHub cannot be reached"),
        (Fault(method="PUT", reply=Reply(status=500), times=9), "GitHub answered 500"),
        (Fault(method="PUT", reply=Reply(status=503), times=9), "GitHub answered 503"),
    ],
    ids=["dropped before", "dropped after", "500", "503"],
)
def test_where_no_answer_comes_nobody_knows(server: GitHub, sinks: InstalledSinks, fault: Fault, message: str) -> None:
    server.calls.faults.append(fault)

    with pytest.raises(SinkUnavailable, match=message) as caught:
        opened(sinks).write(SECRET, None)

    assert_tells_nothing(caught.value)


def test_a_server_that_is_down_is_not_known_of() -> None:
    with InstalledSinks({"GH_TOKEN": TOKEN, "GITHUB_API_URL": "http://127.0.0.1:9"}) as sinks:
        (held,) = sinks.observe([spec(REPOSITORY)]).values()

    assert held.why.startswith("GitHub cannot be reached")


@pytest.mark.parametrize("body", [{}, [], {"key_id": "1", "key": "bm90IGEga2V5"}, {"key_id": 1, "key": "x"}], ids=str)
def test_an_answer_that_is_no_public_key_is_not_used(server: GitHub, sinks: InstalledSinks, body: object) -> None:
    server.calls.faults.append(Fault(method="GET", reply=Reply(status=200, body=body)))

    with pytest.raises(SinkUnavailable, match="something that is no public key") as caught:
        opened(sinks).write(SECRET, None)

    assert server.calls.of("PUT") == []
    assert_tells_nothing(caught.value)


def test_without_pynacl_the_message_says_what_to_install(
    sinks: InstalledSinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nacl.public", None)

    with pytest.raises(SinkUnavailable, match="needs PyNaCl") as caught:
        opened(sinks).preflight()

    assert caught.value.hint == "pip install 'appwrite-reconciler[github]'"


@pytest.mark.parametrize("address", ["ftp://example.com", "no address", "http://[", "http://a b"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    with InstalledSinks({"GH_TOKEN": TOKEN, "GITHUB_API_URL": address}) as sinks:
        (held,) = sinks.observe([spec(REPOSITORY)]).values()

    assert "GitHub" in held.why
    assert "k4n4ry" not in held.why
