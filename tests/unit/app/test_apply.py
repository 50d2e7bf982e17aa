"""Apply as a whole: the order of stages, what stops what, and what is done at the end."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from dotenv import dotenv_values

from reconciler.core.desired import After, Rotation
from reconciler.core.outcome import EnvironmentOutcome, Status
from reconciler.core.plan import Reason
from reconciler.emulator.rules import Answer, Rule
from tests.support.applying import Shop, a_shop, statuses, told, variable
from tests.support.builders import NOW, REALM, desired, owned_id, wanted

pytestmark = pytest.mark.anyio

DAY = timedelta(days=1)
APPLIED, FAILED, NOT_ATTEMPTED = Status.APPLIED, Status.FAILED, Status.NOT_ATTEMPTED


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with a_shop() as made:
        yield made


def put(shop: Shop, *names: str, title: str = "CI", **fields: object) -> None:
    """Owned keys that are live already."""
    for name in names:
        shop.emulator.add_key(REALM.project, owned_id(name), ["users.read"], name=title, **fields)  # type: ignore[arg-type]


def writes(shop: Shop) -> list[str]:
    """The calls that change something, each with the key's slug."""
    bodies = [call.partition(" ") for call in shop.wire.calls if not call.startswith("GET")]
    return [f"{method} {key_id.partition('.')[0]}".strip() for method, _, key_id in bodies]


MIXED = (wanted("new"), wanted("other"), wanted("stale", title="New"))
"""Against the live keys `stale` and `old`: two creations, an update and a deletion."""


async def mixed(shop: Shop, **options: int) -> EnvironmentOutcome:
    return await shop.apply(desired(*MIXED), **options)  # type: ignore[arg-type]


async def test_changes_are_made_in_the_order_create_deliver_update_delete(shop: Shop, tmp_path: Path) -> None:
    put(shop, "stale", "old", "lacking")
    sink = variable(tmp_path, "A")

    outcome = await shop.apply(desired(*MIXED, wanted("lacking", sinks=(sink,))))

    assert set(statuses(outcome).values()) == {APPLIED}
    touched = "PUT lacking"
    assert writes(shop) == ["POST", "POST", "PUT stale", "DELETE old", touched]
    secret = (await shop.keys())[owned_id("lacking")].secret
    assert secret is not None
    assert dotenv_values(tmp_path / "app.env") == {"A": secret.reveal()}


async def test_results_come_in_the_order_of_the_plan_whatever_ended_first(shop: Shop) -> None:
    put(shop, "stale", "old")

    outcome = await mixed(shop, parallelism=10)

    assert [result.change.address for result in outcome.results] == [
        "staging/new",
        "staging/old",
        "staging/other",
        "staging/stale",
    ]
    assert {result.change.address for result in shop.results} == {result.change.address for result in outcome.results}
    assert len(shop.results) == 4


async def test_a_creation_that_fails_stops_the_deletions_and_nothing_else(shop: Shop) -> None:
    put(shop, "stale", "old")
    shop.fail(Rule(method="POST", nth=1, fault=Answer(status=400)))

    outcome = await mixed(shop)

    assert statuses(outcome) == {"new": FAILED, "other": APPLIED, "stale": APPLIED, "old": NOT_ATTEMPTED}
    assert told(outcome, "old") == "something before it failed, and nothing is deleted then | "
    assert owned_id("old") in await shop.keys()


async def test_an_update_that_fails_stops_the_deletions_too(shop: Shop) -> None:
    put(shop, "stale", "old")
    shop.fail(Rule(method="PUT", nth=1, fault=Answer(status=404)))

    outcome = await mixed(shop)

    assert statuses(outcome) == {"new": APPLIED, "other": APPLIED, "stale": FAILED, "old": NOT_ATTEMPTED}


