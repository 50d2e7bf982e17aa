"""Ways to break the program that the chaos must not let pass; each is done in the forked process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from reconciler.app import apply, delivery, minting
from reconciler.core import planner
from reconciler.core.delivery import at
from reconciler.core.desired import DesiredKey, Rotation
from reconciler.core.drafting import Draft
from reconciler.core.holding import Held, Match
from reconciler.core.holding import match as compare
from reconciler.core.ids import next_id
from reconciler.core.keys import KeyState, LiveKey
from reconciler.core.plan import Retire, Unchanged
from reconciler.core.secret import Secret
from reconciler.core.superseding import retire_unfinished


def _commits_before_it_delivers() -> None:
    write_all = delivery.Delivery._write_all

    async def commit_first(self: delivery.Delivery, key: LiveKey, sinks: Any, written: Any) -> None:
        await self.store.update(key, replace(key.state, name=key.name.removesuffix(" (undelivered)"), expire=None))
        await write_all(self, key, sinks, written)

    delivery.Delivery._write_all = commit_first  # type: ignore[method-assign]


def _makes_keys_that_never_die() -> None:
    from reconciler.core.probation import probation

    def endless(after: KeyState, now: Any, chance: float) -> KeyState:
        return replace(probation(after, now, chance), expire=None)

    minting.probation = endless  # type: ignore[attr-defined]


def _writes_what_is_there() -> None:
    delivery.is_same = lambda *_: False  # type: ignore[attr-defined]


def _tells_secrets() -> None:
    reveal = Secret.reveal

    def loudly(self: Secret) -> str:
        sys.stderr.write(f"using {reveal(self)[:40]}\n")
        return reveal(self)

    Secret.reveal = loudly  # type: ignore[method-assign]


def _cleans_up_keys_of_others() -> None:
    run = apply.EnvironmentApply.run

    async def and_more(self: apply.EnvironmentApply) -> Any:
        outcome = await run(self)
        for key in self.live.keys:
            if key.id.startswith("ci.bbbbbbbb"):
                await self.delivery.store.delete(key.id)
        return outcome

    apply.EnvironmentApply.run = and_more  # type: ignore[method-assign]


def _forgets_a_sink() -> None:
    write_all = delivery.Delivery._write_all

    async def all_but_one(self: delivery.Delivery, key: LiveKey, sinks: Any, written: Any) -> None:
        await write_all(self, key, sinks[1:], written)

    delivery.Delivery._write_all = all_but_one  # type: ignore[method-assign]


def _starts_by_deleting_a_key_that_works() -> None:
    run = apply.EnvironmentApply.run

    async def after_deleting(self: apply.EnvironmentApply) -> Any:
        for entry in self.plan.unchanged:
            await self.delivery.store.delete(entry.key_id)
        return await run(self)

    apply.EnvironmentApply.run = after_deleting  # type: ignore[method-assign]


def _makes_another_key_where_the_server_shows_the_secret() -> None:
    def is_lost(key: DesiredKey, match: LiveKey, now: datetime, held: Held, *, insists: bool) -> bool:
        seen = (held.get(at(sink, match.id)) for sink in key.sinks)
        return any(each is not None and compare(each, match) is Match.LACKS for each in seen)

    planner.is_secret_lost = is_lost  # type: ignore[attr-defined]


def _lets_a_key_work_on_that_never_did() -> None:
    def end(draft: Draft, key: DesiredKey, match: LiveKey, held: Held) -> Retire | Unchanged:
        rotation = Rotation(every=timedelta(days=90), overlap=timedelta(hours=48))
        return retire_unfinished(key, match, draft.live, rotation, by=next_id(match.id))

    planner.end_of_unfinished = end  # type: ignore[attr-defined]


SABOTAGES: dict[str, Callable[[], None]] = {
    "commits before it delivers": _commits_before_it_delivers,
    "makes keys that never die": _makes_keys_that_never_die,
    "writes what is there": _writes_what_is_there,
    "tells secrets": _tells_secrets,
    "cleans up keys of others": _cleans_up_keys_of_others,
    "forgets a sink": _forgets_a_sink,
    "starts by deleting a key that works": _starts_by_deleting_a_key_that_works,
    "makes another key where the server shows the secret": _makes_another_key_where_the_server_shows_the_secret,
    "lets a key work on that never did": _lets_a_key_work_on_that_never_did,
}
