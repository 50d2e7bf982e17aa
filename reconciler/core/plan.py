"""A plan is data: what apply will do to each environment, and why.

It holds no secret, client, callback or open file. Executor, guards and every rendering walk the same changes,
so what is shown is what is done. Reasons and marks are for people and never steer apply.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import assert_never

from reconciler.core.desired import Expiry, SinkSpec
from reconciler.core.keys import KeyState


class Reason(StrEnum):
    """Why a change is in the plan."""

    DECLARED = "declared, and not live"
    UNFINISHED = "a run that did not finish made it, and its secret is lost: it is made again"
    ABANDONED = "created by a run that did not finish, and its expire is in the past"
    UNDELIVERED = "created by a run that did not deliver or commit it"
    SINK_DIFFERS = "a sink does not hold this key's secret"
    SINK_UNREADABLE = "a sink cannot be read"
    FIELDS_DIFFER = "live differs from the manifest"
    UNDECLARED = "owned by this manifest, and no longer declared"
    SUPERSEDED = "an older generation of a key that has a newer one"
    DESTROY = "destroy deletes every owned key"
    EQUAL = "live equals the manifest"


class Risk(StrEnum):
    """What to look at twice."""

    GAINS_WRITE = "gains write"
    GAINS_KEYS = "gains keys.*"
    LONGER_LIFE = "longer life"
    EXPIRY_REMOVED = "expiry removed"
    EXPIRES_NOW = "expires at once"
    IN_USE = "in use"
    OWN_CREDENTIAL = "credential in use"
    REPLACES_VALUE = "replaces a value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One risk of one change; `detail` names the scopes, the day or the sink."""

    risk: Risk
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.risk} ({self.detail})" if self.detail else str(self.risk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Make a key that is not live; `after.expire` counts a duration from now, `expiry` is what was declared."""

    address: str
    key_id: str
    after: KeyState
    expiry: Expiry
    sinks: tuple[SinkSpec, ...]
    reason: Reason
    marks: tuple[Mark, ...] = ()
    from_globs: frozenset[str] = frozenset()
    leftover: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Bring a live key's secret to sinks that lack it, then write its fields where they differ."""

    address: str
    key_id: str
    before: KeyState
    after: KeyState
    sinks: tuple[SinkSpec, ...]
    reason: Reason
    marks: tuple[Mark, ...] = ()
    from_globs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Replace name, scopes and expiry of a live key; its secret stays."""

    address: str
    key_id: str
    before: KeyState
    after: KeyState
    reason: Reason
    marks: tuple[Mark, ...] = ()
    from_globs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete an owned key; `expired` when it no longer authenticates anyway."""

    address: str
    key_id: str
    before: KeyState
    reason: Reason
    marks: tuple[Mark, ...] = ()
    expired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A key that is as declared."""

    address: str
    key_id: str
    state: KeyState
    reason: Reason = Reason.EQUAL


Change = Create | Deliver | Update | Delete
Entry = Change | Unchanged


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmanaged:
    """A live key without this manifest's mark: shown, never touched."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPlan:
    """One environment's changes, by address, and the counts that guards judge by."""

    environment: str
    endpoint: str
    project: str
    now: datetime
    changes: tuple[Change, ...]
    unchanged: tuple[Unchanged, ...]
    unmanaged: tuple[Unmanaged, ...]
    owned_count: int
    live_count: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What apply will do, environment by environment in the manifest's order."""

    environments: tuple[EnvironmentPlan, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change of every environment."""
        return tuple(change for environment in self.environments for change in environment.changes)

    def agrees_with(self, other: Plan) -> bool:
        """Whether the other plan does the same to keys in the same state; only the time may differ."""
        return _essence(self) == _essence(other)


def _essence(plan: Plan) -> list[tuple[object, ...]]:
    return [(type(change), change.key_id, *_states(change)) for change in plan.changes]


def _states(change: Change) -> tuple[object, ...]:
    match change:
        case Create(after=after, expiry=expiry, sinks=sinks):  # a duration counts from another now each time
            return after.name, after.scopes, expiry, sinks
        case Deliver(before=before, after=after, sinks=sinks):
            return before, after, sinks
        case Update(before=before, after=after):
            return before, after
        case Delete(before=before):
            return (before,)
        case _:
            assert_never(change)