async def test_a_deletion_that_fails_stops_no_other(shop: Shop) -> None:
    put(shop, "a", "b", "c")
    shop.fail(Rule(method="DELETE", nth=1, fault=Answer(status=400)))

    outcome = await shop.apply(desired(allow_empty=True))

    assert statuses(outcome) == {"a": FAILED, "b": APPLIED, "c": APPLIED}


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_halts_the_environment(shop: Shop, status: int) -> None:
    put(shop, "stale", "old", "kept")
    shop.fail(Rule(method="POST", nth=1, fault=Answer(status=status)))

    outcome = await shop.apply(desired(*MIXED, wanted("kept")))

    assert statuses(outcome) == {"new": FAILED, "other": NOT_ATTEMPTED, "stale": NOT_ATTEMPTED, "old": NOT_ATTEMPTED}
    assert told(outcome, "stale") == "the server refused the credential | "
    assert writes(shop) == ["POST"]


async def test_denied_creation_stops_creations_only_and_so_the_deletions() -> None:
    async with a_shop(profile="main", key_scopes=["keys.read", "keys.write"]) as shop:
        put(shop, "stale", "old")

        outcome = await mixed(shop)

        assert statuses(outcome) == {"new": FAILED, "other": NOT_ATTEMPTED, "stale": APPLIED, "old": NOT_ATTEMPTED}
        assert "key_creation_denied" in told(outcome, "new")
        assert "console session" in told(outcome, "new")
        assert told(outcome, "other") == "this credential may not create keys here | "
        assert writes(shop)[:2] == ["POST", "PUT stale"]


async def test_a_server_that_fails_again_and_again_is_left_alone(shop: Shop) -> None:
    names = [f"key-{number}" for number in range(9)]
    shop.fail(Rule(method="POST", fault=Answer(status=500, body="untyped")))

    outcome = await shop.apply(desired(*map(wanted, names)))

    assert list(statuses(outcome).values()) == [FAILED] * 3 + [NOT_ATTEMPTED] * 6
    assert told(outcome, "key-8") == "the server failed 3 times in a row | "


async def test_failures_between_successes_do_not_add_up(shop: Shop) -> None:
    names = [f"key-{number}" for number in range(9)]
    sendings = 6  # of a creation that fails: the first and five more
    fine = {2 * sendings + 1, 4 * sendings + 2, 6 * sendings + 3}
    failing = set(range(1, 6 * sendings + 3)) - fine
    shop.fail(*(Rule(method="POST", nth=number, fault=Answer(status=500)) for number in failing))

    outcome = await shop.apply(desired(*map(wanted, names)))

    assert list(statuses(outcome).values()) == [FAILED, FAILED, APPLIED] * 3


async def test_as_many_calls_as_are_in_flight_may_fail_before_the_server_is_left_alone(shop: Shop) -> None:
    names = [f"key-{number:02}" for number in range(12)]
    shop.fail(Rule(method="POST", fault=Answer(status=500)))

    outcome = await shop.apply(desired(*map(wanted, names)), parallelism=4)

    assert [status for status in statuses(outcome).values() if status is not NOT_ATTEMPTED] in (
        [FAILED] * 4,
        [FAILED] * 7,  # the three that were begun before the fourth failed
    )


async def test_a_clear_no_is_no_failing_server(shop: Shop) -> None:
    names = [f"key-{number}" for number in range(9)]
    shop.fail(Rule(method="POST", fault=Answer(status=400)))

    outcome = await shop.apply(desired(*map(wanted, names)))

    assert list(statuses(outcome).values()) == [FAILED] * 9


@pytest.mark.parametrize("parallelism", [1, 3, 10])
async def test_no_more_calls_are_in_flight_than_allowed(shop: Shop, parallelism: int) -> None:
    wish = desired(*(wanted(f"key-{number}") for number in range(30)))
    planned = await shop.plan(wish)
    shop.wire.most = 0

    await shop.apply(wish, parallelism=parallelism, planned=planned)

    assert shop.wire.most == parallelism


