"""A secret that the server hides is read from a sink that is known to hold it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reconciler.app.planning import Site
from reconciler.app.revealing import reveal
from reconciler.core.desired import SinkSpec
from reconciler.core.holding import Held, Holding, note_of
from reconciler.errors import UsageError
from reconciler.ports import SecretSink
from tests.support.applying import Shop, a_shop
from tests.support.builders import REALM, SECRET, SINK, desired, owned_id, wanted
from tests.support.hiding import hiding

pytestmark = pytest.mark.anyio

WISH = desired(wanted(sinks=(SINK,)))


@dataclass(slots=True)
class Holds:
    """The `Sinks` port over one sink that is only looked at."""

    held: Holding

    def open(self, spec: SinkSpec) -> SecretSink:
        raise NotImplementedError(spec)

    def place(self, spec: SinkSpec) -> SinkSpec:
        return spec

    def observe(self, specs: Iterable[SinkSpec]) -> Held:
        return dict.fromkeys(specs, self.held)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """One whose server hides secrets, with the key."""
    async with a_shop() as made:
        made.emulator.add_key(REALM.project, owned_id("ci"), ["users.read"], secret=SECRET.reveal())
        made.wire.app = hiding(made.emulator.app)
        yield made


def site(shop: Shop) -> Site:
    return Site(
        store=shop.store,
        own_secret=None,
        empty=replace(WISH, keys=()),
        resolve=lambda _: WISH,
        folder=Path(),
    )


@pytest.mark.parametrize("outdated", [False, True], ids=["as it should be", "encrypted for others than it should be"])
async def test_a_sink_that_holds_it_tells(shop: Shop, outdated: bool) -> None:
    key = (await shop.keys())[owned_id("ci")]
    sinks = Holds(Holding(occupied=True, secret=SECRET, note=note_of(key, SECRET), outdated=outdated))

    assert (await reveal([site(shop)], sinks, "staging/ci")).secret == SECRET


async def test_a_sink_whose_value_has_no_note_does_not(shop: Shop) -> None:
    with pytest.raises(UsageError, match="none of its sinks is known to hold it"):
        await reveal([site(shop)], Holds(Holding(occupied=True, secret=SECRET)), "staging/ci")
