"""The GitLab sink, against a server that keeps GitLab's rules for variables."""

import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.desired import OptionValue, SinkSpec
from reconciler.core.holding import EMPTY, Match, Note, is_same, match, note_of
from reconciler.core.secret import Secret
from reconciler.edge.sinks import InstalledSinks
from reconciler.errors import SinkError, SinkUnavailable
from reconciler.ports import SecretSink
from tests.support.builders import live_key
from tests.support.gitlab_server import DEVELOPER, READ_ONLY, TOKEN, GitLab, gitlab
from tests.support.http_service import Fault, Reply

SECRET = Secret("standard_k4n4ry" + "5ec4e7" * 40)
KEY = live_key("k", secret=SECRET)
NOTE = note_of(KEY, SECRET)
OTHER_NOTE = Note(key_id="another", created=NOTE.created, fingerprint="0" * 32)
PROJECT: dict[str, OptionValue] = {"gitlab_project": "acme/shop", "variable": "APPWRITE_API_KEY"}
GROUP: dict[str, OptionValue] = {"gitlab_group": "acme", "variable": "APPWRITE_API_KEY"}
OWNERS = {"projects/acme/shop": PROJECT, "groups/acme": GROUP}


@pytest.fixture
def server() -> Iterator[GitLab]:
    with gitlab() as server:
        yield server


@pytest.fixture
def sinks(server: GitLab) -> Iterator[InstalledSinks]:
    with with_token(server, TOKEN) as sinks:
        yield sinks


def with_token(server: GitLab, token: str) -> InstalledSinks:
    return InstalledSinks({"GITLAB_TOKEN": token, "CI_SERVER_URL": server.address})


def spec(options: dict[str, OptionValue]) -> SinkSpec:
    return SinkSpec(kind="gitlab_ci", options=tuple(sorted(options.items())))


def opened(sinks: InstalledSinks, options: dict[str, OptionValue] = PROJECT, **more: OptionValue) -> SecretSink:
    return sinks.open(spec({**options, **more}))


def variable(server: GitLab, owner: str = "projects/acme/shop", scope: str = "*") -> dict[str, Any]:
    return server.owners[owner]["APPWRITE_API_KEY", scope]


def put(server: GitLab, owner: str = "projects/acme/shop", **fields: object) -> dict[str, Any]:
    """Somebody makes a variable."""
    made = {"variable_type": "env_var", "environment_scope": "*", "protected": False, "masked": False, "raw": False}
    made |= {"description": None, "hidden": False, "key": "APPWRITE_API_KEY", "value": "old value", **fields}
    server.owners[owner]["APPWRITE_API_KEY", str(made["environment_scope"])] = made
    return made


@pytest.mark.parametrize("owner", OWNERS)
def test_a_variable_arrives_with_its_note_and_is_deleted_again(
    server: GitLab, sinks: InstalledSinks, owner: str
) -> None:
    sink = opened(sinks, OWNERS[owner])
    sink.preflight()
    assert sink.look() == EMPTY

    sink.write(SECRET, NOTE)

    held = sink.look()
    assert is_same(held, SECRET, NOTE)
    assert held.note == NOTE
    assert variable(server, owner)["value"] == SECRET.reveal()
    sink.remove()
    assert sink.look() == EMPTY
    sink.remove()


def test_preflight_writes_nothing(server: GitLab, sinks: InstalledSinks) -> None:
    opened(sinks).preflight()

    assert {request.method for request in server.calls.requests} == {"GET"}


def test_one_that_is_made_is_masked_raw_and_for_every_branch(server: GitLab, sinks: InstalledSinks) -> None:
    opened(sinks).write(SECRET, NOTE)

    made = variable(server)
    assert (made["masked"], made["raw"], made["protected"], made["hidden"]) == (True, True, False, False)
    assert made["description"] == str(NOTE)


def test_one_that_is_made_is_as_the_manifest_says(server: GitLab, sinks: InstalledSinks) -> None:
    opened(sinks, masked=False, protected=True, scope="production").write(SECRET, NOTE)

    made = variable(server, scope="production")
    assert (made["masked"], made["protected"]) == (False, True)