async def test_an_interrupt_finishes_what_is_in_flight_and_begins_nothing(shop: Shop) -> None:
    put(shop, "stale", "old")
    stop = asyncio.Event()
    shop.wire.before = lambda call: stop.set() if call == "POST" else None

    outcome = await shop.apply(desired(*MIXED), stop=stop)

    assert statuses(outcome) == {"new": APPLIED, "other": NOT_ATTEMPTED, "stale": NOT_ATTEMPTED, "old": NOT_ATTEMPTED}
    assert told(outcome, "stale") == "interrupted | run it again"


async def test_an_interrupted_key_is_delivered_and_committed_before_the_end(shop: Shop, tmp_path: Path) -> None:
    stop = asyncio.Event()
    shop.wire.before = lambda call: stop.set() if call == "POST" else None

    outcome = await shop.apply(desired(wanted("new", sinks=(variable(tmp_path, "A"),)), wanted("other")), stop=stop)

    assert statuses(outcome) == {"new": APPLIED, "other": NOT_ATTEMPTED}
    key = (await shop.keys())[owned_id("new")]
    assert (key.name, key.expire) == ("CI", None)


async def test_a_key_without_sink_is_made_and_the_report_says_where_its_secret_is(shop: Shop) -> None:
    outcome = await shop.apply(desired(wanted("new")))

    assert statuses(outcome) == {"new": APPLIED}
    assert told(outcome, "new").startswith("its secret was delivered nowhere | `reconciler reveal ADDRESS` prints it")


# --- servers before 2.0 keep an old project cache until the next write ---


@pytest.mark.parametrize("version", ["1.9.6", "1.8.0", "unknown"])
async def test_the_last_write_is_followed_by_one_that_changes_nothing(shop: Shop, version: str) -> None:
    shop.wire.version = version
    put(shop, "kept", "old")

    outcome = await shop.apply(desired(wanted("kept")))

    assert statuses(outcome) == {"old": APPLIED}
    assert writes(shop) == ["DELETE old", "PUT kept"]
    assert shop.clock.sleeps == [1.0]
    assert outcome.warnings == ()


@pytest.mark.parametrize("version", ["2.0.0", "2.6.2", "10.0.0"])
async def test_servers_from_2_on_need_no_such_write(shop: Shop, version: str) -> None:
    shop.wire.version = version
    put(shop, "kept", "old")

    await shop.apply(desired(wanted("kept")))

    assert writes(shop) == ["DELETE old"]
    assert shop.clock.sleeps == []


async def test_nothing_is_written_where_nothing_was_to_be_done(shop: Shop) -> None:
    put(shop, "kept")

    outcome = await shop.apply(desired(wanted("kept")))

    assert (outcome.results, outcome.warnings, shop.wire.calls) == ((), (), [])


async def test_no_key_that_another_run_may_be_writing_is_written_back(shop: Shop) -> None:
    put(shop, "stale", "old")
    shop.fail(Rule(method="PUT", nth=1, fault=Answer(status=400)))

    outcome = await shop.apply(desired(wanted("stale", title="New")))

    assert statuses(outcome) == {"stale": FAILED, "old": NOT_ATTEMPTED}
    assert writes(shop) == ["PUT stale"]


async def test_where_no_declared_key_is_left_the_stale_cache_is_warned_of(shop: Shop) -> None:
    put(shop, "old")
    shop.emulator.add_key(REALM.project, "stranger", ["users.read"])

    outcome = await shop.apply(desired(allow_empty=True))

    (warning,) = outcome.warnings
    assert warning.startswith("no owned key is left to refresh the server's cache with")
    assert writes(shop) == ["DELETE old"]


async def test_a_cache_that_cannot_be_refreshed_is_a_warning_and_no_failure(shop: Shop) -> None:
    put(shop, "kept", "old")
    shop.fail(Rule(method="PUT", fault=Answer(status=403)))

    outcome = await shop.apply(desired(wanted("kept")))

    assert statuses(outcome) == {"old": APPLIED}
    (warning,) = outcome.warnings
    assert warning.startswith("the server's cache could not be refreshed: staging: writing back unchanged")


