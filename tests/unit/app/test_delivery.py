"""Commit by expiry: what is undone where a step fails, what is left to the next run, what other runs do meanwhile."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from reconciler.core.desired import After, At, Desired, SinkSpec
from reconciler.core.holding import Held, Holding, Note, holding
from reconciler.core.ids import Realm, key_id
from reconciler.core.keys import LiveKey
from reconciler.core.outcome import EnvironmentOutcome, Status
from reconciler.core.secret import Secret
from reconciler.edge.sinks.dotenv import DotenvSink
from reconciler.emulator.rules import Answer, DropAfter, Rule
from reconciler.errors import SinkError
from reconciler.ports import SecretSink
from tests.support.applying import NoJournal, Shop, a_shop, statuses, told, variable
from tests.support.builders import NOW, REALM, SINK, desired, owned_id, wanted

pytestmark = pytest.mark.anyio

APPLIED, FAILED, UNDELIVERED = Status.APPLIED, Status.FAILED, Status.UNDELIVERED
NEW = owned_id("new")
WISH = desired(wanted("new", sinks=(SINK,)))
MINUTE = timedelta(minutes=1)
TRIAL = "/keys/reconciler-asks"


@dataclass(slots=True)
class FakeSink:
    """A sink in memory. It may refuse to be written, or hold something else than what it was given."""

    held: Secret | None = None
    refuses: bool = False
    refuses_to_restore: bool = False
    distorts: bool = False
    writes: list[Secret | None] = field(default_factory=list)

    def preflight(self) -> None:
        pass

    def look(self) -> Holding:
        return holding(self.held)

    def write(self, secret: Secret, _: Note | None) -> None:
        if self.refuses or (self.refuses_to_restore and self.writes):
            raise SinkError("it is full", hint="empty it")
        self.writes.append(secret)
        self.held = Secret("something else") if self.distorts else secret

    def remove(self) -> None:
        if self.refuses_to_restore:
            raise SinkError("it is full", hint="empty it")
        self.writes.append(None)
        self.held = None


@dataclass(slots=True)
class FakeSinks:
    """The `Sinks` port over one kind."""

    by_spec: Mapping[SinkSpec, FakeSink]

    def open(self, spec: SinkSpec) -> SecretSink:
        return self.by_spec[spec]

    def place(self, spec: SinkSpec) -> SinkSpec:
        return spec

    def observe(self, specs: Iterable[SinkSpec]) -> Held:
        return {spec: self.by_spec[spec].look() for spec in specs}


class ThisMachinesJournal(NoJournal):
    """A journal that knows every key as one of a run that died here."""

    def abandoned(self, key_id: str, nonce: datetime) -> bool:  # noqa: ARG002 - the port's signature
        return True


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with a_shop() as made:
        yield made


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def sinks(sink: FakeSink) -> FakeSinks:
    return FakeSinks({SINK: sink})


async def new_key(shop: Shop) -> LiveKey:
    return (await shop.keys())[NEW]


def put_probation(shop: Shop, *, expire: datetime = NOW + timedelta(days=6), secret: str | None = None) -> str:
    return shop.emulator.add_key(
        REALM.project, NEW, ["users.read"], name="CI (undelivered)", expire=expire, secret=secret
    )


async def test_a_key_is_made_delivered_tried_and_committed(shop: Shop, sinks: FakeSinks, sink: FakeSink) -> None:
    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": APPLIED}
    assert shop.wire.calls == [
        "POST",
        "GET reconciler-asks-whether-it-may-ask",
        f"PUT {NEW}",
        f"GET {NEW}",
        f"PUT {NEW}",
    ]
    key = await new_key(shop)
    assert (key.name, key.expire) == ("CI", None)
    assert sink.held == key.secret


async def test_until_it_is_committed_a_key_is_marked_and_dies_within_a_week_and_an_hour(
    shop: Shop, sinks: FakeSinks
) -> None:
    shop.fail(Rule(method="PUT", fault=Answer(status=500)))

    outcome = await shop.apply(WISH, sinks=sinks)

    key = await new_key(shop)
    assert key.name == "CI (undelivered)"
    assert key.expire is not None
    assert NOW + timedelta(days=7) <= key.expire < NOW + timedelta(days=7, hours=1)
    assert statuses(outcome) == {"new": FAILED}
    assert told(outcome, "new").startswith("delivered but not committed: ")


async def test_each_run_and_key_chooses_another_nonce(shop: Shop, tmp_path: Path) -> None:
    names = [f"key-{number}" for number in range(20)]
    shop.fail(Rule(method="PUT", fault=Answer(status=400)), Rule(method="DELETE", fault=Answer(status=400)))

    await shop.apply(desired(*(wanted(name, sinks=(variable(tmp_path, "A", name),)) for name in names)), parallelism=50)

    assert len({key.expire for key in (await shop.keys()).values()}) > 15


async def test_a_duration_counts_from_the_creation_that_the_server_tells(shop: Shop, sinks: FakeSinks) -> None:
    wish = desired(wanted("new", sinks=(SINK,), expiry=After(timedelta(days=90))))
    planned = await shop.plan(wish, sinks=sinks)
    shop.move(timedelta(minutes=40))

    await shop.apply(wish, sinks=sinks, planned=planned)

    key = await new_key(shop)
    assert key.created == NOW + timedelta(minutes=40)
    assert key.expire == key.created + timedelta(days=90)
    assert (await shop.plan(wish, sinks=sinks)).plan.changes == ()


async def test_a_sink_that_holds_the_secret_is_not_written_again(shop: Shop, sinks: FakeSinks, sink: FakeSink) -> None:
    sink.held = Secret(put_probation(shop))
    shop.move(timedelta(hours=1))

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": APPLIED}
    assert sink.writes == []


# --- what fails is undone ---


@pytest.mark.parametrize("before", [None, Secret("old")])
@pytest.mark.parametrize(
    ("trouble", "said"),
    [({"refuses": True}, "it is full | empty it"), ({"distorts": True}, "it does not hold what was just written")],
)
async def test_where_a_sink_fails_the_new_key_is_deleted_and_the_old_value_stays(
    shop: Shop, trouble: dict[str, bool], said: str, before: Secret | None
) -> None:
    sink = FakeSink(before)
    wish = desired(wanted("new", sinks=(SINK,)))
    for name, value in trouble.items():
        setattr(sink, name, value)

    outcome = await shop.apply(wish, sinks=FakeSinks({SINK: sink}))

    assert statuses(outcome) == {"new": UNDELIVERED}
    assert said in told(outcome, "new")
    assert await shop.keys() == {}
    assert sink.held == (before if "refuses" in trouble else Secret("something else"))


@pytest.mark.parametrize("before", [None, Secret("old")])
async def test_where_the_second_sink_fails_the_first_one_is_put_back(shop: Shop, before: Secret | None) -> None:
    other = replace(SINK, options=(("path", "b.env"), ("variable", "B")))
    first, second = FakeSink(before), FakeSink(refuses=True)

    outcome = await shop.apply(
        desired(wanted("new", sinks=(SINK, other))), sinks=FakeSinks({SINK: first, other: second})
    )

    assert statuses(outcome) == {"new": UNDELIVERED}
    assert told(outcome, "new").startswith("dotenv b.env B: it is full")
    assert first.held == before
    assert first.writes[-1] == before
    assert await shop.keys() == {}


async def test_a_sink_that_cannot_be_put_back_is_told_with_the_time_at_which_its_key_dies(shop: Shop) -> None:
    other = replace(SINK, options=(("path", "b.env"), ("variable", "B")))
    first, second = FakeSink(refuses_to_restore=True), FakeSink(refuses=True)

    outcome = await shop.apply(
        desired(wanted("new", sinks=(SINK, other))), sinks=FakeSinks({SINK: first, other: second})
    )

    assert "dotenv secrets/staging.env APPWRITE_API_KEY still holds the new key: it is full" in told(outcome, "new")
    assert "the key dies at 2026-11-30T12:" in told(outcome, "new")
    assert (await new_key(shop)).name == "CI (undelivered)"


@dataclass(slots=True)
class NotedSink(FakeSink):
    """A sink that keeps a note, and shows what it holds only after the plan."""

    note: Note | None = None
    shows_value: bool = True

    def look(self) -> Holding:
        return Holding(occupied=True, secret=self.held if self.shows_value else None, note=self.note)


@dataclass(slots=True)
class UnseenSinks(FakeSinks):
    """Sinks that nobody could look into at the plan."""

    def observe(self, specs: Iterable[SinkSpec]) -> Held:
        return {spec: Holding(occupied=None, why="it answered 503") for spec in specs}


@pytest.mark.parametrize("shows_value", [True, False])
async def test_the_secret_of_another_manifests_key_that_the_plan_could_not_see_is_not_overwritten(
    shop: Shop, shows_value: bool
) -> None:
    theirs = Note(key_id=key_id(replace(REALM, owner="other"), "new"), created=NOW, fingerprint="0" * 32)
    sink = NotedSink(held=Secret("theirs"), note=theirs, shows_value=shows_value)

    outcome = await shop.apply(WISH, sinks=UnseenSinks({SINK: sink}))

    assert statuses(outcome) == {"new": UNDELIVERED}
    assert f"it holds the secret of another manifest's or environment's key, {theirs.key_id}" in told(outcome, "new")
    assert (sink.held, sink.writes) == (Secret("theirs"), [])
    assert await shop.keys() == {}


async def test_where_another_manifests_value_was_emptied_the_note_beside_it_keeps_nobody_out(shop: Shop) -> None:
    theirs = Note(key_id=key_id(replace(REALM, owner="other"), "new"), created=NOW, fingerprint="0" * 32)
    sink = NotedSink(held=Secret(""), note=theirs)

    outcome = await shop.apply(WISH, sinks=UnseenSinks({SINK: sink}))

    assert statuses(outcome) == {"new": APPLIED}
    assert sink.held == (await new_key(shop)).secret


async def test_a_value_that_somebody_else_wrote_meanwhile_is_left_alone(shop: Shop, sink: FakeSink) -> None:
    shop.fail(Rule(method="PUT", fault=Answer(status=403)))
    shop.wire.before = lambda call: setattr(sink, "held", Secret("theirs")) if call.startswith("PUT") else None

    outcome = await shop.apply(WISH, sinks=FakeSinks({SINK: sink}))

    assert statuses(outcome) == {"new": UNDELIVERED}
    assert sink.held == Secret("theirs")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_commit_that_is_refused_is_undone(shop: Shop, sinks: FakeSinks, sink: FakeSink, status: int) -> None:
    sink.held = Secret("old")
    shop.fail(Rule(method="PUT", fault=Answer(status=status)))

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": UNDELIVERED}
    assert told(outcome, "new").startswith("not committed: staging: updating key")
    assert sink.held == Secret("old")
    assert await shop.keys() == {}


async def test_a_commit_without_a_clear_answer_is_not_undone_because_it_may_yet_land(
    shop: Shop, sinks: FakeSinks, sink: FakeSink
) -> None:
    shop.fail(Rule(method="PUT", fault=DropAfter()))

    outcome = await shop.apply(WISH, sinks=sinks)

    key = await new_key(shop)
    assert sink.held == key.secret
    assert statuses(outcome) == {"new": FAILED}
    shop.mend()
    assert (await shop.plan(WISH, sinks=sinks)).plan.changes == ()


async def test_a_key_that_cannot_be_deleted_again_is_told_with_the_time_at_which_it_dies(shop: Shop) -> None:
    shop.fail(Rule(method="DELETE", fault=Answer(status=400)))

    outcome = await shop.apply(WISH, sinks=FakeSinks({SINK: FakeSink(refuses=True)}))

    assert "it is full; the new key could not be deleted: " in told(outcome, "new")
    assert "the key dies at 2026-11-30T12:" in told(outcome, "new")


# --- the trial ---


async def test_a_new_secret_that_is_not_known_at_once_is_tried_for_five_seconds(shop: Shop, sinks: FakeSinks) -> None:
    shop.fail(*(Rule(path=TRIAL, nth=number, fault=Answer(status=401)) for number in range(1, 20)))

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": APPLIED}
    assert shop.clock.sleeps == [0.25] * 19 + [1.0]


async def test_a_new_secret_that_is_refused_for_five_seconds_is_undone(
    shop: Shop, sinks: FakeSinks, sink: FakeSink
) -> None:
    shop.fail(Rule(path=TRIAL, fault=Answer(status=401)))

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": UNDELIVERED}
    assert told(outcome, "new").startswith(
        "the server refuses the new key's own secret | see whether the project is beyond"
    )
    assert shop.clock.sleeps[:20] == [0.25] * 20
    assert sink.held is None
    assert await shop.keys() == {}


async def test_a_key_beyond_the_thousandth_is_undone_rather_than_delivered(
    shop: Shop, sinks: FakeSinks, sink: FakeSink
) -> None:
    for number in range(1000):
        shop.emulator.add_key(REALM.project, f"stranger-{number}", [])

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": UNDELIVERED}
    assert sink.held is None
    assert NEW not in await shop.keys()


# --- other runs ---


async def test_a_young_probation_key_of_another_run_is_left_to_it(shop: Shop, sinks: FakeSinks, sink: FakeSink) -> None:
    put_probation(shop)
    shop.move(14 * MINUTE)

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": FAILED}
    assert told(outcome, "new") == (
        "in progress elsewhere: another run created this key at 2026-11-23T12:00:00Z | "
        "let it finish, or run it again after 2026-11-23T12:15:00Z"
    )
    assert sink.writes == []
    assert shop.wire.calls == []


async def test_after_a_quarter_of_an_hour_it_is_delivered_and_committed(
    shop: Shop, sinks: FakeSinks, sink: FakeSink
) -> None:
    secret = put_probation(shop)
    shop.move(15 * MINUTE)

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": APPLIED}
    assert sink.held == Secret(secret)
    assert (await new_key(shop)).expire is None


async def test_a_key_of_a_run_that_died_on_this_machine_is_taken_over_at_once(
    shop: Shop, sinks: FakeSinks, sink: FakeSink
) -> None:
    secret = put_probation(shop)

    outcome = await shop.apply(WISH, sinks=sinks, journal=ThisMachinesJournal())

    assert statuses(outcome) == {"new": APPLIED}
    assert sink.held == Secret(secret)


async def test_a_dead_probation_key_is_deleted_and_made_anew(shop: Shop, sinks: FakeSinks, sink: FakeSink) -> None:
    old = put_probation(shop, expire=NOW + MINUTE)
    shop.move(timedelta(days=1))

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": APPLIED}
    keys = await shop.keys()
    assert list(keys) == [owned_id("new", 2)]
    assert sink.held == keys[owned_id("new", 2)].secret != Secret(old)


async def test_a_dead_probation_key_that_shows_late_is_deleted_and_made_anew(
    shop: Shop, sinks: FakeSinks, sink: FakeSink
) -> None:
    planned = await shop.plan(WISH, sinks=sinks)
    put_probation(shop, expire=NOW - MINUTE)
    shop.move(timedelta(minutes=16))

    outcome = await shop.apply(WISH, sinks=sinks, journal=ThisMachinesJournal(), planned=planned)

    assert statuses(outcome) == {"new": APPLIED}
    assert shop.wire.calls[:4] == ["POST", f"GET {NEW}", f"DELETE {NEW}", "POST"]
    keys = await shop.keys()
    assert list(keys) == [owned_id("new", 2)]
    assert sink.held == keys[owned_id("new", 2)].secret


async def test_what_another_run_may_be_delivering_is_not_made_again(shop: Shop, sinks: FakeSinks) -> None:
    put_probation(shop, expire=NOW - MINUTE)

    outcome = await shop.apply(WISH, sinks=sinks)

    assert [result.status for result in outcome.results] == [Status.NOT_ATTEMPTED, FAILED]
    assert "in progress elsewhere" in outcome.results[1].message
    assert shop.wire.calls == []
    assert list(await shop.keys()) == [NEW]


async def between_plan_and_apply(shop: Shop, wish: Desired, sinks: FakeSinks, **key: object) -> EnvironmentOutcome:
    """Another run makes the key after the plan was made."""
    planned = await shop.plan(wish, sinks=sinks)
    shop.emulator.add_key(REALM.project, NEW, ["users.read"], **({"name": "CI"} | key))  # type: ignore[arg-type]
    return await shop.apply(wish, sinks=sinks, planned=planned)


@pytest.mark.parametrize("name", ["CI", "Other"])
async def test_a_key_that_a_run_beside_this_one_made_and_committed_is_left_until_it_is_looked_at_again(
    shop: Shop, sinks: FakeSinks, sink: FakeSink, name: str
) -> None:
    outcome = await between_plan_and_apply(shop, WISH, sinks, name=name)

    assert told(outcome, "new") == "another run made this key | run it again"
    assert sink.writes == []


async def test_a_key_that_a_run_beside_this_one_is_about_to_commit_is_left_to_it(
    shop: Shop, sinks: FakeSinks, sink: FakeSink
) -> None:
    undelivered = {"name": "CI (undelivered)", "expire": NOW + timedelta(days=7)}

    outcome = await between_plan_and_apply(shop, WISH, sinks, **undelivered)

    assert told(outcome, "new").startswith("in progress elsewhere")
    assert sink.writes == []


async def test_a_key_without_sinks_and_the_same_fields_is_made_by_whomever(shop: Shop) -> None:
    expiry = At(NOW + timedelta(days=9))
    wish = desired(wanted("new", expiry=expiry))

    outcome = await between_plan_and_apply(shop, wish, FakeSinks({}), expire=expiry.instant)

    assert statuses(outcome) == {"new": APPLIED}


async def test_a_key_without_sinks_and_with_other_fields_is_a_failure(shop: Shop) -> None:
    outcome = await between_plan_and_apply(shop, desired(wanted("new")), FakeSinks({}), name="Other")

    assert statuses(outcome) == {"new": FAILED}


async def test_an_id_that_another_project_has_taken_is_told_with_a_way_out(shop: Shop, sinks: FakeSinks) -> None:
    shop.emulator.ensure_project("p2")
    shop.emulator.add_key("p2", NEW, [])

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": FAILED}
    assert told(outcome, "new") == (
        f"the id {NEW} is taken in another project of this server, where ids are unique | "
        "rename the key in the manifest, or change the manifest's owner"
    )


async def test_a_key_whose_id_differs_in_its_letters_alone_is_somebody_elses(shop: Shop, sinks: FakeSinks) -> None:
    shop.emulator.add_key(REALM.project, NEW.upper(), ["users.read"], name="CI")

    outcome = await shop.apply(WISH, sinks=sinks)

    assert told(outcome, "new").startswith(f"the id {NEW} is taken by a key in other letters")
    assert set(await shop.keys()) == {NEW.upper()}


async def test_what_is_undone_is_this_runs_key_and_not_the_one_that_another_run_put_in_its_place(
    shop: Shop, sinks: FakeSinks
) -> None:
    def replace_key(call: str) -> None:
        if call.startswith("PUT"):
            theirs = "UPDATE keys SET expire = '2026-11-30T12:59:59.999+00:00'"
            shop.emulator._store._connection.execute(theirs)

    shop.wire.before = replace_key
    shop.fail(Rule(method="PUT", fault=Answer(status=403)))

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": UNDELIVERED}
    assert NEW in await shop.keys()


async def test_a_creation_whose_answer_was_lost_is_known_by_its_nonce(
    shop: Shop, sinks: FakeSinks, sink: FakeSink
) -> None:
    shop.fail(Rule(method="POST", nth=1, fault=DropAfter()))

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": APPLIED}
    assert shop.wire.calls[:3] == ["POST", "POST", f"GET {NEW}"]
    assert sink.held == (await new_key(shop)).secret


# --- servers that hide secrets ---


def hide_secrets(shop: Shop) -> None:
    """From now on lists and single keys come without their secret; creation still answers with it."""
    app = shop.emulator.app

    async def hiding(scope, receive, send):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
        async def without_secret(message):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            if message["type"] == "http.response.body" and scope["method"] == "GET" and "/keys" in scope["path"]:
                body = json.loads(message["body"])
                for key in [body, *body.get("keys", ())]:
                    key.pop("secret", None)
                message = message | {"body": json.dumps(body).encode()}
            elif message["type"] == "http.response.start":
                kept = [header for header in message["headers"] if header[0].lower() != b"content-length"]
                message = message | {"headers": kept}
            await send(message)

        await app(scope, receive, without_secret)

    shop.wire.app = hiding


async def test_where_secrets_are_hidden_the_answer_of_the_creation_is_delivered(
    shop: Shop, sinks: FakeSinks, sink: FakeSink
) -> None:
    hide_secrets(shop)

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": APPLIED}
    assert sink.held is not None
    assert await shop.store.accepts(sink.held)
    assert (await shop.plan(WISH, sinks=sinks)).plan.changes == ()


async def test_where_secrets_are_hidden_an_undelivered_key_is_made_anew(
    shop: Shop, sinks: FakeSinks, sink: FakeSink
) -> None:
    old = put_probation(shop)
    shop.move(timedelta(hours=1))
    hide_secrets(shop)

    outcome = await shop.apply(WISH, sinks=sinks)

    assert statuses(outcome) == {"new": APPLIED}
    assert sink.held is not None
    assert sink.held != Secret(old)
    assert await shop.store.accepts(sink.held)
    assert not await shop.store.accepts(Secret(old))


async def test_the_same_id_in_another_realm_is_another_key(shop: Shop, tmp_path: Path) -> None:
    foreign = key_id(Realm(owner="other", environment="staging", project=REALM.project), "new")
    shop.emulator.add_key(REALM.project, foreign, [])
    spec = variable(tmp_path, "A")

    await shop.apply(desired(wanted("new", sinks=(spec,))))

    assert set(await shop.keys()) == {foreign, NEW}
    assert DotenvSink(path=tmp_path / "app.env", variable="A").look().secret == (await new_key(shop)).secret