def test_a_project_may_be_named_by_its_number(server: GitLab, sinks: InstalledSinks) -> None:
    opened(sinks, {**PROJECT, "gitlab_project": "42"}).write(SECRET, NOTE)

    assert variable(server)["value"] == SECRET.reveal()


def test_the_settings_of_one_that_is_there_stay(server: GitLab, sinks: InstalledSinks) -> None:
    settings: dict[str, Any] = {"protected": True, "masked": True, "raw": False, "variable_type": "file"}
    put(server, **settings)

    opened(sinks, masked=False).write(SECRET, NOTE)

    assert variable(server).items() >= {**settings, "value": SECRET.reveal()}.items()


@pytest.mark.parametrize("owner", OWNERS)
def test_the_variables_of_other_scopes_stay(server: GitLab, sinks: InstalledSinks, owner: str) -> None:
    put(server, owner)
    put(server, owner, environment_scope="staging")
    sink = opened(sinks, OWNERS[owner], scope="production")

    assert sink.look() == EMPTY
    sink.write(SECRET, NOTE)
    sink.write(SECRET, OTHER_NOTE)
    assert variable(server, owner, "production")["value"] == SECRET.reveal()
    sink.remove()

    assert [(scope, each["value"]) for (_, scope), each in server.owners[owner].items()] == [
        ("*", "old value"),
        ("staging", "old value"),
    ]


# --- the note ---


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, f"{NOTE}"),
        ("For the shop", f"For the shop {NOTE}"),
        (f"For the shop {OTHER_NOTE}", f"For the shop {NOTE}"),
        (f"{OTHER_NOTE}", f"{NOTE}"),
        ("é" * 255, f"{'é' * (254 - len(str(NOTE)))} {NOTE}"),
    ],
    ids=["none", "own", "own and old", "old", "long"],
)
def test_the_note_stands_behind_what_somebody_wrote(
    server: GitLab, sinks: InstalledSinks, before: str | None, after: str
) -> None:
    put(server, description=before)

    opened(sinks).write(SECRET, NOTE)

    assert variable(server)["description"] == after
    assert len(after) <= 255


def test_without_a_note_the_old_one_goes_and_what_somebody_wrote_stays(server: GitLab, sinks: InstalledSinks) -> None:
    put(server, description=f"For the shop {OTHER_NOTE}")

    opened(sinks).write(Secret("old value"), None)

    assert variable(server)["description"] == "For the shop"


def test_a_hidden_variable_is_known_by_its_note(server: GitLab, sinks: InstalledSinks) -> None:
    sink = opened(sinks, hidden=True)
    sink.write(SECRET, NOTE)

    held = sink.look()

    assert variable(server)["hidden"]
    assert (held.occupied, held.secret, held.note) == (True, None, NOTE)
    assert match(held, replace(KEY, secret=None)) is Match.HOLDS
    assert match(held, live_key("k", generation=2, secret=None)) is Match.LACKS


def test_a_hidden_variable_takes_a_new_value(server: GitLab, sinks: InstalledSinks) -> None:
    put(server, hidden=True, masked=True)

    opened(sinks, masked=False).write(SECRET, NOTE)

    assert variable(server)["value"] == SECRET.reveal()


def test_an_old_gitlab_has_no_room_for_a_note_and_shows_the_value(server: GitLab, sinks: InstalledSinks) -> None:
    server.version = (15, 11)
    sink = opened(sinks)
    sink.write(SECRET, NOTE)

    held = sink.look()

    assert (held.secret, held.note) == (SECRET, None)
    assert is_same(held, SECRET, NOTE)


# --- made otherwise than asked ---


def test_a_gitlab_that_cannot_hide_keeps_no_variable_that_was_to_be_hidden(
    server: GitLab, sinks: InstalledSinks
) -> None:
    server.version = (17, 3)

    with pytest.raises(SinkError, match="this GitLab hides no variables") as caught:
        opened(sinks, hidden=True).write(SECRET, NOTE)

    assert not isinstance(caught.value, SinkUnavailable)
    assert server.owners["projects/acme/shop"] == {}


