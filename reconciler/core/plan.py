"""A plan is data: what apply will do to each environment, and why.

It holds no secret, client, callback or open file. Executor, guards and every rendering walk the same changes,
so what is shown is what is done. Reasons and marks are for people and never steer apply, but may refuse it.
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
    SINK_OUTDATED = "a sink holds this key's secret otherwise than it should"
    SINK_UNREADABLE = "a sink cannot be read"
    SINK_NAMED = "a sink shows its value to nobody, and --target names the key: it is delivered again"
    DUE = "due for rotation"
    DUE_ADOPTED = "adopted, and due for its first rotation"
    ENDS_SOON = "under rotation, and it ends before an overlap from now"
    WAS_RETIRED = "under rotation, and retiring, with no newer key in its place"
    ASKED = "rotate asks for it"
    COMPROMISED = "the secret of the one before has leaked, as rotate --compromised says"
    SECRET_LOST = "a sink lacks the secret, which this server never shows again: a new key takes its place"
    SCHEDULED = "adopted under rotation: it is rotated for the first time an overlap before it ends"
    FIELDS_DIFFER = "live differs from the manifest"
    UNDECLARED = "owned by this manifest, and no longer declared"
    SUPERSEDED = "superseded by a newer key"
    RETIRING = "superseded; it ends by itself, and is deleted then"
    OWN_SUPERSEDED = "superseded, and it may be the credential of this very run: a run with another one retires it"
    OUTNUMBERED = "superseded twice over: two keys of a name work at a time, and no more"
    LEAKED = "its secret has leaked: it is deleted without an overlap, once the key in its place is delivered"
    LEFT_OVER = "left by a run that did not finish, and another key is there in its place"
    ABSENT = "named under absent"
    PRUNED = "owned by this manifest, and no longer declared: it ends after the time that prune_grace gives"
    DESTROY = "destroy deletes every owned key"
    ENDING = "no longer declared; it ends by itself, and is deleted then"
    REPORTED = "no longer declared; prune: report leaves it"
    NOT_ASKED = "not to be rotated now, whatever else differs"
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
    FOREIGN_VALUE = "replaces the secret of another manifest's key"
    MAY_NOT_CREATE = "credential may not create keys here"
    MAY_NOT_WRITE = "credential may not change keys"
    BEYOND_CREDENTIAL = "more than the credential may give"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One risk of one change; `detail` names the scopes, the day or the sink."""

    risk: Risk
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.risk} ({self.detail})" if self.detail else str(self.risk)


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """Make a key that is not live; `after.expire` counts a duration from now, `expiry` is what was declared.

    `follows` is the id of the key that works and whose place it takes: a rotation. None where there is none. `detail`
    says more of the reason.
    """

    address: str
    key_id: str
    after: KeyState
    expiry: Expiry
    sinks: tuple[SinkSpec, ...]
    reason: Reason
    marks: tuple[Mark, ...] = ()
    from_globs: frozenset[str] = frozenset()
    lost: tuple[str, ...] = ()
    leftover: str | None = None
    follows: str | None = None
    detail: str = ""


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
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """Replace name, scopes, expiry and description of a live key; its secret stays."""

    address: str
    key_id: str
    before: KeyState
    after: KeyState
    reason: Reason
    marks: tuple[Mark, ...] = ()
    from_globs: frozenset[str] = frozenset()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Retire:
    """Let a live key end at `after.expire`, under a name that says so; until then this can be taken back.

    The end counts from the moment in which apply writes it. `detail` says more of the reason.
    """

    address: str
    key_id: str
    before: KeyState
    after: KeyState
    reason: Reason
    marks: tuple[Mark, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """Delete a key that is owned, or that the manifest names under `absent`; `expired` when it no longer authenticates
    anyway.

    One that is `leaked` goes as soon as the key in its place is delivered, and its secret is tried until the server
    refuses it.
    """

    address: str
    key_id: str
    before: KeyState
    reason: Reason
    marks: tuple[Mark, ...] = ()
    expired: bool = False
    leaked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A key that stays as it is: `reason` says whether it is as declared, or left although it is not declared."""

    address: str
    key_id: str
    state: KeyState
    reason: Reason = Reason.EQUAL
    detail: str = ""

    @property
    def is_declared(self) -> bool:
        """Whether this is the key that the manifest declares, and not one that only ends by itself."""
        return self.reason in {Reason.EQUAL, Reason.NOT_ASKED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A sink of which nobody can tell whether it holds the live key's secret, for it shows its value to nobody; or one,
    of a key to be made too, that could not be looked at, and `why`.
    """

    address: str
    sink: str
    why: str = ""


Change = Create | Deliver | Update | Retire | Delete
Entry = Change | Unchanged


def action(entry: Entry) -> str:
    """The one word for what is done to a key."""
    match entry:
        case Create(follows=follows):
            return "create" if follows is None else "rotate"
        case Deliver():
            return "deliver"
        case Update():
            return "update"
        case Retire():
            return "retire"
        case Delete():
            return "delete"
        case Unchanged():
            return "none"
        case _:
            assert_never(entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmanaged:
    """A live key that is shown and never touched: without this manifest's mark, or ignored."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentPlan:
    """One environment's changes, by address, and the counts that guards judge by.

    `live` is a fingerprint of the keys that the plan speaks of, as they were. `protected` are the addresses that
    `protect` names, `owned_count` the live keys that carry the manifest's mark, those left out that it names by id.
    `unseen` are the sinks of which it is not known whether they hold what they should.
    """

    environment: str
    owner: str
    endpoint: str
    project: str
    now: datetime
    live: str
    changes: tuple[Change, ...]
    unchanged: tuple[Unchanged, ...]
    unmanaged: tuple[Unmanaged, ...]
    ignored: tuple[Unmanaged, ...]
    protected: tuple[str, ...]
    declared_count: int
    owned_count: int
    live_count: int
    unseen: tuple[Unseen, ...] = ()
    warnings: tuple[str, ...] = ()


def is_declared(entry: Entry) -> bool:
    """Whether an entry is about the key that the manifest declares: what only ends may bear the same address."""
    return entry.is_declared if isinstance(entry, Unchanged) else not isinstance(entry, Retire | Delete)


def addresses_kept(plan: EnvironmentPlan) -> frozenset[str]:
    """The addresses that have a key as declared once the plan is applied, whatever ends beside it."""
    entries: tuple[Entry, ...] = (*plan.changes, *plan.unchanged)
    return frozenset(entry.address for entry in entries if is_declared(entry))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What apply will do, environment by environment in the manifest's order."""

    environments: tuple[EnvironmentPlan, ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change of every environment."""
        return tuple(change for environment in self.environments for change in environment.changes)

    def agrees_with(self, other: Plan) -> bool:
        """Whether the other plan does the same to keys in the same state, over the same values in their sinks; only the
        time may differ.
        """
        return _essence(self) == _essence(other)


def replaced(change: Change) -> frozenset[Mark]:
    """The marks of what a change overwrites in sinks."""
    return frozenset(mark for mark in change.marks if mark.risk in {Risk.REPLACES_VALUE, Risk.FOREIGN_VALUE})


def _essence(plan: Plan) -> list[tuple[object, ...]]:
    return [(type(change), change.key_id, replaced(change), *_states(change)) for change in plan.changes]


def _states(change: Change) -> tuple[object, ...]:
    match change:
        case Create(after=after, expiry=expiry, sinks=sinks):  # a duration counts from another now each time
            return after.name, after.scopes, after.description, expiry, sinks
        case Deliver(before=before, after=after, sinks=sinks):
            return before, after, sinks
        case Update(before=before, after=after):
            return before, after
        case Retire(before=before, after=after):  # the end counts from another now each time
            return before, after.name, after.scopes
        case Delete(before=before):
            return (before,)
        case _:
            assert_never(change)
