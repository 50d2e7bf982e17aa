"""How each key of an environment stands: its generation and age, when it rotates and ends, when and by which SDKs it
was used, what its sinks hold, what a plan would do about it, and what is to be feared for it.

It is a view of the plan and of what that was made with: what is wrong with a key is what the plan would change, in the
plan's own words. What a plan does not say, because it is not wrong yet, are early warnings.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.core.delivery import at
from reconciler.core.desired import Desired, DesiredKey
from reconciler.core.early_warnings import NOT_LIVE, EarlyWarning, credential_warnings, early_warnings
from reconciler.core.holding import Held, Holding, Match, is_held, match
from reconciler.core.ids import owned
from reconciler.core.keys import Live, LiveKey
from reconciler.core.pairing import owned_here
from reconciler.core.plan import Create, Entry, EnvironmentPlan, Unchanged, action, is_declared
from reconciler.core.probation import is_on_probation
from reconciler.core.retiring import is_retiring
from reconciler.core.risks import show_sink
from reconciler.core.rotation import next_date


class Stage(StrEnum):
    """Where a key is in its life; programs know it by its name."""

    NOT_LIVE = "declared, and not live"
    UNDELIVERED = "on probation, until a run has delivered its secret"
    WORKS = "works"
    RETIRING = "works until its end, another key has taken its place"
    EXPIRED = "ended, and not deleted yet"


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStatus:
    """One sink of a key; `holds` is None where nobody can tell."""

    sink: str
    holds: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """One live key, or one that is declared and not live: then `created` is None.

    Attributes:
        generation: None for a key that is not owned, as an adopted one.
        rotates: from when the next generation is due; None without rotation, and for a key that is not committed or
            only ends.
        superseded: when the key was made that took its place, None where none did.
        pending: the action of the plan, empty where nothing is to be done.
        why: the reason of that, or of its being left.
    """

    address: str
    key_id: str
    stage: Stage
    generation: int | None
    created: datetime | None
    rotates: datetime | None
    superseded: datetime | None
    expire: datetime | None
    accessed: datetime | None
    sdks: tuple[str, ...]
    sinks: tuple[SinkStatus, ...]
    pending: str
    why: str
    warnings: tuple[EarlyWarning, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStatus:
    """Every key of one environment that the manifest speaks of, by address, the newest first.

    The first `of_manifest` of the warnings are about what is written, however well the keys are.
    """

    environment: str
    owner: str
    endpoint: str
    project: str
    now: datetime
    keys: tuple[KeyStatus, ...]
    warnings: tuple[str, ...]
    of_manifest: int = 0

    @property
    def is_warned(self) -> bool:
        """Whether there is a warning, of any key or of all."""
        return len(self.warnings) > self.of_manifest or any(key.warnings for key in self.keys)


def status(desired: Desired, live: Live, plan: EnvironmentPlan, held: Held) -> EnvironmentStatus:
    """How the keys of a planned environment stand, and what of their secrets their sinks hold."""
    keys = sorted(_keys(desired, live, plan, held), key=_newest_first)
    return EnvironmentStatus(
        environment=plan.environment,
        owner=plan.owner,
        endpoint=plan.endpoint,
        project=plan.project,
        now=plan.now,
        keys=tuple(sorted(keys, key=lambda each: each.address)),
        warnings=(*plan.warnings, *credential_warnings(live)),
        of_manifest=len(desired.warnings),
    )


def _newest_first(key: KeyStatus) -> tuple[float, int, str]:
    return (-key.created.timestamp() if key.created else -math.inf, -(key.generation or 0), key.key_id)


def _keys(desired: Desired, live: Live, plan: EnvironmentPlan, held: Held) -> Iterator[KeyStatus]:
    found = {key.id: key for key in live.keys}
    declared = {key.address: key for key in desired.keys}
    entries: tuple[Entry, ...] = (*plan.changes, *plan.unchanged)
    followed = {entry.follows: entry for entry in entries if isinstance(entry, Create) and entry.follows}
    told = {entry.key_id: followed.get(entry.key_id, entry) for entry in entries}
    newest = {each.address: found[key_id] for key_id, each in told.items() if is_declared(each) and key_id in found}
    for entry in entries:
        if entry.key_id in found:
            look = _Look(
                key=found[entry.key_id],
                entry=entry,
                told=told[entry.key_id],
                wish=declared.get(entry.address),
                newest=newest.get(entry.address),
            )
            yield _live(look, desired, live.now, held)
        elif isinstance(entry, Create) and not entry.follows:
            yield _not_live(desired, entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A live key with what the plan does to it, and what it is told to do: `told` is the next generation where that
    is due. `newest` is the one that is declared at its address, be it this key.
    """

    key: LiveKey
    entry: Entry
    told: Entry
    wish: DesiredKey | None
    newest: LiveKey | None


def _not_live(desired: Desired, entry: Create) -> KeyStatus:
    mark = owned(desired.realm, entry.key_id)
    return KeyStatus(
        address=entry.address,
        key_id=entry.key_id,
        stage=Stage.NOT_LIVE,
        generation=mark.generation if mark else None,
        created=None,
        rotates=None,
        superseded=None,
        expire=None,
        accessed=None,
        sdks=(),
        sinks=(),
        pending=action(entry),
        why=_why(entry),
        warnings=() if entry.leftover else (NOT_LIVE,),
    )


def _live(look: _Look, desired: Desired, now: datetime, held: Held) -> KeyStatus:
    key, told = look.key, look.told
    mark = owned_here(desired, key.id)
    mine = look.wish if is_declared(told) else None
    superseded = look.newest.created if look.wish and look.newest and not mine else None
    return KeyStatus(
        address=look.entry.address,
        key_id=key.id,
        stage=_stage(key, now),
        generation=mark[1].generation if mark else None,
        created=key.created,
        rotates=next_date(mine, key, now) if mine and not is_on_probation(key) else None,
        superseded=superseded,
        expire=key.expire,
        accessed=key.accessed,
        sdks=key.sdks,
        sinks=tuple(_sinks(mine, key, held)) if mine else (),
        pending="" if isinstance(told, Unchanged) else action(told),
        why="" if isinstance(told, Unchanged) and told.is_declared else _why(told),
        warnings=tuple(early_warnings(look.wish, key, told, superseded, now)),
    )


def _stage(key: LiveKey, now: datetime) -> Stage:
    if key.has_ended(now):
        return Stage.EXPIRED
    if is_on_probation(key):
        return Stage.UNDELIVERED
    return Stage.RETIRING if is_retiring(key) else Stage.WORKS


def _why(entry: Entry) -> str:
    detail = getattr(entry, "detail", "")
    return f"{entry.reason} ({detail})" if detail else str(entry.reason)


def _sinks(wish: DesiredKey, key: LiveKey, held: Held) -> Iterator[SinkStatus]:
    for sink in wish.sinks:
        place = at(sink, key.id)
        yield SinkStatus(sink=show_sink(place), holds=_holds(held.get(place), key))


def _holds(seen: Holding | None, key: LiveKey) -> bool | None:
    if seen is None:
        return None
    return True if is_held(seen, key) else {Match.LACKS: False}.get(match(seen, key))
