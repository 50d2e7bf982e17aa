"""Ways to break the program that the chaos must not let pass; each is done in the forked process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from reconciler.app import apply, delivery, minting
from reconciler.core.keys import KeyState, LiveKey
from reconciler.core.secret import Secret


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


SABOTAGES: dict[str, Callable[[], None]] = {
    "commits before it delivers": _commits_before_it_delivers,
    "makes keys that never die": _makes_keys_that_never_die,
    "writes what is there": _writes_what_is_there,
    "tells secrets": _tells_secrets,
    "cleans up keys of others": _cleans_up_keys_of_others,
    "forgets a sink": _forgets_a_sink,
    "starts by deleting a key that works": _starts_by_deleting_a_key_that_works,
}