def test_a_group_without_scopes_keeps_no_variable_that_was_for_one(server: GitLab, sinks: InstalledSinks) -> None:
    server.premium = False

    with pytest.raises(SinkError, match='for the scope "\\*" alone') as caught:
        opened(sinks, GROUP, scope="production").write(SECRET, NOTE)

    assert "GitLab Premium" in caught.value.hint
    assert server.owners["groups/acme"] == {}


def test_the_variable_that_such_a_group_has_already_stays_as_it_is(server: GitLab, sinks: InstalledSinks) -> None:
    server.premium = False
    put(server, "groups/acme")

    with pytest.raises(SinkError, match='for another scope than "production"'):
        opened(sinks, GROUP, scope="production").write(SECRET, NOTE)

    assert variable(server, "groups/acme")["value"] == "old value"


# --- refused ---


@pytest.mark.parametrize("value", ["short", "with a space", "two\nlines_of_it"])
def test_a_value_that_gitlab_does_not_mask_is_refused_with_the_rule(
    server: GitLab, sinks: InstalledSinks, value: str
) -> None:
    for there in (False, True):
        if there:
            put(server, masked=True, raw=True, value="old_value")
        with pytest.raises(SinkError, match="GitLab answered 400: value is invalid") as caught:
            opened(sinks).write(Secret(value), NOTE)
        assert "8 characters" in caught.value.hint
        assert value not in caught.value.message + caught.value.hint


def test_a_project_that_is_full_is_a_clear_no(server: GitLab, sinks: InstalledSinks) -> None:
    server.limit = 0

    with pytest.raises(SinkError, match=r"Maximum number of project ci variables \(0\) exceeded") as caught:
        opened(sinks).write(SECRET, NOTE)

    assert not isinstance(caught.value, SinkUnavailable)


def test_without_a_token_nothing_is_known(server: GitLab) -> None:
    with InstalledSinks({"CI_SERVER_URL": server.address, "CI_JOB_TOKEN": "job"}) as sinks:
        (held,) = sinks.observe([spec(PROJECT)]).values()

    assert held.why == "there is no credential for GitLab: GITLAB_TOKEN is not set"


@pytest.mark.parametrize(
    ("token", "words"), [("nobody", "401: 401 Unauthorized"), (DEVELOPER, "403: 403 Forbidden")], ids=str
)
@pytest.mark.parametrize("options", OWNERS.values(), ids=OWNERS)
def test_a_token_that_may_not_read_fails_preflight_and_knows_nothing(
    server: GitLab, token: str, words: str, options: dict[str, OptionValue]
) -> None:
    with with_token(server, token) as sinks:
        with pytest.raises(SinkUnavailable, match=f"GitLab answered {words}") as caught:
            opened(sinks, options).preflight()
        with pytest.raises(SinkUnavailable):
            opened(sinks, options).look()

    assert caught.value.hint.startswith("GITLAB_TOKEN must be a token with the scope api, of a")


def test_a_token_that_only_reads_sees_and_fails_preflight(server: GitLab) -> None:
    put(server, value=SECRET.reveal())

    with with_token(server, READ_ONLY) as sinks:
        assert opened(sinks).look().secret == SECRET
        with pytest.raises(SinkError, match="GITLAB_TOKEN may only read"):
            opened(sinks).preflight()


def test_a_token_that_may_not_look_at_itself_passes_preflight(server: GitLab, sinks: InstalledSinks) -> None:
    opened(sinks).look()
    server.calls.faults += [
        Fault(method="GET", late=0),
        Fault(method="GET", reply=Reply(status=401, body={"message": "401 Unauthorized"})),
    ]

    opened(sinks).preflight()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gitlab_project": "acme/nothing"}, 'GitLab has no project "acme/nothing", or shows it not to this token'),
        ({"gitlab_group": "nobody"}, 'GitLab has no group "nobody", or shows it not to this token'),
    ],
    ids=["project", "group"],
)
def test_an_owner_that_is_not_there_is_named(
    sinks: InstalledSinks, options: dict[str, OptionValue], message: str
) -> None:
    sink = opened(sinks, options, variable="KEY")

    for ask in (sink.preflight, sink.look):
        with pytest.raises(SinkUnavailable) as caught:
            ask()
        assert caught.value.message == message


