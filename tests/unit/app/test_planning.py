"""Looking at environments: side by side, every failure told, nothing left behind."""

import asyncio
from dataclasses import dataclass
from pathlib import PurePath
from typing import cast

import pytest

from reconciler.app.planning import Site, plan
from reconciler.core.desired import Desired
from reconciler.core.guards import Allowances
from reconciler.core.keys import Listing, ServerFacts
from reconciler.edge.sinks import InstalledSinks
from reconciler.errors import CredentialError, ReconcilerError, SeveralErrors
from reconciler.ports import KeyStore
from tests.support.builders import NOW, desired, live_key, wanted

pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Store:
    """The part of a `KeyStore` that planning needs; it may refuse its list, or never answer."""

    refuses: str = ""
    facts_refused: bool = False
    hangs: bool = False
    cancelled: bool = False

    async def facts(self) -> ServerFacts:
        if self.facts_refused:
            await asyncio.sleep(0)
            raise CredentialError("no facts")
        return ServerFacts()

    async def list(self) -> Listing:
        try:
            if self.hangs:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self.refuses:
            raise CredentialError(self.refuses) from OSError("why")
        return Listing(keys=(live_key(),), now=NOW)


def site(store: Store, wish: Desired | None = None) -> Site:
    return Site(
        store=cast("KeyStore", store),
        own_secret=None,
        empty=desired(),
        resolve=lambda _: desired(wanted()) if wish is None else wish,
        folder=PurePath(),
    )


async def planned(*stores: Store) -> int:
    made = await plan([site(store) for store in stores], InstalledSinks(), Allowances())
    return len(made.environments)


async def test_every_environment_is_planned_in_the_order_asked_for() -> None:
    assert await planned(Store(), Store(), Store()) == 3


async def test_one_failure_is_raised_as_it_is_with_its_cause() -> None:
    with pytest.raises(CredentialError, match="no list") as raised:
        await planned(Store(), Store("no list"))

    assert isinstance(raised.value.__cause__, OSError)


async def test_several_failures_are_told_together() -> None:
    with pytest.raises(SeveralErrors) as raised:
        await planned(Store("first"), Store(), Store("second"))

    assert [error.message for error in raised.value.errors] == ["first", "second"]


async def test_a_call_whose_environment_has_failed_already_is_not_waited_for_and_not_left_behind() -> None:
    store = Store(facts_refused=True, hangs=True)

    with pytest.raises(ReconcilerError, match="no facts"):
        await asyncio.wait_for(planned(store), 5)

    assert store.cancelled
