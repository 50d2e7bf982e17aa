"""A clear no is not always the truth: what was applied already, or is in use already, is not undone."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from reconciler.core.desired import After, At
from reconciler.core.holding import EMPTY, Holding, Note
from reconciler.core.outcome import Status
from reconciler.core.secret import Secret
from reconciler.emulator.rules import Answer, DropAfter, Rule
from tests.support.applying import Shop, a_shop, statuses, told
from tests.support.builders import NOW, REALM, SINK, desired, owned_id, wanted
from tests.unit.app.test_delivery import FakeSink, FakeSinks, ThisMachinesJournal

pytestmark = pytest.mark.anyio

NEW = owned_id("new")
WISH = desired(wanted("new", sinks=(SINK,)))
OTHER = replace(SINK, options=(("path", "b.env"), ("variable", "B")))


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with a_shop() as made:
        yield made


def left_by_a_dead_run(shop: Shop) -> Secret:
    return Secret(
        shop.emulator.add_key(
            REALM.project, NEW, ["users.read"], name="CI (undelivered)", expire=NOW + timedelta(days=6)
        )
    )


@pytest.mark.parametrize("no", [400, 401, 403, 404])
async def test_a_commit_that_was_applied_before_it_was_refused_is_a_commit(shop: Shop, no: int) -> None:
    sink = FakeSink(held=Secret("old"))
    shop.fail(Rule(method="PUT", nth=1, fault=DropAfter()), Rule(method="PUT", nth=2, fault=Answer(status=no)))

    outcome = await shop.apply(WISH, sinks=FakeSinks({SINK: sink}))

    key = (await shop.keys())[NEW]
    assert statuses(outcome) == {"new": Status.APPLIED}
    assert (key.name, sink.held) == ("CI", key.secret)


async def test_where_the_key_cannot_be_looked_at_nothing_is_undone(shop: Shop) -> None:
    sink = FakeSink(held=Secret("old"))
    shop.fail(
        Rule(method="PUT", nth=1, fault=Answer(status=403)), Rule(method="GET", path=NEW, fault=Answer(status=403))
    )

    outcome = await shop.apply(WISH, sinks=FakeSinks({SINK: sink}))

    assert statuses(outcome) == {"new": Status.UNDELIVERED}
    assert "the key dies at 2026-11-30T12:" in told(outcome, "new")
    assert sink.held == (await shop.keys())[NEW].secret


async def test_a_key_that_was_delivered_by_a_dead_run_outlives_a_commit_that_is_refused(shop: Shop) -> None:
    sink = FakeSink(held=left_by_a_dead_run(shop))
    shop.fail(Rule(method="PUT", fault=Answer(status=400)))

    outcome = await shop.apply(WISH, sinks=FakeSinks({SINK: sink}), journal=ThisMachinesJournal())

    assert statuses(outcome) == {"new": Status.UNDELIVERED}
    assert "the key dies at " in told(outcome, "new")
    assert sink.held == (await shop.keys())[NEW].secret


async def test_a_key_that_was_delivered_by_a_dead_run_outlives_another_sink_that_fails(shop: Shop) -> None:
    first, second = FakeSink(held=left_by_a_dead_run(shop)), FakeSink(refuses=True)
    wish = desired(wanted("new", sinks=(SINK, OTHER)))

    outcome = await shop.apply(wish, sinks=FakeSinks({SINK: first, OTHER: second}), journal=ThisMachinesJournal())

    assert statuses(outcome) == {"new": Status.UNDELIVERED}
    assert first.held == (await shop.keys())[NEW].secret


async def test_a_duration_counts_from_the_creation_however_long_after_the_plan_it_came(shop: Shop) -> None:
    wish = desired(wanted("new", expiry=After(timedelta(days=90))))
    planned = await shop.plan(wish)
    shop.move(timedelta(minutes=5))

    outcome = await shop.apply(wish, planned=planned)

    assert statuses(outcome) == {"new": Status.APPLIED}
    assert (await shop.keys())[NEW].expire == NOW + timedelta(days=90, minutes=5)
    assert (await shop.plan(wish)).plan.changes == ()


async def test_an_id_that_is_free_again_is_not_said_to_be_taken(shop: Shop) -> None:
    shop.fail(
        Rule(method="POST", nth=1, fault=Answer(status=409)), Rule(method="GET", path=NEW, fault=Answer(status=404))
    )

    outcome = await shop.apply(desired(wanted("new")))

    assert statuses(outcome) == {"new": Status.APPLIED}


async def test_what_a_dead_run_left_is_not_made_again_once_its_expiry_has_passed(shop: Shop) -> None:
    left_by_a_dead_run(shop)
    wish = desired(wanted("new", expiry=At(NOW - timedelta(days=1)), sinks=(SINK,)))

    beside = await shop.apply(wish, sinks=FakeSinks({SINK: FakeSink()}))

    assert statuses(beside) == {"new": Status.FAILED}
    assert told(beside, "new").startswith("in progress elsewhere: ")  # for all that this machine knows
    assert NEW in await shop.keys()

    outcome = await shop.apply(wish, sinks=FakeSinks({SINK: FakeSink()}), journal=ThisMachinesJournal())

    assert statuses(outcome) == {"new": Status.APPLIED}
    assert await shop.keys() == {}
    plan = (await shop.plan(wish)).plan
    assert plan.changes == ()
    assert plan.warnings == ("staging/new is not created: its expire is in the past",)


@dataclass(slots=True)
class DatedSink(FakeSink):
    """A sink that tells of its value only when it was written; `lags` where it told that too early."""

    written: datetime = NOW
    lags: bool = False

    def look(self) -> Holding:
        if self.held is None:
            return EMPTY
        return Holding(occupied=True, written=NOW if self.lags else self.written)

    def write(self, secret: Secret, note: Note | None) -> None:
        FakeSink.write(self, secret, note)
        self.written += timedelta(seconds=5)


@pytest.mark.parametrize("since", [timedelta(), timedelta(minutes=1)], ids=["ours", "another's"])
async def test_what_somebody_else_wrote_since_into_a_sink_that_shows_nothing_stays(
    shop: Shop, since: timedelta
) -> None:
    sink = DatedSink()

    def overtaken(call: str) -> None:
        if call.startswith("PUT") and since:
            sink.held, sink.written = Secret("somebody else's"), sink.written + since

    shop.fail(Rule(method="PUT", fault=Answer(status=403)))
    shop.wire.before = overtaken
    outcome = await shop.apply(WISH, sinks=FakeSinks({SINK: sink}))

    assert statuses(outcome) == {"new": Status.UNDELIVERED}
    assert sink.held == (Secret("somebody else's") if since else None)


async def test_a_time_that_was_read_too_early_makes_our_own_value_nobody_elses(shop: Shop) -> None:
    sink = DatedSink(held=Secret("old"), lags=True)

    def caught_up(call: str) -> None:
        sink.lags = sink.lags and not call.startswith("PUT")

    shop.fail(Rule(method="PUT", fault=Answer(status=403)))
    shop.wire.before = caught_up
    outcome = await shop.apply(WISH, sinks=FakeSinks({SINK: sink}))

    assert "cannot be put back" in told(outcome, "new")
    assert set(await shop.keys()) == {NEW}
