"""A secret that only this run has seen, of a key that lives on without it, goes into escrow, and comes out again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from reconciler.core.desired import SinkSpec
from reconciler.core.holding import EMPTY, UNSEEN, Held, Holding, Note, holding
from reconciler.core.outcome import EnvironmentOutcome, Result, Status
from reconciler.core.plan import Deliver
from reconciler.core.secret import Secret
from reconciler.emulator.faults import Faults
from reconciler.emulator.rules import Answer, Rule
from reconciler.errors import SinkError
from reconciler.ports import SecretSink
from tests.support.applying import Shop, a_shop
from tests.support.builders import NOW, REALM, SINK, desired, owned_id, wanted
from tests.support.hiding import hiding

pytestmark = pytest.mark.anyio

NEW, NEXT = owned_id("new"), owned_id("new", 2)
WISH = desired(wanted("new", sinks=(SINK,)))
DELETE_FAILS = Rule(method="DELETE", fault=Answer(status=403))


@dataclass(slots=True, kw_only=True)
class Sink:
    """One sink in memory; `shows` nothing where it is write-only."""

    refuses: bool = False
    shows: bool = True
    held: Secret | None = None

    def preflight(self) -> None:
        pass

    def look(self) -> Holding:
        return (holding(self.held) if self.held else EMPTY) if self.shows else UNSEEN

    def write(self, secret: Secret, _: Note | None) -> None:
        if self.refuses:
            raise SinkError("it is full")
        self.held = secret

    def remove(self) -> None:
        self.held = None


@dataclass(slots=True)
class Sinks:
    """The one sink, whatever is asked for."""

    sink: Sink

    def open(self, spec: SinkSpec) -> SecretSink:  # noqa: ARG002 - the port's signature
        return self.sink

    def place(self, spec: SinkSpec) -> SinkSpec:
        return spec

    def observe(self, specs: Iterable[SinkSpec]) -> Held:
        return dict.fromkeys(specs, self.sink.look())


@dataclass(slots=True)
class MemoryEscrow:
    """What is kept, by id."""

    kept: dict[str, Secret] = field(default_factory=dict)
    fails: bool = False

    def preflight(self) -> None:
        pass

    def keep(self, key_id: str, secret: Secret) -> str:
        if self.fails:
            raise SinkError("the disk is full")
        self.kept[key_id] = secret
        return f"escrow/{key_id}"

    def discard(self, key_id: str) -> None:
        if self.fails:
            raise SinkError("the disk is read-only")
        self.kept.pop(key_id, None)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """One whose server hides secrets."""
    async with a_shop() as made:
        made.wire.app = hiding(made.emulator.app)
        yield made


def fail(shop: Shop, *rules: Rule) -> None:
    shop.wire.app = Faults(hiding(shop.emulator.app), rules)


def mend(shop: Shop) -> None:
    shop.wire.app = hiding(shop.emulator.app)


async def works(shop: Shop, secret: Secret) -> bool:
    return await shop.store.accepts(secret)


def only(outcome: EnvironmentOutcome) -> Result:
    (result,) = outcome.results
    return result


async def test_a_key_that_is_deleted_again_needs_no_escrow(shop: Shop) -> None:
    escrow = MemoryEscrow()

    result = only(await shop.apply(WISH, sinks=Sinks(Sink(refuses=True)), escrow=escrow))

    assert (result.status, result.escrow, escrow.kept) == (Status.UNDELIVERED, "", {})
    assert await shop.keys() == {}


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param([DELETE_FAILS], id="the key cannot be deleted"),
        pytest.param([Rule(method="GET", path=NEW, fault=Answer(status=403))], id="the key cannot be looked at"),
    ],
)
async def test_a_key_that_lives_on_has_its_secret_in_escrow(shop: Shop, rules: list[Rule]) -> None:
    escrow = MemoryEscrow()
    fail(shop, *rules)

    result = only(await shop.apply(WISH, sinks=Sinks(Sink(refuses=True)), escrow=escrow))

    assert (result.status, result.escrow, set(escrow.kept)) == (Status.UNDELIVERED, f"escrow/{NEW}", {NEW})
    mend(shop)
    assert set(await shop.keys()) == {NEW}
    assert await works(shop, escrow.kept[NEW])


async def test_a_refused_commit_with_a_sink_that_cannot_be_put_back_has_the_secret_in_escrow(shop: Shop) -> None:
    escrow = MemoryEscrow()
    fail(shop, Rule(method="PUT", fault=Answer(status=403)))

    result = only(await shop.apply(WISH, sinks=Sinks(Sink(shows=False)), escrow=escrow))

    assert "cannot be put back" in result.message
    assert result.escrow == f"escrow/{NEW}"
    assert await works(shop, escrow.kept[NEW])


async def test_a_commit_without_an_answer_needs_no_escrow_for_the_secret_has_arrived(shop: Shop) -> None:
    escrow, sink = MemoryEscrow(), Sink()
    fail(shop, Rule(method="PUT", fault=Answer(status=503)))

    result = only(await shop.apply(WISH, sinks=Sinks(sink), escrow=escrow))

    assert (result.status, result.escrow, escrow.kept) == (Status.FAILED, "", {})
    assert sink.held is not None


async def test_the_run_that_makes_the_key_anew_lets_go_of_the_old_secret(shop: Shop) -> None:
    escrow, sink = MemoryEscrow(), Sink(refuses=True)
    fail(shop, DELETE_FAILS)
    await shop.apply(WISH, sinks=Sinks(sink), escrow=escrow)
    mend(shop)
    shop.move(timedelta(minutes=20))
    sink.refuses = False

    outcome = await shop.apply(WISH, sinks=Sinks(sink), escrow=escrow)

    assert {result.status for result in outcome.results} == {Status.APPLIED}
    assert (set(await shop.keys()), escrow.kept) == ({NEXT}, {})


async def test_the_run_that_delivers_the_key_after_all_lets_go_of_its_secret() -> None:
    async with a_shop() as shop:  # which shows secrets
        escrow, sink = MemoryEscrow(), Sink(refuses=True)
        shop.fail(DELETE_FAILS)
        await shop.apply(WISH, sinks=Sinks(sink), escrow=escrow)
        assert set(escrow.kept) == {NEW}
        shop.mend()
        shop.move(timedelta(minutes=20))
        sink.refuses = False

        outcome = await shop.apply(WISH, sinks=Sinks(sink), escrow=escrow)

        assert only(outcome).status is Status.APPLIED
        assert (set(await shop.keys()), escrow.kept) == ({NEW}, {})


async def test_a_key_that_is_committed_without_being_delivered_stays_in_escrow(shop: Shop) -> None:
    escrow = MemoryEscrow()
    fail(shop, DELETE_FAILS)
    await shop.apply(WISH, sinks=Sinks(Sink(refuses=True)), escrow=escrow)
    mend(shop)
    shop.move(timedelta(minutes=20))

    result = only(await shop.apply(desired(wanted("new")), sinks=Sinks(Sink()), escrow=escrow))

    assert (type(result.change), result.status) == (Deliver, Status.APPLIED)
    assert await works(shop, escrow.kept[NEW])


@pytest.mark.parametrize(("name", "age"), [("CI (undelivered)", 6), ("CI", 0)], ids=["half made", "working"])
async def test_a_secret_that_the_server_shows_to_every_run_needs_no_escrow(name: str, age: int) -> None:
    async with a_shop() as shop:
        escrow = MemoryEscrow()
        expire = NOW + timedelta(days=age) if age else None
        shop.emulator.add_key(REALM.project, NEW, ["users.read"], name=name, expire=expire)
        shop.move(timedelta(minutes=20))

        result = only(await shop.apply(WISH, sinks=Sinks(Sink(refuses=True)), escrow=escrow))

        assert (result.status, result.escrow, escrow.kept) == (Status.UNDELIVERED, "", {})
        assert (await shop.keys())[NEW].secret is not None


async def test_where_the_escrow_fails_too_the_report_says_so(shop: Shop) -> None:
    fail(shop, DELETE_FAILS)

    result = only(await shop.apply(WISH, sinks=Sinks(Sink(refuses=True)), escrow=MemoryEscrow(fails=True)))

    assert result.status is Status.UNDELIVERED
    assert result.message.endswith("its secret could not be put into escrow: the disk is full")
    assert result.escrow == ""


async def test_an_escrow_that_keeps_what_nobody_needs_any_more_is_told_and_costs_nothing(shop: Shop) -> None:
    outcome = await shop.apply(WISH, sinks=Sinks(Sink()), escrow=MemoryEscrow(fails=True))

    assert only(outcome).status is Status.APPLIED
    assert outcome.warnings == (f"the escrow of {NEW} is not needed any more: the disk is read-only",)


async def test_without_an_escrow_nothing_is_kept(shop: Shop) -> None:
    fail(shop, DELETE_FAILS)

    assert only(await shop.apply(WISH, sinks=Sinks(Sink(refuses=True)))).escrow == ""