def test_a_project_that_has_moved_is_not_followed_for_the_token_would_be_shown(
    server: GitLab, sinks: InstalledSinks
) -> None:
    with gitlab() as elsewhere:
        moved = Reply(status=302, headers={"Location": f"{elsewhere.address}/api/v4/projects/7/variables/KEY"})
        server.calls.faults.append(Fault(method="GET", reply=moved))

        with pytest.raises(SinkUnavailable, match="GitLab answered 302"):
            opened(sinks).look()

        assert elsewhere.calls.requests == []


# --- what goes wrong on the way ---


@pytest.mark.parametrize("drop", ["before", "after"])
@pytest.mark.parametrize("there", [False, True])
def test_a_lost_answer_is_asked_for_again(server: GitLab, sinks: InstalledSinks, drop: str, there: bool) -> None:
    if there:
        put(server)
    server.calls.faults += [Fault(method=method, drop=drop, times=2) for method in ("GET", "POST", "PUT")]

    opened(sinks).write(SECRET, NOTE)

    assert variable(server).items() >= {"value": SECRET.reveal(), "description": str(NOTE)}.items()


def test_a_variable_that_somebody_makes_meanwhile_is_updated(server: GitLab, sinks: InstalledSinks) -> None:
    sink = opened(sinks)
    server.calls.faults.append(Fault(method="GET", reply=Reply(status=404, body={"message": "404 Variable Not Found"})))
    put(server, protected=True)

    sink.write(SECRET, NOTE)

    assert variable(server).items() >= {"value": SECRET.reveal(), "protected": True}.items()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(method="POST", drop="before", times=9),
        Fault(method="POST", drop="after", times=9),
        Fault(method="POST", reply=Reply(status=500, body={"message": "500 Internal Server Error"}), times=9),
        Fault(method="POST", reply=Reply(status=503), times=9),
    ],
    ids=["dropped before", "dropped after", "500", "503"],
)
def test_where_no_answer_comes_nobody_knows(server: GitLab, sinks: InstalledSinks, fault: Fault) -> None:
    server.calls.faults.append(fault)

    with pytest.raises(SinkUnavailable, match="GitLab") as caught:
        opened(sinks).write(SECRET, NOTE)

    assert "k4n4ry" not in "".join(traceback.format_exception(caught.value)) + caught.value.hint


def test_a_server_that_repeats_the_value_is_not_quoted(server: GitLab, sinks: InstalledSinks) -> None:
    for status in (400, 422):
        said = Reply(status=status, body={"message": {"value": [f"no {SECRET.reveal()}"]}})
        server.calls.faults.append(Fault(method="POST", reply=said))

        with pytest.raises(SinkError) as caught:
            opened(sinks).write(SECRET, NOTE)

        assert caught.value.message == f"GitLab answered {status}"


@pytest.mark.parametrize("body", [[], {"value": "k4n4ry"}, "text"], ids=str)
def test_an_answer_that_is_no_variable_is_not_used(server: GitLab, sinks: InstalledSinks, body: object) -> None:
    server.calls.faults.append(Fault(method="GET", reply=Reply(status=200, body=body)))

    with pytest.raises(SinkUnavailable, match="something that is no variable"):
        opened(sinks).look()


def test_a_server_that_is_down_is_not_known_of() -> None:
    with InstalledSinks({"GITLAB_TOKEN": TOKEN, "CI_SERVER_URL": "http://127.0.0.1:9"}) as sinks:
        (held,) = sinks.observe([spec(PROJECT)]).values()

    assert held.why.startswith("GitLab cannot be reached")