async def test_the_write_that_changes_nothing_changes_nothing(shop: Shop) -> None:
    put(shop, "kept", "old", expire=NOW + timedelta(days=3, milliseconds=7))
    before = (await shop.keys())[owned_id("kept")]

    await shop.apply(desired(wanted("kept")))

    after = (await shop.keys())[owned_id("kept")]
    assert after.state != before.state  # the declared key never expires: that was the update
    await shop.apply(desired(wanted("kept"), wanted("another")))
    assert (await shop.keys())[owned_id("kept")] == after


@pytest.mark.parametrize(
    ("title", "status", "message"),
    [
        (None, Status.ALREADY_SO, "another run did it | "),
        ("CI", FAILED, "another run has committed this key since | run it again"),
        ("CI (retiring)", Status.ALREADY_SO, "another run lets it end, at 2026-11-25T12:00:00Z | "),
    ],
    ids=["deleted", "committed", "retired"],
)
async def test_what_a_run_left_is_looked_at_again_before_it_is_deleted(
    shop: Shop, title: str | None, status: Status, message: str
) -> None:
    put(shop, "gone", title="CI (undelivered)", expire=NOW + 7 * DAY)
    shop.move(timedelta(minutes=16))
    planned = await shop.plan(desired(allow_empty=True))
    (key,) = (await shop.keys()).values()
    if title is None:
        await shop.store.delete(key.id)
    else:
        await shop.store.update(key, replace(key.state, name=title, expire=NOW + 2 * DAY))

    outcome = await shop.apply(planned.desired, planned=planned)

    assert (statuses(outcome), told(outcome, "gone")) == ({"gone": status}, message)
    assert not any(call.startswith("DELETE") for call in shop.wire.calls)


async def test_what_is_to_go_whoever_uses_it_goes_although_another_run_lets_it_end(shop: Shop) -> None:
    put(shop, "gone", title="CI (undelivered)", expire=NOW + 7 * DAY)
    shop.move(timedelta(minutes=16))
    planned = await shop.plan(desired(allow_empty=True))
    changes = tuple(replace(change, reason=Reason.DESTROY) for change in planned.plan.changes)
    (key,) = (await shop.keys()).values()
    await shop.store.update(key, replace(key.state, name="CI (undelivered) (retiring)", expire=NOW + 2 * DAY))

    outcome = await shop.apply(planned.desired, planned=replace(planned, plan=replace(planned.plan, changes=changes)))

    assert statuses(outcome) == {"gone": APPLIED}
    assert await shop.keys() == {}


async def test_what_another_run_has_in_hand_is_given_no_end(shop: Shop, tmp_path: Path) -> None:
    rotation = Rotation(every=90 * DAY, overlap=7 * DAY)
    sink = variable(tmp_path, "A")
    wish = desired(replace(wanted(sinks=(sink,), expiry=After(rotation.life)), rotation=rotation))
    for generation, title, life in (2, "CI (undelivered)", 7 * DAY), (3, "CI", rotation.life):
        expire = NOW + life
        shop.emulator.add_key(REALM.project, owned_id("ci", generation), ["users.read"], name=title, expire=expire)

    outcome = await shop.apply(wish)

    (left,) = (result for result in outcome.results if result.change.key_id == owned_id("ci", 2))
    assert (left.status, left.message.partition(":")[0]) == (FAILED, "in progress elsewhere")
    assert (await shop.keys())[owned_id("ci", 2)].name == "CI (undelivered)"


async def test_own_expired_keys_make_room_first_in_a_project_that_is_nearly_full(shop: Shop) -> None:
    put(shop, "expired", expire=NOW - timedelta(days=1))
    for number in range(999):
        shop.emulator.add_key(REALM.project, f"stranger-{number}", [])

    outcome = await shop.apply(desired(wanted("new")))

    assert set(statuses(outcome).values()) == {APPLIED}
    assert writes(shop)[:2] == ["DELETE expired", "POST"]
