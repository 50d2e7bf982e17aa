"""How each key of an environment stands: its generation and age, when it rotates and ends, when it was last used, what
its sinks hold, and what a plan would do about it.

It is a view of the plan: what is wrong with a key is what the plan would change, in the plan's own words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from reconciler.core.delivery import at
from reconciler.core.desired import Desired, DesiredKey
from reconciler.core.ids import owned
from reconciler.core.keys import Live, LiveKey
from reconciler.core.plan import Create, Deliver, Entry, EnvironmentPlan, Unchanged, Update, action, is_declared
from reconciler.core.risks import show_sink
from reconciler.core.rotation import next_date


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStatus:
    """One sink of a key; `holds` is None where nobody can tell."""

    sink: str
    holds: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """One live key, or one that is declared and not live: then `created` is None.

    `generation` is None for an adopted key. `rotates` is the date from which the next generation is due, None without
    rotation and for a key that only ends. `pending` is the action of the plan, empty where nothing is to be done, and
    `why` its reason.
    """

    address: str
    key_id: str
    generation: int | None
    created: datetime | None
    rotates: datetime | None
    expire: datetime | None
    accessed: datetime | None
    sinks: tuple[SinkStatus, ...]
    pending: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentStatus:
    """Every key of one environment that the manifest speaks of, by address, the newest generation first."""

    environment: str
    owner: str
    endpoint: str
    project: str
    now: datetime
    keys: tuple[KeyStatus, ...]
    warnings: tuple[str, ...]


def status(desired: Desired, live: Live, plan: EnvironmentPlan) -> EnvironmentStatus:
    """How the keys of a planned environment stand."""
    keys = sorted(_keys(desired, live, plan), key=lambda each: (-(each.generation or 0), each.key_id))
    return EnvironmentStatus(
        environment=plan.environment,
        owner=plan.owner,
        endpoint=plan.endpoint,
        project=plan.project,
        now=plan.now,
        keys=tuple(sorted(keys, key=lambda each: each.address)),
        warnings=plan.warnings,
    )


def _keys(desired: Desired, live: Live, plan: EnvironmentPlan) -> Iterator[KeyStatus]:
    found = {key.id: key for key in live.keys}
    declared = {key.address: key for key in desired.keys}
    entries: tuple[Entry, ...] = (*plan.changes, *plan.unchanged)
    followed = {entry.follows: entry for entry in entries if isinstance(entry, Create) and entry.follows}
    unseen = {(each.address, each.sink) for each in plan.unseen}
    for entry in entries:
        if entry.key_id not in found:
            if isinstance(entry, Create) and not entry.follows:
                yield _status(desired, entry, entry, None, None, ())
            continue
        key = found[entry.key_id]
        told = followed.get(key.id, entry)
        wish = declared.get(entry.address) if is_declared(told) else None
        rotates = next_date(wish, key, live.now) if wish else None
        yield _status(desired, entry, told, key, rotates, tuple(_sinks(wish, entry, unseen)) if wish else ())


def _status(
    desired: Desired,
    entry: Entry,
    told: Entry,
    key: LiveKey | None,
    rotates: datetime | None,
    sinks: tuple[SinkStatus, ...],
) -> KeyStatus:
    mark = owned(desired.realm, entry.key_id)
    detail = getattr(told, "detail", "")
    is_well = isinstance(told, Unchanged) and told.is_declared
    return KeyStatus(
        address=entry.address,
        key_id=entry.key_id,
        generation=mark.generation if mark else None,
        created=key.created if key else None,
        rotates=rotates,
        expire=key.expire if key else None,
        accessed=key.accessed if key else None,
        sinks=sinks,
        pending="" if isinstance(told, Unchanged) else action(told),
        why="" if is_well else f"{told.reason} ({detail})" if detail else str(told.reason),
    )


def _sinks(wish: DesiredKey, entry: Entry, unseen: set[tuple[str, str]]) -> Iterator[SinkStatus]:
    lacking = entry.sinks if isinstance(entry, Deliver) else ()
    is_compared = isinstance(entry, Update | Deliver) or (isinstance(entry, Unchanged) and entry.is_declared)
    for sink in wish.sinks:
        shown = show_sink(at(sink, entry.key_id))
        if sink in lacking:
            yield SinkStatus(sink=shown, holds=False)
        else:
            is_known = is_compared and (entry.address, shown) not in unseen
            yield SinkStatus(sink=shown, holds=True if is_known else None)
